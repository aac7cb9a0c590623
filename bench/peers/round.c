/*
 * round.c - rounds of a peer, in this process or in several; and contests between peers.
 */
#include "peers/round.h"

#include "common/fail.h"
#include "common/measure.h"
#include "common/process.h"
#include "common/spread.h"
#include "result/contest.h"
#include "peers/peer.h"

#include <pthread.h>
#include <stdlib.h>

#define ROUND_MS 5.0
#define WARM_UP 1000u
#define KNOWN 1000u

const struct peer_ids *round_hot_ids(void)
{
	static uint64_t known[KNOWN];
	static const struct peer_ids hot = { .ids = &known[KNOWN / 2], .known = known, .mask = 0, .n = KNOWN };

	for (uint64_t i = 0; i < KNOWN; i++)
		known[i] = i + 1;
	return &hot;
}

struct round round_begin(const struct peer *peer, const struct peer_ids *ids, double ms)
{
	struct round round = { .peer = peer, .ids = ids, .state = peer->start(ids), .count = 100, .many = 1 };

	if (!round.state)
		return round;
	for (;;) {
		double took = round_run(&round) * (double)round.count * 1e-6;

		if (took > ms / 4) {
			round.count = (size_t)((double)round.count * ms / took) + 1;
			return round;
		}
		round.count *= 4;
	}
}

void round_end(struct round *round)
{
	if (round->state)
		round->peer->stop(round->state);
	round->state = NULL;
}

static void use(const struct round *round, size_t count)
{
	if (round->ids->chase && round->peer->chase)
		round->peer->chase(round->state, round->ids, count);
	else
		round->peer->use(round->state, round->ids, count);
}

double round_run(void *arg)
{
	const struct round *round = arg;
	double begin = measure_cpu();

	use(round, round->count);
	return (measure_cpu() - begin) / (double)round->count * 1e9;
}

static double run_one_of(void *arg, unsigned number)
{
	struct round *round = arg;
	double cost;

	(void)number;
	use(round, WARM_UP);
	process_meet();
	cost = round_run(round);
	round->peer->stop(round->state);
	return cost;
}

double round_run_processes(void *arg)
{
	struct round *round = arg;
	double *costs = calloc(round->many, sizeof(*costs)), median;

	if (!costs)
		fail("calloc");
	process_run_together(round->many, run_one_of, round, costs);
	median = spread_of(costs, round->many).median;
	free(costs);
	return median;
}

struct thread {
	pthread_t thread;
	pthread_barrier_t *barrier;
	struct round *round;
	double cost;
};

static void *run_thread(void *arg)
{
	struct thread *thread = arg;

	use(thread->round, WARM_UP);
	pthread_barrier_wait(thread->barrier);
	thread->cost = round_run(thread->round);
	return NULL;
}

double round_run_threads(void *arg)
{
	struct round *round = arg;
	struct thread *threads = calloc(round->many, sizeof(*threads));
	double *costs = calloc(round->many, sizeof(*costs)), median;
	pthread_barrier_t barrier;

	if (!threads || !costs)
		fail("calloc");
	pthread_barrier_init(&barrier, NULL, round->many);
	for (unsigned i = 0; i < round->many; i++) {
		threads[i] = (struct thread){ .barrier = &barrier, .round = round };
		if (pthread_create(&threads[i].thread, NULL, run_thread, &threads[i]))
			fail("pthread_create");
	}
	for (unsigned i = 0; i < round->many; i++) {
		pthread_join(threads[i].thread, NULL);
		costs[i] = threads[i].cost;
	}
	pthread_barrier_destroy(&barrier);
	median = spread_of(costs, round->many).median;
	free(threads);
	free(costs);
	return median;
}

void round_contest(const char *question, const struct peer *const *peers, size_t n, const struct peer_ids *ids,
		   unsigned rounds, struct contender *contender)
{
	struct round *round = calloc(n, sizeof(*round));
	struct contender *here = calloc(n, sizeof(*here));
	size_t n_here = 0;

	if (!round || !here)
		fail("calloc");
	for (size_t i = 0; i < n; i++) {
		round[i] = round_begin(peers[i], ids, ROUND_MS);
		if (round[i].state)
			here[n_here++] = (struct contender){
				.name = peers[i]->name,
				.run = round_run,
				.arg = &round[i],
			};
	}
	contest_run(question, "ns", here, n_here, rounds);
	for (size_t i = 0, k = 0; i < n; i++) {
		contender[i] = round[i].state ? here[k++] : (struct contender){ .name = NULL };
		contender[i].arg = NULL;
		round_end(&round[i]);
	}
	free(here);
	free(round);
}
