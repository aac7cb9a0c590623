/*
 * sr_process.c - the registries that a process has open, and what a fork makes of them.
 *
 * Handles on one registry share one struct sr_registry: one mapping, one LMDB environment, one hold of SR_BYTE_ATTACH.
 * A forked child inherits the structs but none of what they stand for. Locks that mappings keep stay with the parent
 * (MADV_DONTFORK), and LMDB must not be used across a fork. So a child finds each struct segreg wiped. Each handle
 * attaches anew at its first call, from struct sr_attachment. The child drops an inherited struct sr_registry when its
 * last handle has left it.
 *
 * No lock is held across a wait. A registry is listed, and marked, while a thread attaches or detaches it. Only opens
 * of the same registry wait until that thread is done. A handle is marked while a thread attaches it anew or closes it.
 *
 * So a fork waits for no other thread's call, and a child may find anything half done. The other threads do not exist
 * in the child. It drops what they were about to have: a registry half open or half closed, a handle half closed, a
 * reference to a registry. The child only drops an inherited registry. It locks no mutex of it, since a thread of the
 * parent may have held the mutex at the fork. If a commit was under way, LMDB's memory is left alone. A bare clone(2)
 * runs no handlers. There the child does the same at its first call, and assumes that a commit was under way.
 */
#include "registry/sr_process.h"
#include "registry/sr_attach.h"
#include "sys/sr_error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t all_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t settled = PTHREAD_COND_INITIALIZER; /* a registry is open or gone, or a handle has arrived */
static struct sr_registry *all; /* this process's, and those inherited from a parent that handles still refer to */
static bool handlers_installed;

/* ---------------------------------------------------------------- fork */

static void before_fork(void)
{
	pthread_mutex_lock(&all_mutex);
	sr_filelock_before_fork();
	for (struct sr_registry *r = all; r; r = r->next)
		r->is_quiet = r->life == SR_OPEN && sr_locks_before_fork(&r->locks);
}

static void after_fork(void)
{
	for (struct sr_registry *r = all; r; r = r->next)
		if (r->is_quiet)
			sr_locks_after_fork(&r->locks);
	sr_filelock_after_fork();
	pthread_mutex_unlock(&all_mutex);
}

/* In a child: drop the handles that a thread of the parent was closing. The threads that were opening one do not
 * exist here. */
static void keep_true_handles(struct sr_registry *r)
{
	struct sr_attachment **link = &r->attachments, *attachment;

	r->refs = 0;
	while ((attachment = *link)) {
		sr_hold_init(&attachment->hold);
		attachment->arriving = false;
		if (attachment->leaving) {
			*link = attachment->next;
			free(attachment);
		} else {
			r->refs++;
			link = &attachment->next;
		}
	}
}

/* In a child, for a registry without handles: leave what a thread was making or taking apart as it is. */
static void drop_inherited(struct sr_registry *r)
{
	static struct sr_registry *volatile half_done
		__attribute__((used)); /* still reachable: leak checkers report nothing */

	if (r->life == SR_OPEN) {
		sr_attach_disinherit(r);
		free(r);
		return;
	}
	sr_kept_close(&r->base.dir);
	r->next = half_done;
	half_done = r;
}

/* The child has copies of the parent's descriptors of registry.lock, which share open files with the parent. As long
 * as the child has them, a lock of a dead parent stays. */
static void after_fork_in_child(void)
{
	struct sr_registry **link = &all, *r;

	sr_fork_arrive();
	sr_filelock_arrive();
	settled = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	while ((r = *link)) {
		sr_attach_forget(r);
		if (r->is_quiet)
			sr_locks_after_fork(&r->locks);
		r->orphaned |= !r->is_quiet;
		keep_true_handles(r);
		if (r->refs) {
			link = &r->next;
		} else {
			*link = r->next;
			drop_inherited(r);
		}
	}
	sr_filelock_after_fork();
	pthread_mutex_unlock(&all_mutex);
}

void sr_process_arrive(void)
{
	sr_fork_arrive();
	all_mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	settled = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	sr_filelock_renew();
	sr_filelock_arrive();
	for (struct sr_registry *r = all; r; r = r->next) {
		r->orphaned = true;
		keep_true_handles(r);
	}
}

/* ---------------------------------------------------------------- registries of this process */

void sr_process_lock(void)
{
	pthread_mutex_lock(&all_mutex);
}

void sr_process_unlock(void)
{
	pthread_mutex_unlock(&all_mutex);
}

void sr_process_wake(void)
{
	pthread_cond_broadcast(&settled);
}

bool sr_process_wait(int64_t deadline)
{
	struct timespec at = { .tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000 };

	return pthread_cond_clockwait(&settled, &all_mutex, CLOCK_MONOTONIC, &at) != ETIMEDOUT;
}

static int64_t deadline_after(uint32_t timeout_ms)
{
	return sr_sys_monotonic() + (int64_t)timeout_ms * 1000000;
}

static struct sr_registry *find_registry(const char *dir)
{
	for (struct sr_registry *r = all; r; r = r->next)
		if (r->fork_no == sr_fork_no() && !strcmp(r->dir, dir))
			return r;
	return NULL;
}

static void unlink_registry(const struct sr_registry *r)
{
	struct sr_registry **link = &all;

	while (*link != r)
		link = &(*link)->next;
	*link = r->next;
}

/* Free r, which no thread attaches or detaches any more. [process] */
static void remove_settled(struct sr_registry *r)
{
	unlink_registry(r);
	free(r);
	pthread_cond_broadcast(&settled);
}

/* [process], released meanwhile. */
static int add_registry(const char *dir, const struct segreg_open_options *options, int64_t deadline,
			struct sr_registry **out)
{
	struct sr_registry *r = sr_sys_calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return sr_fail(SEGREG_E_NOMEM, "no memory to open %s", dir);
	strcpy(r->dir, dir);
	snprintf(r->lock_path, sizeof(r->lock_path), "%s/registry.lock", dir);
	snprintf(r->store_path, sizeof(r->store_path), "%s/registry.mdb", dir);
	r->fork_no = sr_fork_no();
	sr_attach_prepare(r);
	r->next = all;
	all = r;
	pthread_mutex_unlock(&all_mutex);
	rc = sr_attach(r, options, deadline);
	pthread_mutex_lock(&all_mutex);
	if (rc) {
		remove_settled(r);
		return rc;
	}
	r->life = SR_OPEN;
	pthread_cond_broadcast(&settled);
	*out = r;
	return 0;
}

int sr_process_get(const char *dir, const struct segreg_open_options *options, struct sr_registry **out)
{
	int64_t deadline = deadline_after(options->timeout_ms);
	struct sr_registry *r;
	bool is_late = false;
	int rc = 0;

	while ((r = find_registry(dir)) && r->life != SR_OPEN) {
		if (is_late)
			return sr_fail(SEGREG_E_TIMEDOUT,
				       "waited %" PRIu32 " ms for another thread of this process, which is %s %s",
				       options->timeout_ms, r->life == SR_OPENING ? "opening" : "closing", dir);
		is_late = !sr_process_wait(deadline);
	}
	if (r && options->flags & SEGREG_ADOPT)
		return sr_fail(SEGREG_E_BUSY, "%s is open in this process; SEGREG_ADOPT needs it to itself", dir);
	if (!r)
		rc = add_registry(dir, options, deadline, &r);
	if (rc)
		return rc;
	r->refs++;
	*out = r;
	return 0;
}

void sr_process_put(struct sr_registry *r)
{
	if (--r->refs)
		return;
	if (r->fork_no == sr_fork_no()) {
		r->life = SR_CLOSING;
		pthread_mutex_unlock(&all_mutex);
		sr_attach_leave(r);
		pthread_mutex_lock(&all_mutex);
	} else {
		sr_attach_disinherit(r);
	}
	remove_settled(r);
}

struct sr_attachment *sr_process_find(const struct segreg *reg)
{
	for (struct sr_registry *r = all; r; r = r->next)
		for (struct sr_attachment *attachment = r->attachments; attachment; attachment = attachment->next)
			if (attachment->reg == reg && !attachment->leaving)
				return attachment;
	sr_fail(SEGREG_E_INVAL, "invalid argument: not an open handle");
	return NULL;
}

int sr_process_init(void)
{
	int error, rc = sr_fork_init();

	if (rc || handlers_installed)
		return rc;
	error = pthread_atfork(before_fork, after_fork, after_fork_in_child);
	handlers_installed = !error;
	return error ? sr_fail_errno(error, "cannot install fork handlers") : 0;
}
