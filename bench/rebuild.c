/*
 * rebuild.c - how long until a registry can be used again when nobody has it and its shared memory is gone, as after a
 * reboot? Beside a bare walk over the same records. And how much shared memory is it then?
 */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 9u

struct scene {
	char name[64], file[512];
	uint64_t n;
	bool is_common; /* the run's common registry */
};

static double rebuild(void *arg)
{
	const struct scene *s = arg;
	double begin = bench_now();
	struct segreg *reg = s->is_common ? bench_grown(s->n) : bench_reopen(s->name);

	begin = bench_now() - begin;
	BENCH_OK(segreg_close(reg, NULL));
	return begin * 1e3;
}

static double scan(void *arg)
{
	const struct scene *s = arg;
	double begin = bench_now();

	if (store_scan(s->file, "segments") < s->n)
		bench_fail("a walk over all records");
	return (bench_now() - begin) * 1e3;
}

/* n segments, and nobody has them open. */
static void set(struct scene *s, uint64_t n, bool is_common)
{
	struct segreg *reg;

	s->n = n;
	s->is_common = is_common;
	snprintf(s->name, sizeof(s->name), is_common ? BENCH_GROWN : "rebuild-%llu", (unsigned long long)n);
	snprintf(s->file, sizeof(s->file), "%s/%s/registry/registry.mdb", bench_dir(), s->name);
	reg = is_common ? bench_grown(n) : bench_registry_light(s->name, 0);
	if (!is_common)
		bench_fill(reg, s->name, n, 0);
	BENCH_OK(segreg_close(reg, NULL));
}

void bench_rebuild(void)
{
	uint64_t last = bench_quick() ? 100000 : 1000000;

	for (uint64_t n = last / 1000; n <= last; n *= 10) {
		struct scene s;
		struct bench_contender c[] = { { .name = "segreg_open, alone", .run = rebuild, .arg = &s },
					       { .name = "LMDB, one walk", .run = scan, .arg = &s } };
		char question[64];

		set(&s, n, n == last);
		snprintf(question, sizeof(question), "rebuild of %llu segments", (unsigned long long)n);
		bench_contest(question, "ms", c, 2, ROUNDS);
		bench_point("rebuild", c[0].name, (double)n, c[0].cost.median);
		bench_point("rebuild", c[1].name, (double)n, c[1].cost.median);
		if (n == last)
			bench_bound(bench_quick() ? "rebuild of 100,000 segments" : "rebuild of 1,000,000 segments", c[1].ratio.median, 4, false,
				    "x LMDB scan of that file");
	}
}
