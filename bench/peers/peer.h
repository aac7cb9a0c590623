/*
 * peer.h - one way to say "I am using this, keep it": segreg's, what else one would take, and what the machine allows.
 *
 * Each peer holds and lets go of one thing at a time. A round is n such uses, of the ids one after the other.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "bench.h"

struct peer {
	const char *name;
	/* Make ready for uses of ids[0..n-1], all of them known from here on. NULL: not here, and why_not says why. */
	void *(*start)(const uint64_t *ids, size_t n);
	/* count uses of ids[0], ids[1], ..., beginning again after ids[mask]. */
	void (*use)(void *state, const uint64_t *ids, size_t mask, size_t count);
	void (*stop)(void *state);
	const char *why_not;
};

/* Limits of the machine. */
extern const struct peer peer_bare_atomic; /* two atomic adds on a word of this thread's own */
extern const struct peer peer_bare_plain;  /* two plain increments of such a word */

/* Between processes. */
extern const struct peer peer_flock_kept;   /* flock on a descriptor that is kept */
extern const struct peer peer_flock_opened; /* open, flock, close */
extern const struct peer peer_ofd_kept;     /* OFD read lock on a descriptor that is kept */
extern const struct peer peer_mutex;        /* a robust process-shared mutex around shared counts */
extern const struct peer peer_shared_count; /* one atomic count that all share */
extern const struct peer peer_lmdb;         /* LMDB read transaction: renew, get, reset */

/* Inside one process only. */
extern const struct peer peer_original; /* hash map under a reader-writer lock, counted references */
extern struct peer peer_original_rust;  /* the same in Rust; why_not is found out at run time */
extern const struct peer peer_urcu;     /* liburcu: read-side critical section */
extern const struct peer peer_ck;       /* Concurrency Kit: epoch section */

/* A contest's round of a peer. */
struct peer_round {
	const struct peer *peer;
	void *state;
	const uint64_t *ids;
	size_t mask, count;
};

/* Start the peer, and see how many uses take about 5 ms. */
struct peer_round peer_begin(const struct peer *peer, const uint64_t *ids, size_t n);
/* For struct bench_contender: nanoseconds of CPU time per use. */
double peer_run(void *round);
void peer_end(struct peer_round *round);

#endif
