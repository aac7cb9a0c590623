/*
 * group.c - how many durable commits a second do several processes reach that commit at once? And several threads of a
 * handle?
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

#include <pthread.h>
#include <stdio.h>

#define PROCESSES_MAX 16u
#define THREADS 8u
#define ROUNDS 7u

struct order {
	uint64_t first; /* the first id that is not registered yet */
	unsigned each;  /* commits of each process or thread */
};

/* Make the commits of process or thread `number`. Returns the seconds that they took. */
static double commit_through(struct segreg *reg, const struct order *order, unsigned number)
{
	uint64_t id = order->first + number * order->each;
	char path[SEGMENT_PATH_LENGTH + 1];
	double begin = measure_now();

	for (unsigned i = 0; i < order->each; i++, id++) {
		segment_path(id, path);
		MUST(segreg_register(reg, id, path));
	}
	return measure_now() - begin;
}

static double commit_some(void *arg, unsigned number)
{
	struct segreg *reg = registry_open("group");
	double took;

	process_meet();
	took = commit_through(reg, arg, number);
	MUST(segreg_close(reg, NULL));
	return took;
}

struct hand {
	pthread_t thread;
	pthread_barrier_t *barrier;
	struct segreg *reg;
	const struct order *order;
	unsigned number;
	double took;
};

static void *work(void *arg)
{
	struct hand *hand = arg;

	pthread_barrier_wait(hand->barrier);
	hand->took = commit_through(hand->reg, hand->order, hand->number);
	return NULL;
}

/* Commits a second of n processes together, up to the end of the slowest. */
static double rate(struct order *order, unsigned n)
{
	double took[PROCESSES_MAX], longest = 0;

	process_run_together(n, commit_some, order, took);
	for (unsigned i = 0; i < n; i++)
		longest = took[i] > longest ? took[i] : longest;
	order->first += (uint64_t)n * order->each;
	return n * order->each / longest;
}

/* Commits a second of THREADS threads of one handle together, up to the end of the slowest. */
static double rate_of_threads(struct segreg *reg, struct order *order)
{
	pthread_barrier_t barrier;
	struct hand hands[THREADS];
	double longest = 0;

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (unsigned i = 0; i < THREADS; i++) {
		hands[i] = (struct hand){ .barrier = &barrier, .reg = reg, .order = order, .number = i };
		if (pthread_create(&hands[i].thread, NULL, work, &hands[i]))
			fail("pthread_create");
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(hands[i].thread, NULL);
		longest = hands[i].took > longest ? hands[i].took : longest;
	}
	pthread_barrier_destroy(&barrier);
	order->first += (uint64_t)THREADS * order->each;
	return THREADS * order->each / longest;
}

static void note_threads(double *threads, double *beside_processes, unsigned rounds)
{
	result_note("8 threads of one handle committing durably, together",
		    "%.0f commits a second, %.2f times 8 processes", spread_of(threads, rounds).median,
		    spread_of(beside_processes, rounds).median);
}

void question_group(void)
{
	static const unsigned counts[] = { 1, 2, 4, 8, 16 };
	enum { N = sizeof(counts) / sizeof(counts[0]) };
	unsigned rounds = measure_is_quick() ? 3 : ROUNDS;
	struct order order = { .first = 1, .each = measure_is_quick() ? 20 : 40 };
	struct segreg *reg = registry_create_light("group", 0);
	double commits[N][ROUNDS], ratios[N][ROUNDS], threads[ROUNDS], beside_processes[ROUNDS];

	segment_make_files(reg, 1, (uint64_t)rounds * order.each * (31 + THREADS), 0);
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < N; i++) {
			commits[i][round] = rate(&order, counts[i]);
			ratios[i][round] = commits[i][round] / commits[0][round];
			if (counts[i] != THREADS)
				continue;
			threads[round] = rate_of_threads(reg, &order);
			beside_processes[round] = threads[round] / commits[i][round];
		}
	}
	for (unsigned i = 0; i < N; i++) {
		struct spread ratio = spread_of(ratios[i], rounds), rate_stat = spread_of(commits[i], rounds);
		char what[64];

		snprintf(what, sizeof(what), "%u process%s committing durably, together", counts[i],
			 counts[i] == 1 ? "" : "es");
		result_point("commits", "commits a second", counts[i], rate_stat.median);
		if (counts[i] == 8)
			result_goal(what, ratio.median, 4, true, "x the commits of one");
		else
			result_note(what, "%.0f commits a second, %.2f times one", rate_stat.median, ratio.median);
	}
	note_threads(threads, beside_processes, rounds);
	MUST(segreg_close(reg, NULL));
}
