/*
 * decide.c - what does it cost to decide which of many retired segments are still held, and how long does it keep others from
 * the table lock?
 *
 * All of them are held, by pins of many lanes or by a horizon, so that a sweep decides on each and deletes nothing. Another
 * process asks all the while for a segment that is not there, which only the table lock can answer.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PINS_OF_A_LANE 1000u
#define LANES_MAX 64u
#define ROUNDS 9u
#define NOBODY UINT64_MAX

struct scene {
	const char *name;
	struct segreg *reg, *lanes[LANES_MAX];
	uint64_t n; /* pending */
};

static void set(struct scene *s, const char *name, uint64_t live, uint64_t pending, unsigned lanes)
{
	uint64_t state = 1;
	struct segreg_snapshot horizon;

	s->name = name;
	s->n = pending;
	s->reg = bench_registry_light(name, 0);
	bench_fill(s->reg, name, live + pending, 0);
	BENCH_OK(segreg_snapshot_take(s->reg, SEGREG_HORIZON, &horizon));
	for (unsigned i = 0; i < lanes; i++) {
		struct segreg_pin pin;

		s->lanes[i] = bench_reopen(name);
		for (unsigned j = 0; j < PINS_OF_A_LANE; j++)
			BENCH_OK(segreg_pin(s->lanes[i], bench_random(&state) % pending + 1, 0, &pin));
	}
	bench_retire(s->reg, 1, pending);
}

static void strike(struct scene *s, unsigned lanes)
{
	for (unsigned i = 0; i < lanes; i++)
		BENCH_OK(segreg_close(s->lanes[i], NULL));
	BENCH_OK(segreg_close(s->reg, NULL));
}

static double sweep_once(struct scene *s)
{
	struct segreg_sweep_result result = { .size = sizeof(result) };
	double begin = bench_now();

	BENCH_OK(segreg_sweep(s->reg, NULL, &result));
	begin = bench_now() - begin;
	if (result.held != s->n)
		bench_fail("a sweep that must find all held");
	return begin * 1e3;
}

/* Median of some sweeps, in milliseconds. The first one notes who holds what. */
static double sweeps(struct scene *s, unsigned rounds)
{
	double took[ROUNDS];

	sweep_once(s);
	for (unsigned i = 0; i < rounds; i++)
		took[i] = sweep_once(s);
	return bench_stat_of(took, rounds).median;
}

struct misses { const char *name; volatile double longest; volatile unsigned n; };

static void miss_all_the_time(void *arg)
{
	struct misses *misses = arg;
	struct segreg *reg = bench_reopen(misses->name);
	struct segreg_pin pin;

	bench_started();
	for (;;) {
		double begin = bench_now(), took;

		if (segreg_pin(reg, NOBODY, 0, &pin) != SEGREG_E_NOENT)
			bench_fail("a pin that must miss");
		took = bench_now() - begin;
		if (took > misses->longest)
			misses->longest = took;
		misses->n++;
	}
}

/* The longest wait for the table lock in each of some sweeps; their median in milliseconds. */
static double waits(struct scene *s, unsigned rounds)
{
	struct misses *misses = mmap(NULL, sizeof(*misses), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double longest[ROUNDS], median;
	pid_t pid;

	if (misses == MAP_FAILED)
		bench_fail("mmap");
	misses->name = s->name;
	pid = bench_spawn(miss_all_the_time, misses);
	for (unsigned i = 0; i < rounds; i++) {
		misses->longest = 0;
		sweep_once(s);
		longest[i] = misses->longest * 1e3;
	}
	bench_end(pid);
	median = bench_stat_of(longest, rounds).median;
	munmap(misses, sizeof(*misses));
	return median;
}

static void grow(const char *curve, uint64_t live, uint64_t pending, unsigned lanes, double x)
{
	static unsigned number;
	struct scene s;
	char *name;

	if (asprintf(&name, "decide-%u", number++) == -1)
		bench_fail("asprintf");
	set(&s, name, live, pending, lanes);
	bench_point(curve, "segreg_sweep, all held", x, sweeps(&s, 5));
	strike(&s, lanes);
	free(name);
}

void bench_decide(void)
{
	uint64_t n = bench_quick() ? 20000 : 100000;
	struct scene s;

	set(&s, "decide", 0, n, LANES_MAX);
	bench_bound(bench_quick() ? "sweep decision, 20,000 pending, 64 lanes" : "sweep decision, 100,000 pending, 64 lanes", sweeps(&s, ROUNDS),
		    100, false, "ms");
	bench_bound("  longest wait of a missing pin meanwhile", waits(&s, ROUNDS), 1, false, "ms");
	strike(&s, LANES_MAX);
	for (uint64_t pending = 100; pending <= n / 10; pending *= 10)
		grow("sweep_pending", 0, pending, 4, (double)pending);
	for (unsigned lanes = 1; lanes <= LANES_MAX; lanes *= 4)
		grow("sweep_lanes", 0, 1000, lanes, lanes);
	for (uint64_t live = 100; live <= n / 10; live *= 10)
		grow("sweep_total", live, 1000, 4, (double)live);
}
