/*
 * sr_discards.h - discards that are not durable yet (SEGREG_DISCARD_RELAXED).
 *
 * A ring in shared memory: a path, and the identity of what was there. A caller adds discards under the table lock, and
 * does not wait for the disk. The leader of the next group of any process takes them into its transaction. It
 * drops them from the ring when the region shows them.
 *
 * No death loses or halves a discard. The discards of one call become valid by one store, of their number. A leader
 * that dies before it drops them leaves them in the ring. Then the next leader takes them again, and finds each file
 * retired already.
 *
 * A leader takes all discards for which the registry has room. The others stay in the ring, in their order. The leader
 * moves each of them to a place behind it: of a discard that is durable, or that has moved. So each discard is always
 * in the ring at least once, and twice does no harm. A place that a death left half written is void, because the file
 * at its path has another identity.
 *
 * No discard waits without a sweeper that was woken. The call that adds to an empty ring wakes the sweepers. So does a
 * leader that leaves something which it has not looked at. A sweep that cannot take all comes again.
 */
#ifndef SR_DISCARDS_H
#define SR_DISCARDS_H

#include "registry/sr_registry.h"

/* How many are in the ring? A quick look, without a lock. */
uint32_t sr_discards_count(const struct sr_region *region);

/* May what record says go into the ring? A long path may not, nor a file of which only the inode number is known. */
bool sr_discards_may_have(const struct sr_record *record);

/* Discards that are being added: places of the ring beyond the ones in use. */
struct sr_discards_batch {
	uint32_t first, had, n;
};

/*
 * Get n places. sr_discards_put fills the next place. sr_discards_close makes all of them valid, with one store.
 * sr_discards_open returns 0, SR_DISCARDS_FULL, SEGREG_E_NOMEM or SEGREG_E_CORRUPT. [table]
 */
#define SR_DISCARDS_FULL 1

int sr_discards_open(struct sr_region *region, size_t n, struct sr_discards_batch *batch);
void sr_discards_put(struct sr_region *region, struct sr_discards_batch *batch, const struct sr_record *record);
/* Returns whether the ring was empty. */
bool sr_discards_close(const struct sr_region *region, const struct sr_discards_batch *batch);

/*
 * Copy the discards, the oldest first, into out, which has room for SR_DISCARDS. *n becomes their number. Returns 0 or
 * SEGREG_E_CORRUPT. [table]
 */
int sr_discards_copy(struct sr_region *region, struct sr_discard *out, uint32_t *n);

/* Which of the copied discards have to wait: a bit for each. */
struct sr_discards_left {
	uint64_t bits[SR_DISCARDS / 64];
	uint32_t n;
};

/* *has: is a directory above path among them? Returns 0 or SEGREG_E_*. [table] */
int sr_discards_have_above(struct sr_region *region, const char *path, bool *has);

/* The first n discards are shown, or void: remove them from the ring, except those that are left. [commit, table] */
void sr_discards_drop(const struct sr_region *region, uint32_t n, const struct sr_discards_left *left);

/* Note why discards stay in the ring, and since when; rc 0: none had to stay. [commit] */
void sr_discards_note(const struct sr_region *region, int rc);

/*
 * Find the latest discard of path, or of a directory above it. *record becomes its path and identity, with the state
 * PENDING. [table]
 */
int sr_discards_find(struct sr_region *region, const char *path, struct sr_record *record, bool *is_found);

#endif
