/*
 * measure.c - clocks, medians, and contests: whatever is compared runs in turns.
 *
 * In each round everybody runs once, and who begins moves on by one, so that what the machine does beside us falls on
 * all. A ratio is taken inside a round, where the two stood beside each other; the median of the rounds' ratios is
 * what is judged, since a mean is at the mercy of one bad round.
 */
#include "result.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds(clockid_t clock)
{
	struct timespec ts;

	BENCH_OK(clock_gettime(clock, &ts));
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

double bench_now(void)
{
	return seconds(CLOCK_MONOTONIC_RAW);
}

double bench_cpu(void)
{
	return seconds(CLOCK_THREAD_CPUTIME_ID);
}

bool bench_quick(void)
{
	const char *quick = getenv("QUICK");

	return quick && *quick && *quick != '0';
}

void bench_keep(uint64_t v)
{
	__asm__ volatile("" : : "r"(v) : "memory");
}

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014). */
uint64_t bench_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of sorted values, what the part q of them does not exceed; between two values in proportion. */
static double quantile(const double *sorted, size_t n, double q)
{
	double at = q * (double)(n - 1);
	size_t below = (size_t)at;

	if (below + 1 >= n)
		return sorted[n - 1];
	return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

struct bench_stat bench_stat_of(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return (struct bench_stat){
		.median = quantile(values, n, 0.5), .low = quantile(values, n, 0.25), .high = quantile(values, n, 0.75),
	};
}

void bench_contest(const char *question, const char *unit, struct bench_contender *contender, size_t n, unsigned rounds)
{
	double *cost, *ratio;

	if (bench_quick())
		rounds = rounds > 6 ? rounds / 2 : 3;
	cost = calloc(n * rounds, sizeof(*cost));
	ratio = calloc(rounds, sizeof(*ratio));
	if (!cost || !ratio)
		bench_fail("calloc");
	for (size_t i = 0; i < n; i++)
		contender[i].run(contender[i].arg);
	for (unsigned round = 0; round < rounds; round++)
		for (size_t turn = 0; turn < n; turn++) {
			size_t i = (round + turn) % n;

			cost[i * rounds + round] = contender[i].run(contender[i].arg);
		}
	/* The first one's costs are needed in the rounds' order until the last ratio is taken. */
	for (size_t i = n; i-- > 0;) {
		for (unsigned round = 0; round < rounds; round++)
			ratio[round] = cost[round] / cost[i * rounds + round];
		contender[i].ratio = bench_stat_of(ratio, rounds);
		contender[i].cost = bench_stat_of(&cost[i * rounds], rounds);
	}
	for (size_t i = 0; i < n; i++)
		result_contender(question, unit, &contender[i], i == 0);
	free(cost);
	free(ratio);
}
