/*
 * peer.c - rounds of a peer, and contests between peers.
 */
#include "peer.h"

#include <stdlib.h>

#define ROUND_MS 5.0
#define WARM_UP 1000u

struct peer_round peer_begin(const struct peer *peer, const struct peer_ids *ids, double ms)
{
	struct peer_round round = { .peer = peer, .ids = ids, .state = peer->start(ids), .count = 100, .processes = 1 };

	if (!round.state)
		return round;
	for (;;) {
		double took = peer_run(&round) * (double)round.count * 1e-6;

		if (took > ms / 4) {
			round.count = (size_t)((double)round.count * ms / took) + 1;
			return round;
		}
		round.count *= 4;
	}
}

void peer_end(struct peer_round *round)
{
	if (round->state)
		round->peer->stop(round->state);
	round->state = NULL;
}

double peer_run(void *arg)
{
	const struct peer_round *round = arg;
	double begin = bench_cpu();

	round->peer->use(round->state, round->ids, round->count);
	return (bench_cpu() - begin) / (double)round->count * 1e9;
}

static double run_one_of(void *arg, unsigned number)
{
	struct peer_round *round = arg;
	double cost;

	(void)number;
	round->peer->use(round->state, round->ids, WARM_UP);
	bench_barrier();
	cost = peer_run(round);
	round->peer->stop(round->state);
	return cost;
}

double peer_run_processes(void *arg)
{
	struct peer_round *round = arg;
	double *costs = calloc(round->processes, sizeof(*costs)), median;

	if (!costs)
		bench_fail("calloc");
	bench_processes(round->processes, run_one_of, round, costs);
	median = bench_stat_of(costs, round->processes).median;
	free(costs);
	return median;
}

void peer_contest(const char *question, const struct peer *const *peers, size_t n, const struct peer_ids *ids, unsigned rounds,
		  struct bench_contender *contender)
{
	struct peer_round *round = calloc(n, sizeof(*round));
	struct bench_contender *here = calloc(n, sizeof(*here));
	size_t n_here = 0;

	if (!round || !here)
		bench_fail("calloc");
	for (size_t i = 0; i < n; i++) {
		round[i] = peer_begin(peers[i], ids, ROUND_MS);
		if (round[i].state)
			here[n_here++] = (struct bench_contender){ .name = peers[i]->name, .run = peer_run, .arg = &round[i] };
	}
	bench_contest(question, "ns", here, n_here, rounds);
	for (size_t i = 0, k = 0; i < n; i++) {
		contender[i] = round[i].state ? here[k++] : (struct bench_contender){ .name = NULL };
		contender[i].arg = NULL;
		peer_end(&round[i]);
	}
	free(here);
	free(round);
}
