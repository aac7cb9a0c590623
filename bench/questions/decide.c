/*
 * decide.c - how long does a sweep take to decide which of many retired segments are held? How long does it keep other
 * processes from the table lock meanwhile?
 *
 * Pins of many lanes and a horizon hold all the segments. So a sweep decides on each segment and deletes none.
 * Meanwhile another process pins an id that does not exist, again and again. Only a call with the table lock can answer
 * that such an id is missing.
 */
#include "questions/questions.h"

#include "common/fail.h"
#include "common/measure.h"
#include "common/process.h"
#include "common/spread.h"
#include "place/registry.h"
#include "place/segment.h"
#include "result/result.h"
#include "segreg.h"

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
	uint64_t n; /* retired segments */
};

static void set(struct scene *s, const char *name, uint64_t live, uint64_t pending, unsigned lanes)
{
	uint64_t state = 1;
	struct segreg_snapshot horizon;

	s->name = name;
	s->n = pending;
	s->reg = registry_create_light(name, 0);
	segment_fill(s->reg, live + pending, 0);
	MUST(segreg_snapshot_take(s->reg, SEGREG_HORIZON, &horizon));
	for (unsigned i = 0; i < lanes; i++) {
		struct segreg_pin pin;

		s->lanes[i] = registry_open(name);
		for (unsigned j = 0; j < PINS_OF_A_LANE; j++)
			MUST(segreg_pin(s->lanes[i], measure_random(&state) % pending + 1, 0, &pin));
	}
	segment_retire(s->reg, 1, pending);
}

static void strike(struct scene *s, unsigned lanes)
{
	for (unsigned i = 0; i < lanes; i++)
		MUST(segreg_close(s->lanes[i], NULL));
	MUST(segreg_close(s->reg, NULL));
}

static double sweep_once(struct scene *s)
{
	struct segreg_sweep_result result = { .size = sizeof(result) };
	double begin = measure_now();

	MUST(segreg_sweep(s->reg, NULL, &result));
	begin = measure_now() - begin;
	if (result.held != s->n)
		fail("a sweep that must find all held");
	return begin * 1e3;
}

/* The median of `rounds` sweeps, in milliseconds. A sweep before them, which does not count, notes the holders. */
static double sweeps(struct scene *s, unsigned rounds)
{
	double took[ROUNDS];

	sweep_once(s);
	for (unsigned i = 0; i < rounds; i++)
		took[i] = sweep_once(s);
	return spread_of(took, rounds).median;
}

struct misses {
	const char *name;        /* of the registry */
	volatile double longest; /* seconds of the longest pin since the sweep began */
};

static void miss_all_the_time(void *arg)
{
	struct misses *misses = arg;
	struct segreg *reg = registry_open(misses->name);
	struct segreg_pin pin;

	process_report_ready();
	for (;;) {
		double begin = measure_now(), took;

		if (segreg_pin(reg, NOBODY, 0, &pin) != SEGREG_E_NOENT)
			fail("a pin that must miss");
		took = measure_now() - begin;
		if (took > misses->longest)
			misses->longest = took;
	}
}

/* The longest pin of a missing id during each of `rounds` sweeps; the median of them in milliseconds. */
static double waits(struct scene *s, unsigned rounds)
{
	struct misses *misses = mmap(NULL, sizeof(*misses), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double longest[ROUNDS], median;
	pid_t pid;

	if (misses == MAP_FAILED)
		fail("mmap");
	misses->name = s->name;
	pid = process_start(miss_all_the_time, misses);
	for (unsigned i = 0; i < rounds; i++) {
		misses->longest = 0;
		sweep_once(s);
		longest[i] = misses->longest * 1e3;
	}
	process_kill(pid);
	median = spread_of(longest, rounds).median;
	munmap(misses, sizeof(*misses));
	return median;
}

static void grow(const char *curve, uint64_t live, uint64_t pending, unsigned lanes, double x)
{
	static unsigned number;
	struct scene s;
	char *name;

	if (asprintf(&name, "decide-%u", number++) == -1)
		fail("asprintf");
	set(&s, name, live, pending, lanes);
	result_point(curve, "segreg_sweep, all held", x, sweeps(&s, 5));
	strike(&s, lanes);
	free(name);
}

void question_decide(void)
{
	uint64_t n = measure_is_quick() ? 20000 : 100000;
	struct scene s;
	char what[64];

	set(&s, "decide", 0, n, LANES_MAX);
	snprintf(what, sizeof(what), "sweep decision, %s pending, %u lanes", measure_is_quick() ? "20,000" : "100,000",
		 LANES_MAX);
	result_goal(what, sweeps(&s, ROUNDS), 100, false, "ms");
	result_goal("  longest wait of a missing pin meanwhile", waits(&s, ROUNDS), 1, false, "ms");
	strike(&s, LANES_MAX);
	for (uint64_t pending = 100; pending <= n / 10; pending *= 10)
		grow("sweep_pending", 0, pending, 4, (double)pending);
	for (unsigned lanes = 1; lanes <= LANES_MAX; lanes *= 4)
		grow("sweep_lanes", 0, 1000, lanes, lanes);
	for (uint64_t live = 100; live <= n / 10; live *= 10)
		grow("sweep_total", live, 1000, 4, (double)live);
}
