/*
 * peer.h - the peers: ways to say "I am using this, keep it". They are segreg, what a program would use instead, and
 * the limits of the machine. Each is a file.
 *
 * A *use* holds one thing and lets it go. A peer measures CPU time, which other programs on the machine disturb less.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The ids that a round uses. */
struct peer_ids {
	const uint64_t *ids;   /* use i has ids[i & mask] */
	const uint64_t *known; /* the n different ids among them */
	size_t mask, n;
	bool chase; /* each id depends on the result of the use before: their cache misses cannot overlap */
};

struct peer {
	const char *name;
	/* Prepare for uses of the known ids. NULL: the peer is not available; a note in the results has the reason. */
	void *(*start)(const struct peer_ids *ids);
	void (*use)(void *state, const struct peer_ids *ids, size_t count);
	void (*stop)(void *state);
	/* The uses where ids->chase is set. NULL: the ids make no difference to this peer. */
	void (*chase)(void *state, const struct peer_ids *ids, size_t count);
};

/* segreg itself, on a registry with the ids 1 to n. */
extern const struct peer peer_segreg;        /* linked statically */
extern const struct peer peer_segreg_shared; /* through the shared library, as most programs use it */
extern const struct peer peer_segreg_grown;  /* linked statically, on the registry of grown.h */

/* Limits of the machine. */
extern const struct peer peer_bare_atomic;    /* two atomic adds on a word of this thread */
extern const struct peer peer_bare_plain;     /* two plain increments of such a word */
extern const struct peer peer_called_plain;   /* two plain increments, each in a call, as in any library */
extern const struct peer peer_two_loads;      /* two dependent random loads in shared memory as large as segreg's */
extern const struct peer peer_two_loads_huge; /* such loads in private memory with huge pages */

/* Between processes. */
extern const struct peer peer_flock_kept;   /* flock on a descriptor that stays open */
extern const struct peer peer_flock_opened; /* open, flock, close */
extern const struct peer peer_ofd_kept;     /* an OFD read lock on a descriptor that stays open */
extern const struct peer peer_mutex;        /* a robust process-shared mutex around shared counts */
extern const struct peer peer_shared_count; /* one atomic count that all processes share */
extern const struct peer peer_lmdb;         /* an LMDB read transaction: renew, get, reset */

/* Inside one process only. */
extern const struct peer peer_original;      /* in C: a hash map under a reader-writer lock, counted references */
extern const struct peer peer_original_rust; /* in Rust: a HashMap under a RwLock, an Arc for each segment */
extern const struct peer peer_urcu;          /* liburcu: a read-side critical section */
extern const struct peer peer_ck;            /* Concurrency Kit: an epoch section */

#endif
