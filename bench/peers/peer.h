/*
 * peer.h - one way to say "I am using this, keep it": segreg's, what else one would take, and what the machine allows.
 *
 * Each peer holds and lets go of one thing at a time; a use is both. What a peer measures is the CPU time of the process,
 * so that what else runs on the machine counts less.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "bench.h"

/*
 * A sequence of ids to use: ids[0], ids[1], ..., beginning again after ids[mask]; and the n different ones known. With chase
 * each is only known when the use before has come to its end, so that nobody overlaps one's cache misses with the next one's.
 */
struct peer_ids {
	const uint64_t *ids, *known;
	size_t mask, n;
	bool chase;
};

/* One hot id among a thousand, in the middle: the first slots lie at the beginnings of pages, where many other things do. */
const struct peer_ids *peer_hot(void);

struct peer {
	const char *name;
	/* Make ready for uses of the known ids. NULL: not here, and the peer says why by bench_note. */
	void *(*start)(const struct peer_ids *ids);
	void (*use)(void *state, const struct peer_ids *ids, size_t count);
	void (*stop)(void *state);
	void (*chase)(void *state, const struct peer_ids *ids, size_t count); /* NULL: ids make no difference */
};

/* segreg itself. The handles are of a registry with the ids 1..n; of the run's common registry for _grown. */
extern const struct peer peer_segreg;            /* linked statically */
extern const struct peer peer_segreg_shared;     /* as most users have it: the shared library */
extern const struct peer peer_segreg_one_thread; /* a handle that promises to be used by one thread */
extern const struct peer peer_segreg_grown;

/* Limits of the machine. */
extern const struct peer peer_bare_atomic;     /* two atomic adds on a word of this thread's own */
extern const struct peer peer_bare_plain;      /* two plain increments of such a word */
extern const struct peer peer_called_plain;    /* the same, each in a call of a function, as a library must have it */
extern const struct peer peer_two_loads;       /* two dependent random loads, in shared memory of the sizes that segreg needs */
extern const struct peer peer_two_loads_huge;  /* the same in private memory with huge pages */

/* Between processes. */
extern const struct peer peer_flock_kept;   /* flock on a descriptor that is kept */
extern const struct peer peer_flock_opened; /* open, flock, close */
extern const struct peer peer_ofd_kept;     /* OFD read lock on a descriptor that is kept */
extern const struct peer peer_mutex;        /* a robust process-shared mutex around shared counts */
extern const struct peer peer_shared_count; /* one atomic count that all share */
extern const struct peer peer_lmdb;         /* LMDB read transaction: renew, get, reset */

/* Inside one process only. */
extern const struct peer peer_original;      /* hash map under a reader-writer lock, counted references */
extern const struct peer peer_original_rust; /* the same in Rust */
extern const struct peer peer_urcu;          /* liburcu: read-side critical section */
extern const struct peer peer_ck;            /* Concurrency Kit: epoch section */

/* ---------------------------------------------------------------- rounds */

struct peer_round {
	const struct peer *peer;
	const struct peer_ids *ids;
	void *state; /* NULL: not here */
	size_t count;
	unsigned many;
};

/* Start the peer, and find how many uses take about ms milliseconds. */
struct peer_round peer_begin(const struct peer *peer, const struct peer_ids *ids, double ms);
void peer_end(struct peer_round *round);

/* For struct bench_contender: nanoseconds per use; in this process; in each of round->many children, or threads, at once. */
double peer_run(void *round);
double peer_run_processes(void *round);
double peer_run_threads(void *round);

/*
 * A contest in nanoseconds of all peers that are here; *contender[i] is made for peers[i] and has name NULL if that one is
 * not here. The first must be.
 */
void peer_contest(const char *question, const struct peer *const *peers, size_t n, const struct peer_ids *ids, unsigned rounds,
		  struct bench_contender *contender);

#endif
