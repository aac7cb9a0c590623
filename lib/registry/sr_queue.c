/*
 * sr_queue.c - the queue of a process's threads whose edits a leader of the same process takes along.
 */
#include "registry/sr_queue.h"
#include "sys/sr_atomic.h"
#include "sys/sr_sys.h"

#include <stdio.h>
#include <string.h>

void sr_queue_init(struct sr_queue *queue)
{
	memset(queue, 0, sizeof(*queue));
	pthread_mutex_init(&queue->mutex, NULL);
	queue->end = &queue->first;
}

/* [mutex] */
static void append(struct sr_queue *queue, struct sr_waiter *waiter)
{
	waiter->state = SR_WAITER_QUEUED;
	waiter->next = NULL;
	*queue->end = waiter;
	queue->end = &waiter->next;
	sr_store_release_u32(&queue->n, queue->n + 1);
}

/* Take out the waiter at *link. [mutex] */
static void unlink_at(struct sr_queue *queue, struct sr_waiter **link)
{
	struct sr_waiter *waiter = *link;

	*link = waiter->next;
	if (queue->end == &waiter->next)
		queue->end = link;
	sr_store_release_u32(&queue->n, queue->n - 1);
}

/* ---------------------------------------------------------------- the waiter's side */

void sr_queue_join(struct sr_queue *queue, struct sr_waiter *waiter, struct segreg_edit *edit, uint64_t epoch)
{
	waiter->edit = edit;
	waiter->epoch = epoch;
	pthread_mutex_lock(&queue->mutex);
	append(queue, waiter);
	pthread_mutex_unlock(&queue->mutex);
}

bool sr_queue_leave(struct sr_queue *queue, struct sr_waiter *waiter)
{
	struct sr_waiter **link = &queue->first;
	bool is_queued;

	pthread_mutex_lock(&queue->mutex);
	is_queued = waiter->state == SR_WAITER_QUEUED;
	if (is_queued) {
		while (*link != waiter)
			link = &(*link)->next;
		unlink_at(queue, link);
	}
	pthread_mutex_unlock(&queue->mutex);
	return is_queued;
}

enum sr_waiter_state sr_queue_look(struct sr_queue *queue, const struct sr_waiter *waiter, uint32_t *seen)
{
	enum sr_waiter_state state;

	pthread_mutex_lock(&queue->mutex);
	*seen = sr_load_seqcst_u32(&queue->calls);
	state = waiter->state;
	pthread_mutex_unlock(&queue->mutex);
	return state;
}

void sr_queue_sleep(struct sr_queue *queue, uint32_t seen, int64_t nanoseconds)
{
	struct timespec t = { .tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000 };

	sr_sys_futex_wait(&queue->calls, seen, &t);
}

/* ---------------------------------------------------------------- the leader's side */

uint32_t sr_queue_count(const struct sr_queue *queue)
{
	return sr_load_acquire_u32(&queue->n);
}

struct sr_waiter *sr_queue_take(struct sr_queue *queue, uint64_t epoch)
{
	struct sr_waiter **link = &queue->first, *waiter;

	pthread_mutex_lock(&queue->mutex);
	while (*link && (*link)->epoch != epoch)
		link = &(*link)->next;
	waiter = *link;
	if (waiter) {
		unlink_at(queue, link);
		waiter->state = SR_WAITER_TAKEN;
	}
	pthread_mutex_unlock(&queue->mutex);
	return waiter;
}

void sr_queue_answer(struct sr_queue *queue, struct sr_waiter *waiter, int rc, uint64_t version, const char *text)
{
	pthread_mutex_lock(&queue->mutex);
	waiter->rc = rc;
	waiter->version = version;
	snprintf(waiter->text, sizeof(waiter->text), "%s", text);
	waiter->state = SR_WAITER_DONE;
	pthread_mutex_unlock(&queue->mutex);
}

void sr_queue_hand_back(struct sr_queue *queue, struct sr_waiter *waiter)
{
	pthread_mutex_lock(&queue->mutex);
	append(queue, waiter);
	pthread_mutex_unlock(&queue->mutex);
}

void sr_queue_wake_all(struct sr_queue *queue)
{
	sr_add_seqcst_u32(&queue->calls, 1);
	sr_sys_futex_wake(&queue->calls, INT32_MAX);
}

void sr_queue_wake_queued(struct sr_queue *queue)
{
	bool any;

	/* A waiter joins under the mutex and then tries the lock. This thread gave the lock and then looks under the
	 * mutex. So one of the two sees the other. */
	pthread_mutex_lock(&queue->mutex);
	any = queue->n > 0;
	pthread_mutex_unlock(&queue->mutex);
	if (any)
		sr_queue_wake_all(queue);
}
