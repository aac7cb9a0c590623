/*
 * rebuild.c - how long does segreg_open take when the shared memory is gone, as after a reboot? Beside a bare scan of
 * the same records.
 */
#include "questions/questions.h"

#include "common/fail.h"
#include "common/measure.h"
#include "place/grown.h"
#include "place/registry.h"
#include "place/segment.h"
#include "place/store.h"
#include "result/contest.h"
#include "result/result.h"
#include "segreg.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 9u

struct scene {
	char name[64], file[512];
	uint64_t n;
	bool is_grown; /* the registry is that of grown.h */
};

static double rebuild(void *arg)
{
	const struct scene *s = arg;
	double begin = measure_now();
	struct segreg *reg = s->is_grown ? grown_open(s->n) : registry_open(s->name);

	begin = measure_now() - begin;
	MUST(segreg_close(reg, NULL));
	return begin * 1e3;
}

static double scan(void *arg)
{
	const struct scene *s = arg;
	double begin = measure_now();

	if (store_scan(s->file, "segments") < s->n)
		fail("a scan of all records");
	return (measure_now() - begin) * 1e3;
}

/* Make a registry of n segments that no process has open. */
static void set(struct scene *s, uint64_t n, bool is_grown)
{
	char registry[REGISTRY_PATH_SIZE];
	struct segreg *reg;

	s->n = n;
	s->is_grown = is_grown;
	snprintf(s->name, sizeof(s->name), is_grown ? GROWN_NAME : "rebuild-%llu", (unsigned long long)n);
	registry_path(s->name, registry);
	snprintf(s->file, sizeof(s->file), "%s/registry.mdb", registry);
	reg = is_grown ? grown_open(n) : registry_create_light(s->name, 0);
	if (!is_grown)
		segment_fill(reg, n, 0);
	MUST(segreg_close(reg, NULL));
}

void question_rebuild(void)
{
	uint64_t last = measure_is_quick() ? 100000 : 1000000;

	for (uint64_t n = last / 1000; n <= last; n *= 10) {
		struct scene s;
		struct contender c[] = { { .name = "segreg_open, alone", .run = rebuild, .arg = &s },
					 { .name = "LMDB, one scan", .run = scan, .arg = &s } };
		char question[64];

		set(&s, n, n == last);
		snprintf(question, sizeof(question), "rebuild of %llu segments", (unsigned long long)n);
		contest_run(question, "ms", c, 2, ROUNDS);
		result_point("rebuild", c[0].name, (double)n, c[0].cost.median);
		result_point("rebuild", c[1].name, (double)n, c[1].cost.median);
		if (n < last)
			continue;
		result_goal(measure_is_quick() ? "rebuild of 100,000 segments" : "rebuild of 1,000,000 segments",
			    c[1].ratio.median, 4, false, "x LMDB scan of that file");
	}
}
