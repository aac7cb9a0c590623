/*
 * sr_vacate.c - taking a retired segment out of the way of a new file of the same name.
 *
 *      look at the path: nothing is there: done, without a lock, unless a directory above may be retired
 *      discards that are in shared memory alone: make them durable, because they may have the path
 *      commit lock
 *        no segment has the path: done, what is there is the caller's
 *        PENDING, or DELETING while no sweep runs: unlink the file; drop the record; commit; drop the slot
 *        DELETING while a sweep runs: give the lock back, and look again a little later
 *
 * A sweep makes a segment DELETING under the commit lock. So a segment that is PENDING under that lock is not being
 * deleted. A sweep that runs may be about to move a DELETING segment into the trash. A new file could get in the way of
 * that move. So the call waits until the sweep has moved the segment, or has ended.
 *
 * The file goes first. If the process dies between the two, the next sweep drops the record. By then the file is gone,
 * or another file has its name (may_be_reused in sr_sweep.c).
 */
#include "edit/sr_vacate.h"
#include "db/sr_records.h"
#include "edit/sr_discard.h"
#include "registry/sr_change.h"
#include "registry/sr_enter.h"
#include "registry/sr_journal.h"
#include "shm/sr_table.h"
#include "base/sr_trash.h"
#include "sys/sr_error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define PAUSE ((int64_t)5000000) /* nanoseconds between two looks at a sweep */

/* Unlink the regular file at path. A directory stays, and so does what cannot be there any more. */
static int unlink_file(struct sr_base *base, const char *path)
{
	char parent[SEGREG_PATH_MAX + 1];
	const char *leaf = sr_base_parent(path, parent);
	int fd, error, dir = sr_base_fd(base);

	if (dir == -1)
		return sr_fail_kept(errno, base->path);
	fd = sr_sys_open_beneath(dir, parent, O_PATH | O_DIRECTORY);
	if (fd == -1)
		return sr_fail_errno(errno, "cannot reach %s below %s", parent, base->path);
	error = sr_sys_unlinkat(fd, leaf, 0) == 0 ? 0 : errno;
	sr_sys_close(fd);
	return !error || error == ENOENT ? 0 : sr_fail_errno(error, "cannot remove %s below %s", path, base->path);
}

/*
 * A sweep that deletes a directory deletes a new file in it as well. So path may not lie in the segment of record, if
 * that is retired and still there. If another directory has its name by now, no sweep deletes that.
 */
static int check_above(struct sr_base *base, const struct sr_record *record, const char *path)
{
	size_t length = record->path_length;
	struct sr_identity there;
	int rc;

	if (length >= strlen(path) || path[length] != '/' || memcmp(record->path, path, length) ||
	    (record->state != SR_PENDING && record->state != SR_DELETING))
		return SR_STORE_ABSENT;
	rc = sr_base_identify(base, record->path, &there);
	if (rc == SEGREG_E_NOENT || (!rc && !sr_base_is_registered(there.dev, record, &there)))
		return SR_STORE_ABSENT;
	if (rc)
		return rc;
	return sr_fail(SEGREG_E_EXISTS,
		       "%s lies in %s, which is segment %" PRIu64
		       " and is %s: vacate that directory first, or use another name",
		       path, record->path, record->id, segreg_state_name((enum segreg_state)record->state));
}

/* A lease holds a segment for a process on another host, or after the next start: it needs the name. */
static int check_leases(const struct sr_change *change, const struct sr_record *record)
{
	struct sr_registry *registry = change->reg->registry;
	int rc = sr_leases_read(&registry->leases, &registry->store, &change->clock);
	const char *lease = rc ? NULL : sr_leases_hold(&registry->leases, record->id, record->born, record->retired);

	if (!lease)
		return rc;
	return sr_fail(SEGREG_E_EXISTS,
		       "the lease %s holds segment %" PRIu64
		       " at %s: drop the lease first (segctl lease drop), or use another name",
		       lease, record->id, record->path);
}

/* May the segment of record be taken out of the way now? [commit] */
static int check_state(const struct sr_change *change, const struct sr_record *record)
{
	if (record->state != SR_PENDING && record->state != SR_DELETING)
		return sr_fail(SEGREG_E_EXISTS, "%s is segment %" PRIu64 ", which is %s: retire it first", record->path,
			       record->id, segreg_state_name((enum segreg_state)record->state));
	if (record->state == SR_PENDING)
		return check_leases(change, record);
	if (!sr_lock_byte_is_taken(&change->reg->registry->locks, SR_LOCK_COMMIT, SR_BYTE_SWEEP))
		return 0;
	return sr_fail(SEGREG_E_BUSY,
		       "a sweep is about to delete segment %" PRIu64 " at %s, and has not come to it yet; try again",
		       record->id, record->path);
}

static int drop_record(struct sr_change *change, const struct sr_record *record, struct sr_journal *journal)
{
	struct sr_store *store = &change->reg->registry->store;
	struct sr_entry entry;
	int rc = sr_records_remove(store, record);

	change->clock.version++;
	sr_journal_fill(&entry, SEGREG_LOG_FORGOTTEN, record);
	if (!rc)
		rc = sr_records_put_removed(store, NULL); /* or a repair might put the record back */
	if (!rc)
		rc = sr_records_put_clock(store, &change->clock);
	if (!rc)
		rc = sr_journal_begin(journal, change->reg);
	if (!rc)
		rc = sr_journal_put(journal, &entry);
	SR_STOP("vacate.unlinked");
	return rc ? rc : sr_change_commit_open(change);
}

/* Take the segment of record out of the way. is_file: a regular file of it is at its path. Ends the change. */
static int forget(struct sr_change *change, const struct sr_record *record, bool is_file)
{
	struct segreg *reg = change->reg;
	struct sr_journal journal;
	uint32_t slot = sr_table_find(&reg->region, record->id); /* exact, under the commit lock */
	int rc = 0;

	if (slot == SR_NONE)
		rc = sr_fail(SEGREG_E_CORRUPT, "segment %" PRIu64 " is missing in shared memory", record->id);
	else if (is_file)
		rc = unlink_file(&reg->registry->base, record->path);
	if (!rc)
		rc = drop_record(change, record, &journal);
	if (rc == SEGREG_E_REOPEN)
		return rc;
	if (rc) {
		sr_change_cancel(change);
		return rc;
	}
	sr_journal_end(&journal);
	sr_change_conclude(change, sr_table_drop(&reg->region, slot));
	return 0;
}

/*
 * Find the segment that overlaps `from`: path, or the directory above it. SR_STORE_ABSENT: none that matters to a new
 * file at path. [commit]
 */
static int find(struct sr_change *change, const char *from, const char *path, struct sr_record *record)
{
	struct sr_store *store = &change->reg->registry->store;
	uint64_t id;
	int rc = sr_records_overlap(store, from, &id);

	if (!rc)
		rc = sr_records_get(store, id, record);
	if (!rc && strcmp(record->path, path))
		rc = check_above(&change->reg->registry->base, record, path);
	return rc;
}

/* identity: what is at path. */
static int vacate(struct segreg *reg, const char *path, const struct sr_identity *identity)
{
	struct sr_change change;
	struct sr_record record;
	bool is_it = false;
	int rc = sr_change_begin(&change, reg);

	if (rc)
		return rc;
	rc = find(&change, path, path, &record);
	if (!rc)
		rc = check_state(&change, &record);
	if (!rc) {
		is_it = sr_base_is_registered(identity->dev, &record, identity);
		rc = is_it || record.state == SR_PENDING ? 0 : sr_trash_has(&reg->registry->base, &record);
	}
	if (!rc)
		return forget(&change, &record, is_it && S_ISREG(identity->mode));
	sr_change_cancel(&change);
	return rc < 0 ? rc : 0; /* no segment has the path, or its remains in the trash need their record */
}

/* *may: is a directory above path retired, for all that shared memory says? It may be another directory's. */
static int may_be_retired_above(struct segreg *reg, const char *path, bool *may)
{
	struct sr_region *region = &reg->region;
	bool is_discarded = false;
	int rc = 0;

	if (strchr(path, '/') && sr_discards_count(region)) {
		rc = sr_table_lock_take(reg);
		if (rc)
			return rc;
		rc = sr_discards_have_above(region, path, &is_discarded);
		sr_table_lock_give(reg);
	}
	if (!rc && is_discarded)
		rc = sr_discard_flush(reg);
	*may = strchr(path, '/') && sr_load_acquire_u64(&region->header->retired_trees);
	return rc;
}

/* Nothing is at path. A new file there needs no room, but it may not lie in a directory that a sweep deletes. */
static int vacate_nothing(struct segreg *reg, const char *path)
{
	struct sr_change change;
	struct sr_record record;
	char parent[SEGREG_PATH_MAX + 1];
	bool may;
	int rc = may_be_retired_above(reg, path, &may);

	if (rc || !may)
		return rc;
	rc = sr_change_begin(&change, reg);
	if (rc)
		return rc;
	/* What is beside path is no matter, so look from its directory on. */
	sr_base_parent(path, parent);
	rc = find(&change, parent, path, &record);
	sr_change_cancel(&change);
	return rc < 0 ? rc : 0;
}

int sr_vacate(struct segreg *reg, const char *given)
{
	struct sr_base *base = &reg->registry->base;
	int64_t deadline = sr_sys_monotonic() + (int64_t)reg->timeout_ms * 1000000;
	char before[SR_ERROR_SIZE], path[SEGREG_PATH_MAX + 1];
	struct sr_identity identity;
	int rc = sr_base_relate(base, given, path);

	if (rc)
		return rc;
	sr_error_keep(before);
	for (;;) {
		rc = sr_base_identify(base, path, &identity);
		if (rc == SEGREG_E_NOENT) {
			rc = vacate_nothing(reg, path);
			break;
		}
		if (!rc)
			rc = sr_discard_flush(reg);
		if (!rc)
			rc = vacate(reg, path, &identity);
		if (rc != SEGREG_E_BUSY || sr_sys_monotonic() >= deadline)
			break;
		sr_sys_sleep(PAUSE);
	}
	if (rc == SEGREG_E_NOENT) /* it, or its directory, has gone meanwhile */
		rc = 0;
	if (!rc)
		sr_error_put_back(before);
	return rc;
}
