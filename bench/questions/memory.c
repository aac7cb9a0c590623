/*
 * memory.c - how much shared memory do a segment and a handle need?
 */
#include "questions/questions.h"

#include "common/fail.h"
#include "common/measure.h"
#include "place/registry.h"
#include "place/segment.h"
#include "result/result.h"
#include "segreg.h"

#include <stdlib.h>

#define SEGMENTS 10000u
#define PINS 1000u

static void of_segments(void)
{
	uint64_t last = measure_is_quick() ? 10000 : 100000, before;
	double each = 0;

	for (uint64_t n = 1000; n <= last; n *= 10) {
		const char *name = n == 1000 ? "memory-1000" : n == 10000 ? "memory-10000" : "memory-100000";
		struct segreg *reg = registry_create_light(name, 0);

		before = registry_shared_memory(name);
		segment_fill(reg, n, 0);
		each = (double)(registry_shared_memory(name) - before) / (double)n;
		result_point("memory", "shared memory of a segment", (double)n, each);
		MUST(segreg_close(reg, NULL));
	}
	result_goal("shared memory of a segment, path of 40 bytes", each, 160, false, "bytes");
}

static void of_handles(void)
{
	struct segreg *reg = registry_create_light("memory", 0), *other;
	struct segreg_snapshot snapshot;
	uint64_t before, state = 1;

	segment_fill(reg, SEGMENTS, 0);
	before = registry_shared_memory("memory");
	other = registry_open("memory");
	for (unsigned i = 0; i < PINS; i++) {
		struct segreg_pin pin;

		MUST(segreg_pin(other, measure_random(&state) % SEGMENTS + 1, 0, &pin));
	}
	MUST(segreg_snapshot_take(other, SEGREG_SNAPSHOT, &snapshot));
	result_goal("shared memory of a handle that pins 1,000 of 10,000",
		    (double)(registry_shared_memory("memory") - before) / 1024, 64, false, "KiB");
	MUST(segreg_close(other, NULL));
	MUST(segreg_close(reg, NULL));
}

void question_memory(void)
{
	of_segments();
	of_handles();
}
