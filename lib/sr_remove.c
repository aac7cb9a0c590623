/*
 * sr_remove.c - unregistering: a segment is forgotten and its files stay.
 */
#include "sr_remove.h"
#include "sr_change.h"
#include "sr_error.h"
#include "sr_journal.h"
#include "sr_snapshot.h"
#include "sr_table.h"

#include <inttypes.h>

/* Pins, snapshots and horizons on slot, by all lanes, as if it were retired next. [table] */
static uint64_t holds_on(const struct sr_region *region, uint32_t slot)
{
	uint32_t top = sr_region_lane_top(region);
	uint64_t holds = sr_table_count(region, slot);

	for (uint32_t n = 0; n < top; n++)
		if (sr_lane_counts_are_held(sr_region_lane(region, n)))
			holds += sr_snapshot_count(region, n, slot);
	return holds;
}

/*
 * Take a segment out of the region unless it is held: DECIDING first and then a look at the lanes, as a sweep does.
 * Before LMDB, so that nobody can pin it once its caller knows that it is his; if LMDB then fails, a repair brings
 * it back.
 */
static int withdraw(struct sr_change *change, const struct sr_record *record, uint32_t slot)
{
	struct sr_region *region = &change->reg->region;
	uint64_t holds;
	int rc;

	if (record->state != SR_LIVE && record->state != SR_PENDING)
		return sr_fail(SEGREG_E_BUSY, "segment %" PRIu64 " is %s; SEGREG_FORCE unregisters it all the same", record->id,
			       segreg_state_name((enum segreg_state)record->state));
	sr_change_prepare(change);
	rc = sr_change_open_table(change);
	if (rc)
		return rc;
	rc = sr_table_move(region, slot, SR_DECIDING);
	SR_STOP("remove.deciding");
	if (!rc) {
		holds = holds_on(region, slot);
		rc = holds ? sr_table_move(region, slot, record->state) : sr_table_drop(region, slot);
		if (!rc && holds)
			rc = sr_fail(SEGREG_E_BUSY, "segment %" PRIu64 " is held %" PRIu64 " times; SEGREG_FORCE unregisters it all "
				     "the same", record->id, holds);
	}
	if (rc && rc != SEGREG_E_BUSY)
		sr_leave_table(change->reg); /* dirty: the next one repairs */
	else
		sr_change_close_table(change);
	return rc;
}

/* A segment that is being deleted can be forgotten where no sweep is at it: its deletion failed, was cut short, or has not begun. */
static int check_forced(const struct sr_record *record, bool idle)
{
	return record->state != SR_DELETING || idle ? 0 : sr_fail(SEGREG_E_BUSY, "segment %" PRIu64 " is being deleted", record->id);
}

/* Write that the record is gone. */
static int remove_record(struct sr_change *change, const struct sr_record *record, struct sr_journal *journal)
{
	struct sr_store *store = &change->reg->registry->store;
	struct sr_entry entry;
	int rc = sr_store_remove(store, record);

	change->clock.version++;
	sr_journal_fill(&entry, SEGREG_LOG_FORGOTTEN, record);
	if (!rc)
		rc = sr_store_put_clock(store, &change->clock);
	if (!rc)
		rc = sr_journal_begin(journal, change->reg);
	if (!rc)
		rc = sr_journal_put(journal, &entry);
	return rc ? rc : sr_change_commit(change);
}

/* What was withdrawn is live again, at once: a repair sees to it, and if it fails, the next one does. */
static void bring_back(struct segreg *reg)
{
	char why[SR_ERROR_SIZE];

	sr_error_keep(why);
	if (sr_enter_commit(reg) == 0)
		sr_leave_commit(reg);
	sr_error_put_back(why);
}

static int force_remove(struct segreg *reg, uint64_t id, bool forced, bool idle)
{
	struct sr_journal journal;
	struct sr_change change;
	struct sr_record record;
	uint32_t slot;
	int rc = sr_change_begin(&change, reg);

	if (rc)
		return rc;
	rc = sr_store_get(&reg->registry->store, id, &record);
	slot = sr_table_find(&reg->region, id); /* exact: tables change under the commit lock only */
	if (rc == SR_STORE_ABSENT)
		rc = sr_fail(SEGREG_E_NOENT, "segment %" PRIu64 " is not registered", id);
	else if (!rc && slot == SR_NONE)
		rc = sr_fail(SEGREG_E_CORRUPT, "segment %" PRIu64 " is missing in shared memory", id);
	if (!rc)
		rc = forced ? check_forced(&record, idle) : withdraw(&change, &record, slot);
	if (rc) {
		sr_change_cancel(&change);
		return rc;
	}
	SR_STOP("remove.prepared");
	rc = remove_record(&change, &record, &journal);
	if (rc == SEGREG_E_REOPEN)
		return rc;
	if (rc) {
		sr_change_abandon(&change);
		if (!forced)
			bring_back(reg);
		return rc;
	}
	sr_journal_end(&journal);
	return sr_change_conclude(&change, forced ? sr_table_drop(&reg->region, slot) : 0);
}

int sr_force_remove(struct segreg *reg, uint64_t id, bool forced)
{
	struct sr_hold hold;
	bool idle = sr_registry_hold(reg->registry, SR_BYTE_SWEEP, &hold) == 0;
	int rc = force_remove(reg, id, forced, idle);

	if (idle)
		sr_hold_drop(&hold);
	return rc;
}
