/*
 * sr_lock.h - the two locks between processes, the order in which they are taken, and how a death of a holder is
 * noticed.
 *
 * A thread takes locks in this order, outermost first; a testing build asserts it:
 *
 *      SR_BYTE_SWEEP   one sweeper; tried, never waited for
 *      SR_LOCK_COMMIT  LMDB and the order of edits; held across I/O
 *      SR_LOCK_TABLE   the region's tables and the lanes' life; never held across I/O, nor across a caller's code
 *
 * Each lock has three layers, taken from top to bottom:
 *
 *      a mutex of this process           because threads of one process share the open file of the bottom layer
 *      a robust mutex in the region      orders waiting threads, without polling
 *      a byte of registry.lock           decides which process has the lock
 *
 * A robust mutex names its holder by thread id. In another PID namespace the same thread id belongs to another thread,
 * whose death can look like the holder's. So a process outside the region's PID namespace skips the middle layer; the
 * bottom layer is enough.
 *
 * For the same reason no process believes the mutex when it reports a death. Instead a holder sets the lock's dirty
 * word before its first change and clears it after its last. The next holder that finds the word dirty repairs
 * (sr_enter.c).
 */
#ifndef SR_LOCK_H
#define SR_LOCK_H

#include "sys/sr_filelock.h"
#include "shm/sr_layout.h"

struct sr_locks {
	struct sr_lock_word *word;     /* array of SR_LOCKS words, in the region */
	struct sr_kept kept[SR_LOCKS]; /* registry.lock, opened once for each lock; used under local */
	pthread_mutex_t local[SR_LOCKS];
	/* waiting threads that did not move when sr_lock_yield last waited; it does not wait for these again */
	uint32_t unmoved[SR_LOCKS];
	uint32_t kind; /* kind of the robust mutexes, as the C library numbers kinds */
	bool foreign;  /* this process is in another PID namespace than the region, and uses no robust mutexes */
};

/* Make the mutexes of the words; for the builder of the region. Returns 0 or an errno. */
int sr_lock_init_words(struct sr_lock_word *word);

void sr_locks_init(struct sr_locks *locks, struct sr_header *header, const struct sr_lockfile *file);
void sr_locks_destroy(struct sr_locks *locks);

/*
 * Take lock id. Returns 0, SEGREG_E_TIMEDOUT after timeout_ms with the holder's pid in the text, or another SEGREG_E_*.
 */
int sr_lock_take(struct sr_locks *locks, enum sr_lock_id id, uint32_t timeout_ms);
/* Like sr_lock_take, without waiting: SR_LOCK_BUSY if another thread or process has the lock. */
int sr_lock_try(struct sr_locks *locks, enum sr_lock_id id);
/* Fail with SEGREG_E_TIMEDOUT, for a caller that has waited for lock id in another way. */
int sr_lock_timed_out(const struct sr_locks *locks, enum sr_lock_id id, uint32_t timeout_ms);
/* The pid of the process that took lock id last, for messages. */
uint32_t sr_lock_owner(const struct sr_locks *locks, enum sr_lock_id id);
void sr_lock_give(struct sr_locks *locks, enum sr_lock_id id);

/*
 * Whether another open file than this lock's has that byte of registry.lock locked; true if this cannot be known. The
 * caller holds lock id.
 */
bool sr_lock_byte_is_taken(const struct sr_locks *locks, enum sr_lock_id id, off_t byte);

/*
 * After giving a lock back: let threads in that wait for it in sr_lock_take, for at most 10 ms. A mutex is not fair: a
 * thread that unlocks it and locks it again at once overtakes the thread that the unlock woke. If nobody waits, this
 * costs two loads.
 */
void sr_lock_yield(struct sr_locks *locks, enum sr_lock_id id);

/*
 * The dirty word of a lock, for its holder. sr_lock_dirt returns what an earlier holder that died or failed has left
 * half changed. sr_lock_set_dirty raises the word before the holder changes anything. sr_lock_set_clean clears it after
 * the last change.
 *
 *      SR_DIRTY        Of the commit lock: anything that the lock guards may be half changed. Of the table lock: index,
 *                      queue, counters or decisions may be half changed, but the slots' words are whole.
 *      SR_DIRTY_SHOWN  Of the table lock: the holder was bringing the region to a change that the database already has.
 */
enum sr_dirt { SR_CLEAN, SR_DIRTY, SR_DIRTY_SHOWN };

enum sr_dirt sr_lock_dirt(const struct sr_locks *locks, enum sr_lock_id id);
void sr_lock_set_dirty(struct sr_locks *locks, enum sr_lock_id id, enum sr_dirt dirt);
void sr_lock_set_clean(struct sr_locks *locks, enum sr_lock_id id);

/*
 * Before a fork: keep other threads of this process out of the commit lock. Does not wait; returns false if a thread
 * has the lock.
 */
bool sr_locks_before_fork(struct sr_locks *locks);
/* In the parent and in the child, after sr_locks_before_fork returned true: let the other threads in again. */
void sr_locks_after_fork(struct sr_locks *locks);

/* Identify the PID namespace of this process. Returns false if it cannot be known. */
bool sr_pidns(uint64_t *dev, uint64_t *ino);

#endif
