/*
 * sr_handle.c - a process's handles and registries: opening, closing, and arriving in a forked child.
 *
 * Handles on one registry share one struct sr_registry: one mapping, one LMDB environment, one attachment. A forked
 * child inherits the structs but none of what they stand for: locks held by mappings stay with the parent
 * (MADV_DONTFORK), LMDB must not be used across a fork. So in the child each handle attaches anew at its first
 * call, and an inherited struct sr_registry is let go of when the last handle has left it.
 *
 * Around fork(2) the handlers below see to it that no thread is inside a lock or a transaction, so that what the
 * child inherits is whole. A bare clone(2) runs no handlers: there the mutexes are made anew and LMDB's memory is
 * left alone.
 */
#include "sr_handle.h"
#include "sr_attach.h"
#include "sr_error.h"
#include "sr_lane.h"

#include <errno.h>
#include <inttypes.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t all_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct sr_registry *all; /* this process's, and those inherited from a parent that handles still refer to */
static bool handlers_installed;

/* ---------------------------------------------------------------- fork */

static void before_fork(void)
{
	pthread_mutex_lock(&all_mutex);
	for (struct sr_registry *r = all; r; r = r->next) {
		sr_locks_before_fork(&r->locks);
		pthread_mutex_lock(&r->mutex);
		pthread_mutex_lock(&r->base.mutex);
	}
}

static void after_fork(void)
{
	for (struct sr_registry *r = all; r; r = r->next) {
		pthread_mutex_unlock(&r->base.mutex);
		pthread_mutex_unlock(&r->mutex);
		sr_locks_after_fork(&r->locks);
	}
	pthread_mutex_unlock(&all_mutex);
}

/* The parent's descriptors of registry.lock share its open files: as long as a child has them, a lock of a dead parent stays. */
static void after_fork_in_child(void)
{
	sr_fork_arrive();
	for (struct sr_registry *r = all; r; r = r->next) {
		for (int id = 0; id < SR_LOCKS; id++)
			sr_kept_close(&r->locks.kept[id]);
		sr_hold_forget(&r->attach);
		for (struct segreg *reg = r->handles; reg; reg = reg->next)
			sr_hold_forget(&reg->hold);
	}
	after_fork();
}

/* In a child of a bare clone(2): nobody told us, and any mutex may be held by a thread that is not here. */
static void after_bare_clone(void)
{
	const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

	sr_fork_arrive();
	all_mutex = fresh;
	for (struct sr_registry *r = all; r; r = r->next) {
		r->orphaned = true;
		r->mutex = r->base.mutex = fresh;
		for (int id = 0; id < SR_LOCKS; id++)
			r->locks.local[id] = fresh;
	}
}

/* ---------------------------------------------------------------- registries of this process */

static struct sr_registry *find_registry(const char *dir)
{
	for (struct sr_registry *r = all; r; r = r->next)
		if (r->fork_generation == sr_fork_generation() && !strcmp(r->dir, dir))
			return r;
	return NULL;
}

/* The directory's absolute path; with SEGREG_CREATE its last component may have to be made. */
static int resolve(const char *dir, unsigned flags, char out[SEGREG_PATH_SIZE])
{
	char *found;

	if (flags & SEGREG_CREATE && sr_sys_mkdirat(AT_FDCWD, dir, 0777) == -1 && errno != EEXIST)
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

/* ---------------------------------------------------------------- handles */

static void link_handle(struct segreg *reg)
{
	reg->next = reg->registry->handles;
	reg->registry->handles = reg;
}

static void unlink_handle(struct segreg *reg)
{
	struct segreg **link = &reg->registry->handles;

	while (*link != reg)
		link = &(*link)->next;
	*link = reg->next;
}

/* Fill a handle whose label and timeout are set. */
static int attach_handle(struct segreg *reg, const char *dir, const struct segreg_open_options *options)
{
	int rc = get_registry(dir, options, &reg->registry);

	if (rc)
		return rc;
	reg->region = reg->registry->region;
	reg->store_generation = sr_load_acquire_u64(&reg->registry->store.generation);
	rc = sr_lane_attach(reg);
	if (rc)
		put_registry(reg->registry);
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
	char path[SEGREG_PATH_SIZE];
	struct segreg *reg = calloc(1, sizeof(*reg));
	int rc;

	if (!reg)
		return sr_fail(SEGREG_E_NOMEM, "no memory for a handle");
	reg->magic = SR_HANDLE_MAGIC;
	reg->timeout_ms = options->timeout_ms;
	snprintf(reg->label, sizeof(reg->label), "%s", options->label);
	pthread_mutex_lock(&all_mutex);
	rc = install_handlers();
	if (!rc)
		rc = resolve(dir, options->flags, path);
	if (!rc)
		rc = attach_handle(reg, path, options);
	if (!rc) {
		reg->fork_generation = sr_fork_generation();
		strcpy(reg->base, reg->registry->base.path);
		link_handle(reg);
	}
	pthread_mutex_unlock(&all_mutex);
	if (rc) {
		free(reg);
		return rc;
	}
	*out = reg;
	return 0;
}

int sr_handle_arrive(struct segreg *reg)
{
	struct segreg_open_options options = { .timeout_ms = reg->timeout_ms };
	struct segreg fresh = *reg;
	int rc = 0;

	if (!sr_fork_generation())
		after_bare_clone();
	pthread_mutex_lock(&all_mutex);
	if (sr_load_acquire_u64(&reg->fork_generation) != sr_fork_generation()) {
		sr_hold_init(&fresh.hold);
		rc = attach_handle(&fresh, reg->registry->dir, &options);
		if (!rc) {
			unlink_handle(reg);
			put_registry(reg->registry);
			*reg = fresh;
			link_handle(reg);
			sr_store_release_u64(&reg->fork_generation, sr_fork_generation());
		}
	}
	pthread_mutex_unlock(&all_mutex);
	return rc;
}

int sr_handle_close(struct segreg *reg, uint64_t *released)
{
	uint64_t pins = 0;
	int rc = 0;

	if (!sr_fork_generation())
		after_bare_clone();
	pthread_mutex_lock(&all_mutex);
	if (reg->fork_generation == sr_fork_generation())
		rc = sr_lane_detach(reg, &pins);
	unlink_handle(reg);
	put_registry(reg->registry);
	pthread_mutex_unlock(&all_mutex);
	reg->magic = 0;
	free(reg);
	if (released && !rc)
		*released = pins;
	return rc;
}
