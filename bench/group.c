/*
 * group.c - how many durable commits a second when several processes commit at once?
 */
#include "bench.h"

#include <stdio.h>

#define PROCESSES_MAX 16u
#define ROUNDS 7u

struct order {
	uint64_t first; /* segment that nobody has registered; others follow */
	unsigned each;  /* commits of each process */
};

/* Seconds that this process needs for its commits, beside the others. */
static double commit_some(void *arg, unsigned number)
{
	const struct order *order = arg;
	struct segreg *reg = bench_reopen("group");
	uint64_t id = order->first + number * order->each;
	char path[BENCH_PATH_LENGTH + 1];
	double begin;

	bench_barrier();
	begin = bench_now();
	for (unsigned i = 0; i < order->each; i++, id++) {
		bench_path(id, path);
		BENCH_OK(segreg_register(reg, id, path));
	}
	begin = bench_now() - begin;
	BENCH_OK(segreg_close(reg, NULL));
	return begin;
}

/* Commits a second of n processes together, until the last is done. */
static double rate(struct order *order, unsigned n)
{
	double took[PROCESSES_MAX], longest = 0;

	bench_processes(n, commit_some, order, took);
	for (unsigned i = 0; i < n; i++)
		longest = took[i] > longest ? took[i] : longest;
	order->first += (uint64_t)n * order->each;
	return n * order->each / longest;
}

void bench_group(void)
{
	static const unsigned counts[] = { 1, 2, 4, 8, 16 };
	enum { N = sizeof(counts) / sizeof(counts[0]) };
	unsigned rounds = bench_quick() ? 3 : ROUNDS;
	struct order order = { .first = 1, .each = bench_quick() ? 20 : 40 };
	struct segreg *reg = bench_registry_light("group", 0);
	double commits[N][ROUNDS], ratios[N][ROUNDS];

	bench_make_segments(reg, 1, (uint64_t)rounds * order.each * 31, 0);
	for (unsigned round = 0; round < rounds; round++)
		for (unsigned i = 0; i < N; i++) {
			commits[i][round] = rate(&order, counts[i]);
			ratios[i][round] = commits[i][round] / commits[0][round];
		}
	for (unsigned i = 0; i < N; i++) {
		struct bench_stat ratio = bench_stat_of(ratios[i], rounds), rate_stat = bench_stat_of(commits[i], rounds);
		char what[64];

		snprintf(what, sizeof(what), "%u process%s committing durably, together", counts[i], counts[i] == 1 ? "" : "es");
		bench_point("commits", "commits a second", counts[i], rate_stat.median);
		if (counts[i] == 8)
			bench_bound(what, ratio.median, 4, true, "x the commits of one");
		else
			bench_note(what, "%.0f commits a second, %.2f times one", rate_stat.median, ratio.median);
	}
	BENCH_OK(segreg_close(reg, NULL));
}
