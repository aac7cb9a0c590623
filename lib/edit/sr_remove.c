/*
 * sr_remove.c - unregistering: the registry forgets a segment, and its files stay.
 *
 * With SEGREG_FORCE this is an edit like any other: LMDB first, then the region. Without it, no handle may hold the
 * segment. A handle may begin to hold it at any time, until the region shows that it is gone:
 *
 *      R0  take the commit lock; if a handle or a lease holds the segment: BUSY, and nothing has changed
 *      R1  LMDB: remove the record, keep a copy as "removed", the version becomes V + 1; durable
 *      R2  take the table lock; word: LIVE -> REMOVING, or PENDING -> DECIDING
 *      R3  the region's version becomes V + 1
 *      R4  read counts[slot] and the cells of all lanes
 *      R5  no handle holds it in a version up to V: REMOVING or DECIDING -> GONE by compare-and-swap; done
 *      R6  a handle holds it, or R5 failed: LIVE or PENDING again; LMDB: put the record back; BUSY
 *
 * Why 0 means that no handle holds the segment. A pin counts and then reads the word (P4, P5 of sr_pin.c). So R4 sees
 * the count, or the pin reads REMOVING and takes the decision back, so that R5 fails. A snapshot of V or earlier has
 * read the version before R3 (T3 of sr_snapshot.c), so R4 sees its cell. A snapshot of V + 1 may or may not contain the
 * segment, depending on R5. Until R5 no process knows. A walk that meets REMOVING takes the decision back, so that a
 * segment which it has shown stays.
 *
 * Why a crash is harmless. Before R5 the region shows the segment to every process, as before. A repair that finds the
 * segment in the region but not in LMDB puts the record back from "removed", because the unregistering was not
 * acknowledged. After R5 the segment is gone in both. If all processes die after R1, no handle holds the segment, and
 * it is gone.
 *
 * With SEGREG_DESPITE_HORIZONS, R0 and R4 count no horizons, and no floors of leases. The rest is the same.
 */
#include "edit/sr_remove.h"
#include "db/sr_records.h"
#include "edit/sr_discard.h"
#include "registry/sr_change.h"
#include "registry/sr_reconcile.h"
#include "sys/sr_error.h"
#include "registry/sr_journal.h"
#include "hold/sr_snapshot.h"
#include "shm/sr_table.h"

#include <inttypes.h>

/*
 * The number of pins, snapshots and horizons that hold slot, in all lanes, without horizons if flags says so. A
 * live segment counts as retired by `version`. [table]
 */
static uint64_t holds_on(const struct sr_region *region, uint32_t slot, uint64_t version, unsigned flags)
{
	uint32_t top = sr_region_lane_top(region);
	uint64_t holds = sr_table_count(region, slot);

	for (uint32_t n = 0; n < top; n++)
		if (sr_lane_counts_are_held(sr_region_lane(region, n)))
			holds += sr_snapshot_count(region, n, slot, version, !(flags & SEGREG_DESPITE_HORIZONS));
	return holds;
}

static int fail_held(uint64_t id, uint64_t holds)
{
	if (!holds)
		return sr_fail(SEGREG_E_BUSY,
			       "segment %" PRIu64 " was pinned while it was being unregistered (segctl why %" PRIu64
			       "); SEGREG_FORCE unregisters it all the same",
			       id, id);
	return sr_fail(SEGREG_E_BUSY,
		       "segment %" PRIu64 " is held %" PRIu64 " times (segctl why %" PRIu64
		       "); SEGREG_FORCE unregisters it all the same",
		       id, holds, id);
}

/*
 * A lease that holds the segment makes it BUSY. No lease changes before R5, which holds the same commit lock. The floor
 * of a lease counts as a horizon.
 */
static int check_leases(struct sr_change *change, const struct sr_record *record, unsigned flags)
{
	struct sr_registry *registry = change->reg->registry;
	int rc = sr_leases_read(&registry->leases, &registry->store, &change->clock);
	uint64_t retired = record->retired ? record->retired : SR_NOT_RETIRED;
	const char *lease;

	if (rc)
		return rc;
	if (flags & SEGREG_DESPITE_HORIZONS)
		retired = 0; /* before every floor */
	lease = sr_leases_hold(&registry->leases, record->id, record->born, retired);
	if (!lease)
		return 0;
	return sr_fail(SEGREG_E_BUSY,
		       "the lease %s holds segment %" PRIu64
		       " (segctl lease ls); SEGREG_FORCE unregisters it all the same",
		       lease, record->id);
}

/* R0. The caller holds the commit lock. */
static int check_unheld(struct sr_change *change, const struct sr_record *record, uint32_t slot, unsigned flags)
{
	struct sr_locks *locks = &change->reg->registry->locks;
	uint64_t holds;
	int rc;

	if (record->state != SR_LIVE && record->state != SR_PENDING)
		return sr_fail(SEGREG_E_BUSY, "segment %" PRIu64 " is %s; SEGREG_FORCE unregisters it all the same",
			       record->id, segreg_state_name((enum segreg_state)record->state));
	rc = check_leases(change, record, flags);
	if (rc)
		return rc;
	rc = sr_lock_take(locks, SR_LOCK_TABLE, change->reg->timeout_ms);
	if (rc)
		return rc;
	holds = holds_on(&change->reg->region, slot, UINT64_MAX, flags);
	sr_lock_give(locks, SR_LOCK_TABLE);
	return holds ? fail_held(record->id, holds) : 0;
}

/* R2 to R5. *gone: whether R5 has succeeded. If not, *holds has the number of holds that R4 found. [commit, table] */
static int decide(struct sr_change *change, const struct sr_record *record, uint32_t slot, unsigned flags, bool *gone,
		  uint64_t *holds)
{
	struct sr_region *region = &change->reg->region;
	int rc = sr_table_move(region, slot, record->state == SR_LIVE ? SR_REMOVING : SR_DECIDING);

	*gone = false;
	if (rc)
		return rc;
	sr_region_set_version(region, change->clock.version);
	SR_STOP("remove.deciding");
	*holds = holds_on(region, slot, change->clock.version, flags);
	SR_STOP("remove.counted");
	if (!*holds)
		rc = sr_table_decide(region, slot, SR_GONE, gone);
	if (!rc && !*gone)
		sr_table_keep(region, slot);
	return rc;
}

/*
 * R6. The caller holds the commit lock, and its dirty word is set: if this fails, a repair does it. Gives the lock
 * back.
 */
static int put_back(struct sr_change *change, const struct sr_record *record)
{
	struct sr_store *store = &change->reg->registry->store;
	int rc = sr_store_begin(store);

	SR_STOP("remove.undoing");
	if (!rc)
		rc = sr_reconcile_put_back(store, record);
	if (!rc)
		rc = sr_change_commit_open(change);
	if (rc == SEGREG_E_REOPEN)
		return rc;
	if (rc)
		sr_change_abandon(change);
	else
		sr_change_finish(change);
	return rc;
}

/*
 * Check a forced unregistering. A DELETING segment can be forgotten only while no sweep runs: then its deletion has
 * failed, was cut short, or has not begun. The caller holds the commit lock. A sweep that begins now needs that lock
 * before it deletes anything. So it suffices to look at the sweeper's byte. A sweep that tried to take the byte
 * meanwhile would fail, if this call took it.
 */
static int check_forced(const struct sr_change *change, const struct sr_record *record)
{
	if (record->state != SR_DELETING ||
	    !sr_lock_byte_is_taken(&change->reg->registry->locks, SR_LOCK_COMMIT, SR_BYTE_SWEEP))
		return 0;
	return sr_fail(SEGREG_E_BUSY,
		       "segment %" PRIu64
		       " is being deleted, and a sweep is running; try again when the sweep has ended",
		       record->id);
}

/* R1. On success the caller holds the table lock, too. */
static int remove_record(struct sr_change *change, const struct sr_record *record, bool forced,
			 struct sr_journal *journal)
{
	struct sr_store *store = &change->reg->registry->store;
	struct sr_entry entry;
	int rc = sr_records_remove(store, record);

	change->clock.version++;
	sr_journal_fill(&entry, SEGREG_LOG_FORGOTTEN, record);
	if (!rc)
		rc = sr_records_put_removed(store, forced ? NULL : record);
	if (!rc)
		rc = sr_records_put_clock(store, &change->clock);
	if (!rc)
		rc = sr_journal_begin(journal, change->reg);
	if (!rc)
		rc = sr_journal_put(journal, &entry);
	return rc ? rc : sr_change_commit_open(change);
}

/* R2 to R6. Gives both locks back. */
static int conclude_unheld(struct sr_change *change, const struct sr_record *record, uint32_t slot, unsigned flags)
{
	uint64_t holds = 0;
	bool gone;
	int rc = decide(change, record, slot, flags, &gone, &holds);

	if (rc) { /* the lock stays dirty: the next holder repairs */
		sr_table_lock_give(change->reg);
		sr_change_abandon(change);
		return rc;
	}
	if (gone) {
		sr_change_conclude(change, 0);
		return 0;
	}
	sr_change_close_table(change);
	rc = put_back(change, record);
	return rc ? rc : fail_held(record->id, holds);
}

int sr_force_remove(struct segreg *reg, uint64_t id, unsigned flags)
{
	bool forced = flags & SEGREG_FORCE;
	struct sr_journal journal;
	struct sr_change change;
	struct sr_record record;
	uint32_t slot;
	int rc = sr_discard_flush(reg); /* or a discard of before would take the files all the same */

	if (!rc)
		rc = sr_change_begin(&change, reg);
	if (rc)
		return rc;
	rc = sr_records_get(&reg->registry->store, id, &record);
	slot = sr_table_find(&reg->region, id); /* exact, because tables change only under the commit lock */
	if (rc == SR_STORE_ABSENT)
		rc = sr_fail(SEGREG_E_NOENT, "segment %" PRIu64 " is not registered (segctl log %" PRIu64 ")", id, id);
	else if (!rc && slot == SR_NONE)
		rc = sr_fail(SEGREG_E_CORRUPT, "segment %" PRIu64 " is missing in shared memory", id);
	if (!rc)
		rc = forced ? check_forced(&change, &record) : check_unheld(&change, &record, slot, flags);
	if (rc) {
		sr_change_cancel(&change);
		return rc;
	}
	SR_STOP("remove.prepared");
	rc = remove_record(&change, &record, forced, &journal);
	if (rc == SEGREG_E_REOPEN)
		return rc;
	if (rc) {
		sr_change_cancel(&change);
		return rc;
	}
	sr_journal_end(&journal);
	if (!forced)
		return conclude_unheld(&change, &record, slot, flags);
	sr_change_conclude(&change, sr_table_drop(&reg->region, slot));
	return 0;
}
