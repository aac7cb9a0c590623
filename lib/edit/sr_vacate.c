/*
 * sr_vacate.c - taking a retired segment out of the way of a new file of the same name.
 *
 *      look at the path: nothing is there: done, without a lock
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

/* A sweep that deletes a directory deletes a new file in it as well. What is below path is no matter. */
static int check_path(const struct sr_record *record, const char *path)
{
	if (!strcmp(record->path, path))
		return 0;
	if (strlen(record->path) > strlen(path) || (record->state != SR_PENDING && record->state != SR_DELETING))
		return SR_STORE_ABSENT;
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

/* identity: what is at path. */
static int vacate(struct segreg *reg, const char *path, const struct sr_identity *identity)
{
	struct sr_store *store = &reg->registry->store;
	struct sr_change change;
	struct sr_record record;
	bool is_it = false;
	uint64_t id;
	int rc = sr_change_begin(&change, reg);

	if (rc)
		return rc;
	rc = sr_records_overlap(store, path, &id);
	if (!rc)
		rc = sr_records_get(store, id, &record);
	if (!rc)
		rc = check_path(&record, path);
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
		if (!rc)
			rc = sr_discard_flush(reg);
		if (!rc)
			rc = vacate(reg, path, &identity);
		if (rc != SEGREG_E_BUSY || sr_sys_monotonic() >= deadline)
			break;
		sr_sys_sleep(PAUSE);
	}
	if (rc == SEGREG_E_NOENT)
		rc = 0;
	if (!rc)
		sr_error_put_back(before);
	return rc;
}
