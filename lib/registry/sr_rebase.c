/*
 * sr_rebase.c - giving a registry another base: that of a copy, or the same one in another place.
 */
#include "registry/sr_rebase.h"
#include "db/sr_records.h"
#include "sys/sr_error.h"
#include "registry/sr_leftover.h"
#include "registry/sr_owner.h"
#include "base/sr_trash.h"
#include "base/sr_foreign.h"
#include "base/sr_marker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER UINT64_MAX /* as inode number: that of no file */

/* ---------------------------------------------------------------- records */

struct ids {
	uint64_t *id;
	uint32_t n, room;
};

static int note_id(void *arg, const struct sr_record *record)
{
	struct ids *ids = arg;

	if (ids->n == ids->room)
		return sr_fail(SEGREG_E_CORRUPT, "registry.mdb is damaged: it has more segments than it counts");
	ids->id[ids->n++] = record->id;
	return 0;
}

/* Returns 0, SR_STORE_ABSENT if nothing that can be a segment is at path, or an error. */
static int find(struct sr_base *base, const char *path, struct sr_identity *identity)
{
	int rc = sr_base_identify(base, path, identity);

	return rc == SEGREG_E_NOENT || rc == SEGREG_E_PATH ? SR_STORE_ABSENT : rc;
}

/* Returns 0, SR_STORE_ABSENT if path cannot be registered in base, or an error. The text counts too: the registry may
 * lie elsewhere in base than it did in the old one. */
static int check_place(struct sr_base *base, const char *path)
{
	int rc = sr_base_check_path(base, path);

	if (!rc)
		rc = sr_foreign_check_above(base, path);
	if (!rc)
		rc = sr_foreign_check_top(base, path);
	return rc == SEGREG_E_PATH ? SR_STORE_ABSENT : rc;
}

static int find_parent(struct sr_base *base, struct sr_record *record)
{
	char parent[SEGREG_PATH_MAX + 1];
	struct sr_identity identity;
	int rc = 0;

	if (sr_base_parent(record->path, parent) == record->path)
		identity = (struct sr_identity){ .ino = base->dir.ino, .fid = base->fid };
	else
		rc = find(base, parent, &identity);
	record->parent_ino = rc ? 0 : identity.ino;
	record->parent_fid = rc ? 0 : identity.fid;
	return rc == SR_STORE_ABSENT ? 0 : rc;
}

/* After its deletion was decided, a segment is searched in the trash alone: its path may have something else now. */
static int identify_record(struct sr_base *base, struct sr_record *record)
{
	char path[SEGREG_PATH_MAX + 1], name[SR_TRASH_NAME_SIZE];
	struct sr_identity identity;
	int rc, refused = 0;

	strcpy(path, record->path);
	if (record->state == SR_DELETING) {
		sr_trash_name(record, name);
		snprintf(path, sizeof(path), "%s/%s", SR_BASE_TRASH, name);
	} else {
		refused = check_place(base, path);
	}
	rc = refused ? refused : find(base, path, &identity);
	if (rc && rc != SR_STORE_ABSENT)
		return rc;
	if (!record->ino)
		/* A reservation: what stands there was not made by its builder. */
		record->ino = rc && !refused ? 0 : NEVER;
	else if (rc || !!S_ISDIR(identity.mode) != record->is_directory)
		record->ino = NEVER;
	else
		record->ino = identity.ino;
	record->btime = record->ino == NEVER || rc ? 0 : identity.btime;
	record->fid = record->ino == NEVER || rc ? 0 : identity.fid;
	record->attempts = 0;
	record->error = 0;
	record->retry_at = 0;
	return find_parent(base, record);
}

static int identify_all(struct sr_store *store, struct sr_base *base, const struct ids *ids)
{
	for (uint32_t i = 0; i < ids->n; i++) {
		struct sr_record record;
		int rc = sr_records_get(store, ids->id[i], &record);

		if (!rc)
			rc = identify_record(base, &record);
		if (!rc)
			rc = sr_records_update(store, &record);
		if (rc)
			return rc == SR_STORE_ABSENT
				       ? sr_fail(SEGREG_E_CORRUPT, "registry.mdb is damaged: a segment vanished")
				       : rc;
	}
	return 0;
}

/* Collect the ids first: a walk does not go on behind changes. */
static int identify_records(struct sr_store *store, struct sr_base *base)
{
	struct ids ids = { .n = 0 };
	int rc = sr_records_count(store, &ids.room);

	if (rc)
		return rc;
	ids.id = sr_sys_malloc(((size_t)ids.room + 1) * sizeof(*ids.id));
	if (!ids.id)
		return sr_fail(SEGREG_E_NOMEM, "no memory for the ids of %u segments", ids.room);
	rc = sr_records_each(store, note_id, &ids);
	if (!rc)
		rc = identify_all(store, base, &ids);
	free(ids.id);
	return rc;
}

/* ---------------------------------------------------------------- whose the new base is */

/* Access for the locks in base, and how long to wait for processes that hold them. */
struct terms {
	const struct sr_access *access;
	uint32_t timeout_ms;
};

/* The base that the registry leaves. */
struct old {
	struct sr_base base;     /* open after look_at_old, if it is there */
	struct sr_marker marker; /* valid if is_ours */
	bool is_ours;            /* it is no original's, and no process uses it */
};

/* Is the old base there, with our marker, as another directory than base? Returns 1, 0, or an error. */
static int look_at_old(const struct sr_registry *registry, const struct sr_base *base, const struct sr_meta *meta,
		       const struct terms *terms, struct old *old)
{
	struct sr_marker marker;
	int rc = sr_base_open(&old->base, meta->base, registry->dir);

	if (rc)
		return rc == SEGREG_E_NOENT ? 0 : rc;
	if (old->base.dir.dev == base->dir.dev && old->base.dir.ino == base->dir.ino)
		rc = 0;
	else if (sr_marker_read(&old->base, &marker) == -1)
		rc = errno == ENOENT ? 0 : sr_fail_errno(errno, "cannot read %s/%s", meta->base, SR_BASE_MARKER);
	else
		rc = !memcmp(marker.uuid, meta->uuid, sizeof(marker.uuid));
	/* If the old base is this registry's and no original's, processes may still use it by a registry.lock that
	 * was replaced. */
	if (rc == 1 && !strcmp(marker.place, registry->dir)) {
		int busy = sr_base_join_alone(&old->base, terms->access, terms->timeout_ms);

		rc = busy ? busy : 1;
		/* Another container may have the original in a directory of the same path. */
		old->is_ours =
			!busy && marker.lock_dev == registry->lockfile.dev && marker.lock_ino == registry->lockfile.ino;
		old->marker = marker;
	}
	return rc;
}

/* Check that the moved base is neither an original's nor in use. */
static int check_moved(struct sr_registry *registry, struct sr_base *base, const uint8_t uuid[SR_UUID_SIZE])
{
	int rc = sr_owner_check_place(registry, base, true);

	return rc ? rc : sr_leftover_check_users(registry, uuid);
}

/* May this registry have base, which is open, and under which uuid? */
static int choose_uuid(struct sr_registry *registry, struct sr_base *base, const struct sr_meta *meta, bool has_old,
		       uint8_t uuid[SR_UUID_SIZE])
{
	struct sr_marker marker;

	if (sr_marker_read(base, &marker) == 0) {
		bool is_begun = !marker.has_owner && !strcmp(marker.place, registry->dir);
		bool is_same = !memcmp(marker.uuid, meta->uuid, sizeof(marker.uuid));

		if (!is_begun && !is_same)
			return sr_owner_fail_foreign(registry, base, &marker, false);
		if (is_begun || !has_old) {
			memcpy(uuid, marker.uuid, SR_UUID_SIZE);
			return is_begun ? 0 : check_moved(registry, base, uuid);
		}
	} else if (errno != ENOENT) {
		return sr_fail_errno(errno, "cannot read %s/%s", base->path, SR_BASE_MARKER);
	}
	return sr_sys_random(uuid, SR_UUID_SIZE) == -1 ? sr_fail_errno(errno, "cannot get random bytes") : 0;
}

/* ---------------------------------------------------------------- the whole */

static int write_store(struct sr_registry *registry, struct sr_base *base, struct sr_meta *meta, struct sr_clock *clock)
{
	struct sr_store *store = &registry->store;
	struct sr_marker marker;
	int rc = sr_records_upgrade(store, meta);

	if (!rc)
		rc = sr_records_put_meta(store, meta);
	if (!rc)
		rc = sr_records_put_clock(store, clock);
	if (!rc)
		rc = sr_owner_renew(registry, true, &marker);
	if (!rc)
		rc = sr_records_put_removed(store, NULL);
	return rc ? rc : identify_records(store, base);
}

/* In a transaction, with base open and joined alone. */
static int move(struct sr_registry *registry, struct sr_base *base, struct sr_meta *meta, bool has_old)
{
	struct sr_clock clock;
	struct sr_marker marker = { .has_owner = false };
	int rc = sr_records_get_clock(&registry->store, &clock);

	if (!rc)
		rc = choose_uuid(registry, base, meta, has_old, marker.uuid);
	if (rc)
		return rc;
	marker.starts = clock.starts;
	strcpy(marker.place, registry->dir);
	memcpy(meta->uuid, marker.uuid, sizeof(meta->uuid));
	strcpy(meta->base, base->path);
	rc = sr_marker_put(base, &marker);
	SR_STOP("rebase.marked");
	return rc ? rc : write_store(registry, base, meta, &clock);
}

static int rebase(struct sr_registry *registry, const char *path, const struct terms *terms, struct old *old)
{
	struct sr_base base = { .dir.path = NULL };
	struct sr_meta meta;
	int has_old, rc = sr_records_get_meta(&registry->store, &meta);

	/* Opening refuses a database without a description. */
	if (rc || !strcmp(meta.base, path))
		return rc == SR_STORE_ABSENT ? 0 : rc;
	memcpy(registry->uuid, meta.uuid, sizeof(registry->uuid));
	rc = sr_base_open(&base, path, registry->dir);
	if (rc)
		return rc;
	has_old = sr_owner_check_above(registry, &base);
	if (!has_old)
		has_old = look_at_old(registry, &base, &meta, terms, old);
	rc = has_old < 0 ? has_old : sr_base_join_alone(&base, terms->access, terms->timeout_ms);
	if (!rc)
		rc = move(registry, &base, &meta, has_old);
	sr_base_close(&base);
	return rc;
}

int sr_rebase(struct sr_registry *registry, const char *path, const struct sr_access *access, uint32_t timeout_ms)
{
	const struct terms terms = { .access = access, .timeout_ms = timeout_ms };
	struct sr_store *store = &registry->store;
	struct old old = { .base.dir.path = NULL };
	int rc = sr_store_begin(store);

	if (rc)
		return rc;
	rc = rebase(registry, path, &terms, &old);
	if (rc) {
		sr_store_abort(store);
	} else {
		rc = sr_store_commit(store);
		SR_STOP("rebase.committed");
		if (!rc && old.is_ours)
			sr_marker_unclaim(&old.base, &old.marker);
	}
	sr_base_close(&old.base);
	return rc;
}
