/*
 * round.h - rounds of a peer, in this process or in several; and contests between peers.
 */
#ifndef BENCH_ROUND_H
#define BENCH_ROUND_H

#include "peers/peer.h"
#include "result/contest.h"

/* One id among a thousand. It comes from the middle, because the first slots share their pages with much else. */
const struct peer_ids *round_hot_ids(void);

struct round {
	const struct peer *peer;
	const struct peer_ids *ids;
	void *state;   /* of the peer; NULL: the peer is not available here */
	size_t count;  /* uses of a round */
	unsigned many; /* processes or threads */
};

/* Start the peer, and find how many uses take about ms milliseconds. */
struct round round_begin(const struct peer *peer, const struct peer_ids *ids, double ms);
void round_end(struct round *round);

/* For struct contender, with a struct round as argument. They return nanoseconds of a use. */
double round_run(void *round);           /* in this process */
double round_run_processes(void *round); /* in round->many children at once: the median child */
double round_run_threads(void *round);   /* in round->many threads at once: the median thread */

/*
 * A contest in nanoseconds between the available peers. contender[i] gets the result of peers[i]; its name is NULL if
 * that peer is not available. peers[0] must be available.
 */
void round_contest(const char *question, const struct peer *const *peers, size_t n, const struct peer_ids *ids,
		   unsigned rounds, struct contender *contender);

#endif
