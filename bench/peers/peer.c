/*
 * peer.c - rounds of a peer.
 */
#include "peer.h"

#define ROUND_SECONDS 0.005

double peer_run(void *arg)
{
	const struct peer_round *round = arg;
	double begin = bench_cpu();

	round->peer->use(round->state, round->ids, round->mask, round->count);
	return (bench_cpu() - begin) / (double)round->count * 1e9;
}

struct peer_round peer_begin(const struct peer *peer, const uint64_t *ids, size_t n)
{
	struct peer_round round = { .peer = peer, .state = peer->start(ids, n), .ids = ids, .mask = n - 1, .count = 100 };

	if (!round.state)
		bench_fail(peer->name);
	for (;;) {
		double seconds = peer_run(&round) * (double)round.count * 1e-9;

		if (seconds > ROUND_SECONDS / 2)
			break;
		round.count *= 2;
	}
	return round;
}

void peer_end(struct peer_round *round)
{
	round->peer->stop(round->state);
	round->state = NULL;
}
