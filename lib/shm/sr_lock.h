/*
 * sr_lock.h - the two locks between processes, the order in which they are taken, and the news that a holder died.
 *
 * Order, outermost first; a debug build asserts it:
 *
 *      SR_BYTE_SWEEP   one sweeper; tried, never waited for
 *      SR_LOCK_COMMIT  LMDB and the order of edits; held across I/O
 *      SR_LOCK_TABLE   the region's tables and the lanes' life; never held across I/O, nor across a caller's code
 *
 * Each lock has three layers, taken from top to bottom:
 *
 *      a mutex of this process           since threads of one process share the open file of the bottom layer
 *      a robust mutex in the region      the order of waiters, without polling
 *      a byte of registry.lock           the authority
 *
 * Robust mutexes name their holder by thread id, which another PID namespace gives to other threads: there a
 * stranger's death can look like the holder's. So a process outside the region's PID namespace leaves the middle
 * layer out; the bottom layer is enough. It is also why the mutex's word about a death is not believed: a holder
 * sets the lock's dirty word before its first change and clears it after its last, and whoever gets the lock and
 * finds it dirty repairs (sr_reconcile).
 */
#ifndef SR_LOCK_H
#define SR_LOCK_H

#include "sys/sr_filelock.h"
#include "shm/sr_layout.h"

struct sr_locks {
	struct sr_lock_word *word; /* [SR_LOCKS], in the region */
	struct sr_kept kept[SR_LOCKS]; /* registry.lock, opened once for each lock; used under local */
	pthread_mutex_t local[SR_LOCKS];
	int32_t unmoved[SR_LOCKS]; /* of those who wait, so many did not come when they were given way: not waited for again */
	uint32_t kind; /* of the robust mutexes, as the C library numbers kinds */
	bool foreign; /* in another PID namespace than the region's: no robust mutexes */
};

/* In the builder of the region. 0 or an errno. */
int sr_lock_init_words(struct sr_lock_word *word);

void sr_locks_init(struct sr_locks *locks, struct sr_header *header, const struct sr_lockfile *file);
void sr_locks_destroy(struct sr_locks *locks);

/* 0; SEGREG_E_TIMEDOUT after timeout_ms, naming the holder; SEGREG_E_IO. */
int sr_lock_take(struct sr_locks *locks, enum sr_lock_id id, uint32_t timeout_ms);
/* Like sr_lock_take, without waiting: SR_LOCK_BUSY if another thread or process has the lock. */
int sr_lock_try(struct sr_locks *locks, enum sr_lock_id id);
/* The failure of having waited for it in another way. */
int sr_lock_timed_out(const struct sr_locks *locks, enum sr_lock_id id, uint32_t timeout_ms);
/* Process that took it last, for messages. */
uint32_t sr_lock_owner(const struct sr_locks *locks, enum sr_lock_id id);
void sr_lock_give(struct sr_locks *locks, enum sr_lock_id id);

/* Whether somebody holds that byte of registry.lock; true where it cannot be known. For the holder of lock id. */
bool sr_lock_sees(const struct sr_locks *locks, enum sr_lock_id id, off_t byte);

/*
 * For one who takes a lock again and again: between two turns, let those in who wait. A mutex is not fair: who gives it
 * back and takes it at once is faster than whom he has woken.
 */
void sr_lock_give_way(struct sr_locks *locks, enum sr_lock_id id);

/*
 * The holder's: what its predecessor, who died or failed, has left half changed; what it is about to change itself; that it is done.
 *
 * SR_DIRTY       the commit lock: whatever is behind it. The table lock: index, queue, counters, or decisions; the slots' words are
 *                whole.
 * SR_DIRTY_SHOWN the table lock: a change that the database has already is being shown.
 */
enum sr_dirt { SR_CLEAN, SR_DIRTY, SR_DIRTY_SHOWN };

enum sr_dirt sr_lock_dirt(const struct sr_locks *locks, enum sr_lock_id id);
void sr_lock_set_dirty(struct sr_locks *locks, enum sr_lock_id id, enum sr_dirt dirt);
void sr_lock_set_clean(struct sr_locks *locks, enum sr_lock_id id);

/* Around a fork: keep other threads of this process out of the commit lock. Does not wait: false if a thread is inside. */
bool sr_locks_before_fork(struct sr_locks *locks);
/* In the parent and in the child, after true. */
void sr_locks_after_fork(struct sr_locks *locks);

/* The PID namespace of this process; false if it cannot be known. */
bool sr_pidns(uint64_t *dev, uint64_t *ino);

#endif
