/*
 * rebuild.c - how long until a registry can be used again when nobody has it and its shared memory is gone, as after a
 * reboot? Beside a bare walk over the same records. And how much shared memory is it then?
 */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 9u

struct scene {
	const char *name;
	char file[512];
	uint64_t n;
};

static struct segreg *reopen(const struct scene *s)
{
	return s->n ? bench_grown(s->n) : bench_reopen(s->name);
}

static double rebuild(void *arg)
{
	const struct scene *s = arg;
	double begin = bench_now();
	struct segreg *reg = reopen(s);

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

void bench_rebuild(void)
{
	uint64_t last = bench_quick() ? 100000 : 1000000;
	struct scene s = { .name = BENCH_GROWN };
	struct bench_contender c[] = { { .name = "segreg_open, alone", .run = rebuild, .arg = &s },
				       { .name = "LMDB, one walk", .run = scan, .arg = &s } };

	snprintf(s.file, sizeof(s.file), "%s/%s/registry/registry.mdb", bench_dir(), s.name);
	for (s.n = last / 1000; s.n <= last; s.n *= 10) {
		char question[64];
		struct segreg *reg = bench_grown(s.n);
		uint64_t there;

		BENCH_OK(segreg_close(reg, NULL));
		there = store_scan(s.file, "segments");
		snprintf(question, sizeof(question), "rebuild of %llu segments", (unsigned long long)there);
		bench_contest(question, "ms", c, 2, ROUNDS);
		bench_point("rebuild", c[0].name, (double)there, c[0].cost.median);
		bench_point("rebuild", c[1].name, (double)there, c[1].cost.median);
		if (s.n == last)
			bench_bound(bench_quick() ? "rebuild of 100,000 segments" : "rebuild of 1,000,000 segments", c[1].ratio.median, 4, false,
				    "x LMDB scan of that file");
	}
}
