/*
 * sr_handle.c - a process's handles and registries: opening, closing, and arriving in a forked child.
 *
 * Handles on one registry share one struct sr_registry: one mapping, one LMDB environment, one attachment. A forked
 * child inherits the structs but none of what they stand for: locks held by mappings stay with the parent
 * (MADV_DONTFORK), LMDB must not be used across a fork. So a child finds each struct segreg wiped, and what it needs
 * to fill it again in struct sr_handle: each handle attaches anew at its first call, and an inherited struct
 * sr_registry is let go of when the last handle has left it.
 *
 * Nothing is held across a wait. A registry is listed, and marked, while a thread attaches or detaches it. Only opens of the same
 * registry wait until that thread is done. A handle is marked while a thread attaches it anew or closes it.
 *
 * So a fork waits for no other thread's call, and a child may find anything half done. The other threads do not exist in the child. It
 * drops what they were about to have: a registry half open or half closed, a handle half closed, a reference to a registry. The
 * child only lets go of an inherited registry. It locks no mutex of it, since a thread of the parent may have the mutex. LMDB's
 * memory is left alone if a commit was under way. A bare clone(2) runs no handlers: there the child does the same at its first call,
 * and takes a commit for granted.
 */
#include "registry/sr_handle.h"
#include "registry/sr_attach.h"
#include "sys/sr_error.h"
#include "registry/sr_lane.h"

#include <errno.h>
#include <inttypes.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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

/* In a child: handles that a thread of the parent was closing are gone, and so are threads that were opening one. */
static void keep_true_handles(struct sr_registry *r)
{
	struct sr_handle **link = &r->handles, *handle;

	r->refs = 0;
	while ((handle = *link)) {
		sr_hold_init(&handle->hold);
		handle->arriving = false;
		if (handle->leaving) {
			*link = handle->next;
			free(handle);
		} else {
			r->refs++;
			link = &handle->next;
		}
	}
}

/* In a child, of a registry without handles. What a thread was making or taking apart is left as it is. */
static void drop_inherited(struct sr_registry *r)
{
	static struct sr_registry *volatile half_done __attribute__((used)); /* for those who look for leaks: these are meant */

	if (r->life == SR_OPEN) {
		sr_attach_disinherit(r);
		free(r);
		return;
	}
	sr_kept_close(&r->base.dir);
	r->next = half_done;
	half_done = r;
}

/* The parent's descriptors of registry.lock share its open files: as long as a child has them, a lock of a dead parent stays. */
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

/* In a child of a bare clone(2): nobody told us, and any mutex may be held by a thread that is not here. */
static void after_bare_clone(void)
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

#define TRIES 20 /* to open what others remove */

/* Until something has settled, or the deadline; false: the deadline is past. [all_mutex] */
static bool wait_until(int64_t deadline)
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
		if (r->fork_generation == sr_fork_generation() && !strcmp(r->dir, dir))
			return r;
	return NULL;
}

/* The directory's absolute path; with SEGREG_CREATE its last component may have to be made. */
static int resolve(const char *dir, unsigned flags, char out[SEGREG_PATH_SIZE], bool *made)
{
	char *found;

	*made = flags & SEGREG_CREATE && sr_sys_mkdirat(AT_FDCWD, dir, 0777) == 0;
	if (flags & SEGREG_CREATE && !*made && errno != EEXIST)
		return sr_fail_errno(errno, "cannot create directory %s", dir);
	found = realpath(dir, NULL);
	if (!found)
		return sr_fail_errno(errno, "cannot find the registry %s", dir);
	if (strlen(found) >= SEGREG_PATH_SIZE - 16) {
		free(found);
		return sr_fail(SEGREG_E_INVAL, "the registry's path is too long: %s", dir);
	}
	strcpy(out, found);
	free(found);
	return 0;
}

static void unlink_registry(const struct sr_registry *r)
{
	struct sr_registry **link = &all;

	while (*link != r)
		link = &(*link)->next;
	*link = r->next;
}

/* No thread attaches or detaches r any more. [all_mutex] */
static void remove_settled(struct sr_registry *r)
{
	unlink_registry(r);
	free(r);
	pthread_cond_broadcast(&settled);
}

/* [all_mutex], which is let go meanwhile. */
static int add_registry(const char *dir, const struct segreg_open_options *options, int64_t deadline, struct sr_registry **out)
{
	struct sr_registry *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return sr_fail(SEGREG_E_NOMEM, "no memory to open %s", dir);
	strcpy(r->dir, dir);
	snprintf(r->lock_path, sizeof(r->lock_path), "%s/registry.lock", dir);
	snprintf(r->store_path, sizeof(r->store_path), "%s/registry.mdb", dir);
	r->fork_generation = sr_fork_generation();
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

/* [all_mutex], which is let go meanwhile. */
static int get_registry(const char *dir, const struct segreg_open_options *options, struct sr_registry **out)
{
	int64_t deadline = deadline_after(options->timeout_ms);
	struct sr_registry *r;
	bool is_late = false;
	int rc = 0;

	while ((r = find_registry(dir)) && r->life != SR_OPEN) {
		if (is_late)
			return sr_fail(SEGREG_E_TIMEDOUT, "waited %" PRIu32 " ms for another thread of this process, which is %s %s",
				       options->timeout_ms, r->life == SR_OPENING ? "opening" : "closing", dir);
		is_late = !wait_until(deadline);
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

/* [all_mutex], which is let go meanwhile. */
static void put_registry(struct sr_registry *r)
{
	if (--r->refs)
		return;
	if (r->fork_generation == sr_fork_generation()) {
		r->life = SR_CLOSING;
		pthread_mutex_unlock(&all_mutex);
		sr_attach_leave(r);
		pthread_mutex_lock(&all_mutex);
	} else {
		sr_attach_disinherit(r);
	}
	remove_settled(r);
}

/* ---------------------------------------------------------------- memory that a fork wipes */

#define ROOM SR_PAGE
#define PLACE 2048u /* not where pages begin: the first slot and its count lie there, and would share a set of the cache with it */
_Static_assert(PLACE + sizeof(struct segreg) <= ROOM, "a handle fits its room");

static struct pool { struct pool *next; } *pool; /* of closed handles */

static struct segreg *take_memory(void)
{
	struct pool *old = pool;
	unsigned char *memory;

	if (old) {
		pool = old->next;
		memset(old, 0, sizeof(*old));
		return (struct segreg *)(void *)old;
	}
	memory = sr_sys_mmap(ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (!memory)
		return NULL;
	if (sr_sys_madvise(memory, ROOM, MADV_WIPEONFORK) == -1) {
		sr_sys_munmap(memory, ROOM);
		return NULL;
	}
	return (struct segreg *)(void *)(memory + PLACE);
}

/* Its first word becomes a link, its magic stays 0. */
static void give_memory(struct segreg *reg)
{
	struct pool *memory = (struct pool *)(void *)reg;

	memset(reg, 0, sizeof(*reg));
	memory->next = pool;
	pool = memory;
}

/* ---------------------------------------------------------------- handles */

static void link_handle(struct sr_handle *handle)
{
	handle->next = handle->registry->handles;
	handle->registry->handles = handle;
}

static void unlink_handle(struct sr_handle *handle)
{
	struct sr_handle **link = &handle->registry->handles;

	while (*link != handle)
		link = &(*link)->next;
	*link = handle->next;
}

/* What a thread is closing is no handle any more. */
static struct sr_handle *find_handle(const struct segreg *reg)
{
	for (struct sr_registry *r = all; r; r = r->next)
		for (struct sr_handle *handle = r->handles; handle; handle = handle->next)
			if (handle->reg == reg && !handle->leaving)
				return handle;
	sr_fail(SEGREG_E_INVAL, "invalid argument: not an open handle");
	return NULL;
}

/* Fill the handle's struct segreg, which is zero, but for its magic. *out: its registry. [all_mutex], which is let go meanwhile. */
static int attach_handle(struct sr_handle *handle, const char *dir, const struct segreg_open_options *options, struct sr_registry **out)
{
	struct segreg *reg = handle->reg;
	int rc = get_registry(dir, options, out);

	if (rc)
		return rc;
	sr_hold_init(&handle->hold);
	reg->handle = handle;
	reg->registry = *out;
	reg->timeout_ms = handle->timeout_ms;
	reg->region = (*out)->region;
	reg->store_epoch = sr_load_acquire_u64(&(*out)->store.epoch);
	pthread_mutex_unlock(&all_mutex);
	rc = sr_lane_attach(reg);
	pthread_mutex_lock(&all_mutex);
	if (rc) {
		put_registry(*out);
		memset(reg, 0, sizeof(*reg));
	}
	return rc;
}

/* The handle is attached: from here on it belongs to the registry, and calls may use it. [all_mutex] */
static void settle_handle(struct sr_handle *handle, struct sr_registry *registry)
{
	handle->registry = registry;
	handle->fork_generation = sr_fork_generation();
	link_handle(handle);
	sr_store_release_u32(&handle->reg->magic, SR_HANDLE_MAGIC);
}

static int install_handlers(void)
{
	int error, rc = sr_fork_init();

	if (rc || handlers_installed)
		return rc;
	error = pthread_atfork(before_fork, after_fork, after_fork_in_child);
	handlers_installed = !error;
	return error ? sr_fail_errno(error, "cannot install fork handlers") : 0;
}

/* [all_mutex], which is let go meanwhile. */
static int open_handle(struct sr_handle *handle, const char *path, const struct segreg_open_options *options)
{
	struct sr_registry *registry;
	int rc = install_handlers();

	if (rc)
		return rc;
	handle->reg = take_memory();
	if (!handle->reg)
		return sr_fail(SEGREG_E_NOMEM, "no memory for a handle");
	rc = attach_handle(handle, path, options, &registry);
	if (rc) {
		give_memory(handle->reg);
		return rc;
	}
	strcpy(handle->base, registry->base.path);
	settle_handle(handle, registry);
	return 0;
}

/* A creation that is refused removes the directory and the registry.lock that it made, also while other processes open them. */
static int find_and_open(struct sr_handle *handle, const char *dir, const struct segreg_open_options *options)
{
	char path[SEGREG_PATH_SIZE];
	int rc = SR_REGISTRY_GONE;

	for (int tries = 0; rc == SR_REGISTRY_GONE; tries++) {
		bool made;

		if (tries == TRIES)
			return sr_fail(SEGREG_E_TIMEDOUT, "%s was removed and made again by other processes, %d times "
				       "in a row", dir, tries);
		rc = resolve(dir, options->flags, path, &made);
		if (rc == SEGREG_E_NOENT && options->flags & SEGREG_CREATE && tries < TRIES - 1) {
			rc = SR_REGISTRY_GONE;
		} else if (!rc) {
			pthread_mutex_lock(&all_mutex);
			rc = open_handle(handle, path, options);
			pthread_mutex_unlock(&all_mutex);
		}
		if (rc && made)
			sr_sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR); /* fails if another process has put something there */
	}
	return rc;
}

int sr_handle_open(const char *dir, const struct segreg_open_options *options, struct segreg **out)
{
	struct sr_handle *handle = calloc(1, sizeof(*handle));
	int rc;

	if (!handle)
		return sr_fail(SEGREG_E_NOMEM, "no memory for a handle");
	if (sr_fork_inherited())
		after_bare_clone();
	handle->timeout_ms = options->timeout_ms;
	snprintf(handle->label, sizeof(handle->label), "%s", options->label);
	rc = find_and_open(handle, dir, options);
	if (rc) {
		free(handle);
		return rc;
	}
	*out = handle->reg;
	return 0;
}

/* The parent's handle becomes this child's. [all_mutex], which is let go meanwhile. */
static int arrive(struct sr_handle *handle)
{
	struct segreg_open_options options = { .timeout_ms = handle->timeout_ms };
	struct sr_registry *parents = handle->registry, *registry;
	int rc;

	handle->arriving = true;
	rc = attach_handle(handle, parents->dir, &options, &registry);
	handle->arriving = false;
	if (rc == SR_REGISTRY_GONE)
		rc = sr_fail_kept(ENOENT, parents->lock_path);
	if (!rc) {
		unlink_handle(handle);
		settle_handle(handle, registry);
		put_registry(parents);
	}
	pthread_cond_broadcast(&settled);
	return rc;
}

int sr_handle_arrive(struct segreg *reg)
{
	struct sr_handle *handle;
	int64_t begin = sr_sys_monotonic();
	bool is_late = false;
	int rc = SEGREG_E_INVAL;

	if (sr_fork_inherited())
		after_bare_clone();
	pthread_mutex_lock(&all_mutex);
	while ((handle = find_handle(reg)) && handle->arriving && !is_late)
		is_late = !wait_until(begin + (int64_t)handle->timeout_ms * 1000000);
	if (handle && handle->arriving)
		rc = sr_fail(SEGREG_E_TIMEDOUT, "waited %" PRIu32 " ms for another thread of this process, which attaches this handle anew "
			     "after a fork", handle->timeout_ms);
	else if (handle && handle->fork_generation == sr_fork_generation())
		rc = 0; /* another thread was first */
	else if (handle)
		rc = arrive(handle);
	pthread_mutex_unlock(&all_mutex);
	return rc;
}

const char *sr_handle_base(const struct segreg *reg)
{
	struct sr_handle *handle;

	if (sr_load_acquire_u32(&reg->magic) == SR_HANDLE_MAGIC)
		return reg->handle->base;
	pthread_mutex_lock(&all_mutex);
	handle = find_handle(reg);
	pthread_mutex_unlock(&all_mutex);
	return handle ? handle->base : NULL;
}

int sr_handle_close(struct segreg *reg, uint64_t *released)
{
	struct sr_registry *registry;
	struct sr_handle *handle;
	uint64_t pins = 0;
	bool is_handle;
	int rc = 0;

	if (sr_fork_inherited())
		after_bare_clone();
	pthread_mutex_lock(&all_mutex);
	handle = find_handle(reg);
	is_handle = handle;
	if (handle && handle->fork_generation == sr_fork_generation()) {
		handle->leaving = true;
		pthread_mutex_unlock(&all_mutex);
		rc = sr_lane_detach(reg, &pins);
		pthread_mutex_lock(&all_mutex);
	}
	if (handle) {
		unlink_handle(handle);
		registry = handle->registry;
		free(handle);
		give_memory(reg);
		put_registry(registry);
	}
	pthread_mutex_unlock(&all_mutex);
	if (released && is_handle && !rc)
		*released = pins;
	return is_handle ? rc : SEGREG_E_INVAL;
}
