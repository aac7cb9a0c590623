/*
 * sr_handle.c - a process's handles: opening, closing, and arriving in a forked child.
 *
 * Handles on one registry share one struct sr_registry (sr_process.c). The memory of a struct segreg reads as zeros in
 * a forked child. So a call in the child finds no magic there, and attaches the handle anew, with what struct
 * sr_attachment has.
 *
 * A program may close a handle, and later release a pin of it. The memory of a closed handle has no magic, so that call
 * fails. But a handle that uses the memory again may have the lane_id of the closed one, because a new region counts
 * epochs from 1. The call would then take another pin away. So memory is used again only if nothing was held at the
 * close. An edit carries the number of its handle instead (open_number).
 */
#include "registry/sr_handle.h"
#include "registry/sr_process.h"
#include "sys/sr_error.h"
#include "registry/sr_lane.h"

#include <errno.h>
#include <inttypes.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---------------------------------------------------------------- memory that a fork wipes */

#define ROOM SR_PAGE
#define PLACE                                                                                                          \
	2048u /* not where pages begin: the first slot and its count lie there, and would share a set of the cache     \
		 with it */
_Static_assert(PLACE + sizeof(struct segreg) <= ROOM, "a handle fits its room");

static struct pool {
	struct pool *next;
} * pool; /* of closed handles */

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

static void link_handle(struct sr_attachment *attachment)
{
	attachment->next = attachment->registry->attachments;
	attachment->registry->attachments = attachment;
}

static void unlink_handle(struct sr_attachment *attachment)
{
	struct sr_attachment **link = &attachment->registry->attachments;

	while (*link != attachment)
		link = &(*link)->next;
	*link = attachment->next;
}

/* Fill the struct segreg of attachment, which is zero, except for its magic. *out becomes its registry. [process],
 * released meanwhile. */
static int attach_handle(struct sr_attachment *attachment, const char *dir, const struct segreg_open_options *options,
			 struct sr_registry **out)
{
	struct segreg *reg = attachment->reg;
	int rc = sr_process_get(dir, options, out);

	if (rc)
		return rc;
	sr_hold_init(&attachment->hold);
	reg->attachment = attachment;
	reg->registry = *out;
	reg->timeout_ms = attachment->timeout_ms;
	reg->region = (*out)->region;
	reg->store_epoch = sr_load_acquire_u64(&(*out)->store.epoch);
	sr_process_unlock();
	rc = sr_lane_attach(reg);
	sr_process_lock();
	if (rc) {
		sr_process_put(*out);
		memset(reg, 0, sizeof(*reg));
	}
	return rc;
}

/* The handle is attached: from here on it belongs to the registry, and calls may use it. [process] */
static void publish_handle(struct sr_attachment *attachment, struct sr_registry *registry)
{
	static uint64_t opened;

	attachment->reg->open_number = ++opened;
	attachment->registry = registry;
	attachment->fork_no = sr_fork_no();
	link_handle(attachment);
	sr_store_release_u32(&attachment->reg->magic, SR_HANDLE_MAGIC);
}

/* [process], released meanwhile. */
static int open_handle(struct sr_attachment *attachment, const char *path, const struct segreg_open_options *options)
{
	struct sr_registry *registry;
	int rc = sr_process_init();

	if (rc)
		return rc;
	attachment->reg = take_memory();
	if (!attachment->reg)
		return sr_fail(SEGREG_E_NOMEM, "no memory for a handle");
	rc = attach_handle(attachment, path, options, &registry);
	if (rc) {
		give_memory(attachment->reg);
		return rc;
	}
	strcpy(attachment->base, registry->base.path);
	publish_handle(attachment, registry);
	return 0;
}

#define TRIES 20 /* how often to open what other processes remove */

/* Find the absolute path of dir. With SEGREG_CREATE, make its last component if it is missing; *made: this call made
 * it. */
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

/* A creation that is refused removes the directory and the registry.lock that it made, also while other processes open
 * them. */
static int find_and_open(struct sr_attachment *attachment, const char *dir, const struct segreg_open_options *options)
{
	char path[SEGREG_PATH_SIZE];
	int rc = SR_REGISTRY_GONE;

	for (int tries = 0; rc == SR_REGISTRY_GONE; tries++) {
		bool made;

		if (tries == TRIES)
			return sr_fail(SEGREG_E_TIMEDOUT,
				       "%s was removed and made again by other processes, %d times "
				       "in a row",
				       dir, tries);
		rc = resolve(dir, options->flags, path, &made);
		if (rc == SEGREG_E_NOENT && options->flags & SEGREG_CREATE && tries < TRIES - 1) {
			rc = SR_REGISTRY_GONE;
		} else if (!rc) {
			sr_process_lock();
			rc = open_handle(attachment, path, options);
			sr_process_unlock();
		}
		if (rc && made)
			sr_sys_unlinkat(AT_FDCWD, path,
					AT_REMOVEDIR); /* fails if another process has put something there */
	}
	return rc;
}

int sr_handle_open(const char *dir, const struct segreg_open_options *options, struct segreg **out)
{
	struct sr_attachment *attachment = sr_sys_calloc(1, sizeof(*attachment));
	int rc;

	if (!attachment)
		return sr_fail(SEGREG_E_NOMEM, "no memory for a handle");
	if (sr_fork_inherited())
		sr_process_arrive();
	attachment->timeout_ms = options->timeout_ms;
	snprintf(attachment->label, sizeof(attachment->label), "%s", options->label);
	rc = find_and_open(attachment, dir, options);
	if (rc) {
		free(attachment);
		return rc;
	}
	*out = attachment->reg;
	return 0;
}

/* The parent's handle becomes this child's. [process], released meanwhile. */
static int arrive(struct sr_attachment *attachment)
{
	struct segreg_open_options options = { .timeout_ms = attachment->timeout_ms };
	struct sr_registry *parents = attachment->registry, *registry;
	int rc;

	attachment->arriving = true;
	rc = attach_handle(attachment, parents->dir, &options, &registry);
	attachment->arriving = false;
	attachment->is_inherited = true;
	if (rc == SR_REGISTRY_GONE)
		rc = sr_fail_kept(ENOENT, parents->lock_path);
	if (!rc) {
		unlink_handle(attachment);
		publish_handle(attachment, registry);
		sr_process_put(parents);
	}
	sr_process_wake();
	return rc;
}

int sr_handle_arrive(struct segreg *reg)
{
	struct sr_attachment *attachment;
	int64_t begin = sr_sys_monotonic();
	bool is_late = false;
	int rc = SEGREG_E_INVAL;

	if (sr_fork_inherited())
		sr_process_arrive();
	sr_process_lock();
	while ((attachment = sr_process_find(reg)) && attachment->arriving && !is_late)
		is_late = !sr_process_wait(begin + (int64_t)attachment->timeout_ms * 1000000);
	if (attachment && attachment->arriving)
		rc = sr_fail(SEGREG_E_TIMEDOUT,
			     "waited %" PRIu32
			     " ms for another thread of this process, which attaches this handle anew "
			     "after a fork",
			     attachment->timeout_ms);
	else if (attachment && attachment->fork_no == sr_fork_no())
		rc = 0; /* another thread was first */
	else if (attachment)
		rc = arrive(attachment);
	sr_process_unlock();
	return rc;
}

const char *sr_handle_base(const struct segreg *reg)
{
	struct sr_attachment *attachment;

	if (sr_load_acquire_u32(&reg->magic) == SR_HANDLE_MAGIC)
		return reg->attachment->base;
	sr_process_lock();
	attachment = sr_process_find(reg);
	sr_process_unlock();
	return attachment ? attachment->base : NULL;
}

int sr_handle_close(struct segreg *reg, uint64_t *released)
{
	struct sr_registry *registry;
	struct sr_attachment *attachment;
	uint64_t pins = 0;
	bool is_handle, may_be_asked = true; /* a program may have something that names the handle, such as a pin */
	int rc = 0;

	if (sr_fork_inherited())
		sr_process_arrive();
	sr_process_lock();
	attachment = sr_process_find(reg);
	is_handle = attachment;
	if (attachment && attachment->fork_no == sr_fork_no()) {
		bool held = true;

		attachment->leaving = true;
		sr_process_unlock();
		rc = sr_lane_detach(reg, &pins, &held);
		sr_process_lock();
		may_be_asked = held || attachment->is_inherited; /* the child has copies of its parent's pins */
	}
	if (attachment) {
		unlink_handle(attachment);
		registry = attachment->registry;
		free(attachment);
		if (may_be_asked)
			memset(reg, 0, sizeof(*reg));
		else
			give_memory(reg);
		sr_process_put(registry);
	}
	sr_process_unlock();
	if (released && is_handle && !rc)
		*released = pins;
	return is_handle ? rc : SEGREG_E_INVAL;
}
