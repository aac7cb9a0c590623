/*
 * sr_handle.c - a process's handles and registries: opening, closing, and arriving in a forked child.
 *
 * Handles on one registry share one struct sr_registry: one mapping, one LMDB environment, one attachment. A forked
 * child inherits the structs but none of what they stand for: locks held by mappings stay with the parent
 * (MADV_DONTFORK), LMDB must not be used across a fork. So a child finds each struct segreg wiped, and what it needs
 * to fill it again in struct sr_handle: each handle attaches anew at its first call, and an inherited struct
 * sr_registry is let go of when the last handle has left it.
 *
 * A fork does not wait for a commit of another thread. The child finds all mutexes of an inherited sr_registry free, and does nothing
 * with it but let go. LMDB's memory is left alone if a commit was under way. A bare clone(2) runs no handlers: there the child does
 * the same at its first call, and takes a commit for granted.
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
static struct sr_registry *all; /* this process's, and those inherited from a parent that handles still refer to */
static bool handlers_installed;

/* ---------------------------------------------------------------- fork */

static void before_fork(void)
{
	pthread_mutex_lock(&all_mutex);
	sr_filelock_before_fork();
	for (struct sr_registry *r = all; r; r = r->next)
		r->is_quiet = sr_locks_before_fork(&r->locks);
}

static void after_fork(void)
{
	for (struct sr_registry *r = all; r; r = r->next)
		if (r->is_quiet)
			sr_locks_after_fork(&r->locks);
	sr_filelock_after_fork();
	pthread_mutex_unlock(&all_mutex);
}

/* In a child: threads that are not here may have had any mutex of what is inherited. */
static void renew_mutexes(struct sr_registry *r)
{
	const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

	r->mutex = r->base.mutex = r->queue.mutex = fresh;
	sr_locks_renew(&r->locks);
}

/* The parent's descriptors of registry.lock share its open files: as long as a child has them, a lock of a dead parent stays. */
static void after_fork_in_child(void)
{
	sr_fork_arrive();
	for (struct sr_registry *r = all; r; r = r->next) {
		for (int id = 0; id < SR_LOCKS; id++)
			sr_kept_close(&r->locks.kept[id]);
		sr_hold_forget(&r->attach);
		sr_hold_forget(&r->base.hold);
		for (struct sr_handle *handle = r->handles; handle; handle = handle->next)
			sr_hold_forget(&handle->hold);
		renew_mutexes(r);
		r->orphaned |= !r->is_quiet;
	}
	sr_filelock_after_fork();
	pthread_mutex_unlock(&all_mutex);
}

/* In a child of a bare clone(2): nobody told us, and any mutex may be held by a thread that is not here. */
static void after_bare_clone(void)
{
	sr_fork_arrive();
	all_mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	sr_filelock_renew();
	for (struct sr_registry *r = all; r; r = r->next) {
		r->orphaned = true;
		renew_mutexes(r);
	}
}

/* ---------------------------------------------------------------- registries of this process */

#define TRIES 20 /* to open what others remove */

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

static int get_registry(const char *dir, const struct segreg_open_options *options, struct sr_registry **out)
{
	struct sr_registry *r = find_registry(dir);
	int rc;

	if (r && options->flags & SEGREG_ADOPT)
		return sr_fail(SEGREG_E_BUSY, "%s is open in this process; SEGREG_ADOPT needs it to itself", dir);
	if (!r) {
		r = calloc(1, sizeof(*r));
		if (!r)
			return sr_fail(SEGREG_E_NOMEM, "no memory to open %s", dir);
		strcpy(r->dir, dir);
		snprintf(r->lock_path, sizeof(r->lock_path), "%s/registry.lock", dir);
		snprintf(r->store_path, sizeof(r->store_path), "%s/registry.mdb", dir);
		r->fork_generation = sr_fork_generation();
		rc = sr_attach(r, options);
		if (rc) {
			free(r);
			return rc;
		}
		r->next = all;
		all = r;
	}
	r->refs++;
	*out = r;
	return 0;
}

static void put_registry(struct sr_registry *r)
{
	struct sr_registry **link = &all;

	if (--r->refs)
		return;
	while (*link != r)
		link = &(*link)->next;
	*link = r->next;
	if (r->fork_generation == sr_fork_generation())
		sr_detach(r);
	else
		sr_disinherit(r);
	free(r);
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

static struct sr_handle *find_handle(const struct segreg *reg)
{
	for (struct sr_registry *r = all; r; r = r->next)
		for (struct sr_handle *handle = r->handles; handle; handle = handle->next)
			if (handle->reg == reg)
				return handle;
	sr_fail(SEGREG_E_INVAL, "invalid argument: not an open handle");
	return NULL;
}

/* Fill the handle's struct segreg, which is zero, and link the handle to the registry of this process. */
static int attach_handle(struct sr_handle *handle, const char *dir, const struct segreg_open_options *options)
{
	struct segreg *reg = handle->reg;
	struct sr_registry *registry = NULL;
	int rc = get_registry(dir, options, &registry);

	if (rc)
		return rc;
	sr_hold_init(&handle->hold);
	reg->handle = handle;
	reg->registry = registry;
	reg->timeout_ms = handle->timeout_ms;
	reg->region = registry->region;
	reg->store_epoch = sr_load_acquire_u64(&registry->store.epoch);
	rc = sr_lane_attach(reg);
	if (rc) {
		put_registry(registry);
		memset(reg, 0, sizeof(*reg));
		return rc;
	}
	handle->registry = registry;
	handle->fork_generation = sr_fork_generation();
	link_handle(handle);
	sr_store_release_u32(&reg->magic, SR_HANDLE_MAGIC);
	return 0;
}

/* A creation that is refused removes the directory and the registry.lock that it made, also under others who have
 * just found them. */
static int find_and_attach(struct sr_handle *handle, const char *dir, const struct segreg_open_options *options)
{
	char path[SEGREG_PATH_SIZE];
	int rc = SR_REGISTRY_GONE;

	for (int tries = 0; rc == SR_REGISTRY_GONE; tries++) {
		bool made;

		if (tries == TRIES)
			return sr_fail(SEGREG_E_TIMEDOUT, "%s was removed and made again by other processes, %d times "
				       "in a row", dir, tries);
		rc = resolve(dir, options->flags, path, &made);
		if (rc == SEGREG_E_NOENT && options->flags & SEGREG_CREATE && tries < TRIES - 1)
			rc = SR_REGISTRY_GONE;
		else if (!rc)
			rc = attach_handle(handle, path, options);
		if (rc && made)
			sr_sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR); /* fails if others have put something there */
	}
	return rc;
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
	pthread_mutex_lock(&all_mutex);
	rc = install_handlers();
	if (!rc) {
		handle->reg = take_memory();
		rc = handle->reg ? find_and_attach(handle, dir, options) :
				   sr_fail(SEGREG_E_NOMEM, "no memory for a handle");
	}
	if (rc && handle->reg)
		give_memory(handle->reg);
	if (!rc)
		strcpy(handle->base, handle->reg->registry->base.path);
	pthread_mutex_unlock(&all_mutex);
	if (rc) {
		free(handle);
		return rc;
	}
	*out = handle->reg;
	return 0;
}

int sr_handle_arrive(struct segreg *reg)
{
	struct sr_handle *handle;
	int rc = SEGREG_E_INVAL;

	if (sr_fork_inherited())
		after_bare_clone();
	pthread_mutex_lock(&all_mutex);
	handle = find_handle(reg);
	if (handle && handle->fork_generation == sr_fork_generation()) {
		rc = 0; /* another thread was first */
	} else if (handle) {
		struct segreg_open_options options = { .timeout_ms = handle->timeout_ms };
		struct sr_registry *parents = handle->registry;
		struct sr_handle old = *handle;

		unlink_handle(handle);
		rc = attach_handle(handle, parents->dir, &options);
		if (rc == SR_REGISTRY_GONE)
			rc = sr_fail_kept(ENOENT, parents->lock_path);
		if (rc) {
			*handle = old;
			link_handle(handle);
		} else {
			put_registry(parents);
		}
	}
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
	struct sr_handle *handle;
	uint64_t pins = 0;
	int rc = 0;

	if (sr_fork_inherited())
		after_bare_clone();
	pthread_mutex_lock(&all_mutex);
	handle = find_handle(reg);
	if (handle) {
		if (handle->fork_generation == sr_fork_generation())
			rc = sr_lane_detach(reg, &pins);
		unlink_handle(handle);
		put_registry(handle->registry);
		give_memory(reg);
	}
	pthread_mutex_unlock(&all_mutex);
	free(handle);
	if (released && handle && !rc)
		*released = pins;
	return handle ? rc : SEGREG_E_INVAL;
}
