/*
 * memory.c - shared memory of a segment, and of a handle.
 */
#include "bench.h"

#include <stdlib.h>

#define SEGMENTS 10000u
#define PINS 1000u

static void of_segments(void)
{
	uint64_t last = bench_quick() ? 10000 : 100000, before;
	double each = 0;

	for (uint64_t n = 1000; n <= last; n *= 10) {
		const char *name = n == 1000 ? "memory-1000" : n == 10000 ? "memory-10000" : "memory-100000";
		struct segreg *reg = bench_registry_light(name, 0);

		before = bench_shared_memory(name);
		bench_fill(reg, name, n, 0);
		each = (double)(bench_shared_memory(name) - before) / (double)n;
		bench_point("memory", "shared memory of a segment", (double)n, each);
		BENCH_OK(segreg_close(reg, NULL));
	}
	bench_bound("shared memory of a segment, path of 40 bytes", each, 160, false, "bytes");
}

static void of_handles(void)
{
	struct segreg *reg = bench_registry_light("memory", 0), *other;
	struct segreg_snapshot snapshot;
	uint64_t before, state = 1;

	bench_fill(reg, "memory", SEGMENTS, 0);
	before = bench_shared_memory("memory");
	other = bench_reopen("memory");
	for (unsigned i = 0; i < PINS; i++) {
		struct segreg_pin pin;

		BENCH_OK(segreg_pin(other, bench_random(&state) % SEGMENTS + 1, 0, &pin));
	}
	BENCH_OK(segreg_snapshot_take(other, SEGREG_SNAPSHOT, &snapshot));
	bench_bound("shared memory of a handle that pins 1,000 of 10,000", (double)(bench_shared_memory("memory") - before) / 1024, 64, false,
		    "KiB");
	BENCH_OK(segreg_close(other, NULL));
	BENCH_OK(segreg_close(reg, NULL));
}

void bench_memory(void)
{
	of_segments();
	of_handles();
}
