/*
 * measure.c - clocks, random numbers, and what keeps a compiler from dropping the work that is measured.
 */
#include "common/measure.h"

#include "common/fail.h"

#include <stdlib.h>
#include <time.h>

static double seconds(clockid_t clock)
{
	struct timespec ts;

	MUST(clock_gettime(clock, &ts));
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

double measure_now(void)
{
	return seconds(CLOCK_MONOTONIC_RAW);
}

double measure_cpu(void)
{
	return seconds(CLOCK_THREAD_CPUTIME_ID);
}

bool measure_is_quick(void)
{
	const char *quick = getenv("QUICK");

	return quick && *quick && *quick != '0';
}

void measure_keep(uint64_t v)
{
	__asm__ volatile("" : : "r"(v) : "memory");
}

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014). */
uint64_t measure_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}
