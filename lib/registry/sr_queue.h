/*
 * sr_queue.h - the queue of a process's threads whose edits a leader of the same process takes along.
 *
 *                     join              leader takes             leader answers
 *        (nowhere) ---------> QUEUED ---------------> TAKEN ---------------------> DONE
 *                               |  ^                    |
 *             leave  <----------+  +--------------------+
 *                                    leader hands back
 *
 * A letter needs a lane, and a handle has one lane. The threads of a program with one handle therefore meet here, in
 * memory of the process. A waiter lies on the stack of its thread: the thread stays in its call until it has left or
 * the waiter is DONE. The mutex guards the list and each waiter's state, and no thread waits or allocates while it
 * holds the mutex.
 *
 * No wake-up is lost. A waiter reads `calls`, then looks at its state and tries the commit lock, then sleeps only while
 * `calls` is what it read. A thread that answers, hands back, gives the commit lock back or frees the letter raises
 * `calls` afterwards. Another process raises nothing here; therefore a waiter sleeps in slices and tries the commit
 * lock itself after each.
 *
 * If the process dies, its waiters die with it. So "riders" does not name them. A forked child never uses its parent's
 * struct sr_registry, and with it forgets the parent's queue.
 */
#ifndef SR_QUEUE_H
#define SR_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct segreg_edit;

enum sr_waiter_state { SR_WAITER_QUEUED, SR_WAITER_TAKEN, SR_WAITER_DONE };

struct sr_waiter {
	struct sr_waiter *next;
	struct segreg_edit *edit;
	uint64_t epoch; /* the handle's store_epoch */
	enum sr_waiter_state state;
	/* The answer: */
	int rc;
	uint64_t version;
	char text[1024]; /* why */
};

struct sr_queue {
	pthread_mutex_t mutex;
	struct sr_waiter *first, **end;
	uint32_t n;       /* QUEUED waiters */
	uint32_t calls;   /* changes when waiters have reason to look again */
	uint32_t company; /* [commit] waiters that the last group took, or left behind */
};

void sr_queue_init(struct sr_queue *queue);

/* ---------------------------------------------------------------- the waiter's side */

/* Put an edit into the queue, with waiter, which this fills. */
void sr_queue_join(struct sr_queue *queue, struct sr_waiter *waiter, struct segreg_edit *edit, uint64_t epoch);
/* Take waiter out of the queue. False if a leader has taken it, or has answered. */
bool sr_queue_leave(struct sr_queue *queue, struct sr_waiter *waiter);
/* Returns the state of waiter. *seen becomes what sr_queue_sleep needs. */
enum sr_waiter_state sr_queue_look(struct sr_queue *queue, const struct sr_waiter *waiter, uint32_t *seen);
/* Sleep for nanoseconds, but not if waiters were called since the sr_queue_look that gave seen. */
void sr_queue_sleep(struct sr_queue *queue, uint32_t seen, int64_t nanoseconds);

/* ---------------------------------------------------------------- the leader's side [commit] */

/* Returns the number of QUEUED waiters. */
uint32_t sr_queue_count(const struct sr_queue *queue);
/* Take the first waiter of this epoch; NULL if there is none. A waiter of another one finds out by itself what is
 * wrong with its handle. */
struct sr_waiter *sr_queue_take(struct sr_queue *queue, uint64_t epoch);
/* Answer a TAKEN waiter, or put it back. After an answer the waiter's memory is its thread's again. */
void sr_queue_answer(struct sr_queue *queue, struct sr_waiter *waiter, int rc, uint64_t version, const char *text);
void sr_queue_hand_back(struct sr_queue *queue, struct sr_waiter *waiter);

/* After answers or hand-backs: let all waiters look again. */
void sr_queue_wake_all(struct sr_queue *queue);

/* After the commit lock or a letter was given back: let all QUEUED waiters try for it. */
void sr_queue_wake_queued(struct sr_queue *queue);

#endif
