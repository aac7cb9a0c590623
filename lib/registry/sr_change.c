/*
 * sr_change.c - one change of the durable state and of the region: the frame around every edit and every step of a
 * sweep.
 *
 *      sr_change_begin           commit lock, repair, LMDB transaction
 *        ... read and write records ...
 *      sr_change_commit_open     LMDB commit: from here on the change is durable; then the table lock
 *        ... bring the region to it ...
 *      sr_change_finish          everything clean, locks given back
 *
 * A crash before the LMDB commit changes nothing but, perhaps, the region. From sr_change_prepare or
 * sr_change_commit_open on, a crash leaves the commit lock dirty, and its next holder reconciles.
 */
#include "registry/sr_change.h"
#include "db/sr_records.h"
#include "shm/sr_ring.h"
#include "sys/sr_error.h"

#include <inttypes.h>

int sr_change_start(struct sr_change *change, struct segreg *reg)
{
	struct sr_registry *registry = reg->registry;
	int rc;

	registry->store.least = registry->region.header->db_bytes;
	rc = sr_store_begin(&registry->store);
	change->reg = reg;
	if (rc)
		goto fail;
	if (sr_store_txn(&registry->store) <= registry->region.header->txn)
		rc = sr_fail(SEGREG_E_MISMATCH,
			     "%s went back in time (to transaction %" PRIu64 " from %" PRIu64 "): was it restored "
			     "while in use? Stop all processes, then open it with SEGREG_ADOPT (segctl init --adopt) "
			     "if it is right",
			     registry->store_path, (uint64_t)sr_store_txn(&registry->store) - 1,
			     registry->region.header->txn);
	if (!rc)
		rc = sr_records_get_clock(&registry->store, &change->clock);
	if (!rc)
		return 0;
	sr_store_abort(&registry->store);
fail:
	sr_commit_lock_give(reg);
	return rc;
}

int sr_change_begin(struct sr_change *change, struct segreg *reg)
{
	int rc = sr_commit_lock_take(reg);

	return rc ? rc : sr_change_start(change, reg);
}

int sr_change_restart(struct sr_change *change)
{
	struct sr_store *store = &change->reg->registry->store;
	int rc;

	sr_store_abort(store);
	rc = sr_store_begin(store);
	return rc ? rc : sr_records_get_clock(store, &change->clock);
}

void sr_change_prepare(struct sr_change *change)
{
	sr_lock_set_dirty(&change->reg->registry->locks, SR_LOCK_COMMIT, SR_DIRTY);
}

void sr_change_cancel(struct sr_change *change)
{
	sr_store_abort(&change->reg->registry->store);
	sr_lock_set_clean(&change->reg->registry->locks, SR_LOCK_COMMIT);
	sr_commit_lock_give(change->reg);
}

void sr_change_abandon(struct sr_change *change)
{
	sr_store_abort(&change->reg->registry->store);
	sr_lock_set_dirty(&change->reg->registry->locks, SR_LOCK_COMMIT, SR_DIRTY);
	sr_commit_lock_give(change->reg);
}

static void note_sync_time(struct sr_header *header, int64_t nanoseconds)
{
	uint64_t time = nanoseconds > 0 ? (uint64_t)nanoseconds : 0;

	sr_store_release_u64(&header->sync_time, time);
	sr_store_release_u64(&header->sync_total, header->sync_total + time);
	sr_store_release_u64(&header->sync_most, time > header->sync_most ? time : header->sync_most);
	sr_store_release_u64(&header->syncs, header->syncs + 1);
}

static int open_table(struct sr_change *change, enum sr_dirt dirt)
{
	struct sr_locks *locks = &change->reg->registry->locks;
	int rc = sr_lock_take(locks, SR_LOCK_TABLE, change->reg->timeout_ms);

	if (!rc)
		sr_lock_set_dirty(locks, SR_LOCK_TABLE, dirt);
	return rc;
}

int sr_change_commit_open(struct sr_change *change)
{
	struct sr_registry *registry = change->reg->registry;
	uint64_t txn = sr_store_txn(&registry->store);
	int64_t since = sr_sys_monotonic();
	int rc;

	sr_change_prepare(change);
	SR_STOP("change.committing");
	rc = sr_store_commit(&registry->store);
	SR_STOP("change.durable");
	if (!rc)
		note_sync_time(registry->region.header, sr_sys_monotonic() - since);
	if (rc && rc != SEGREG_E_REOPEN)
		return rc;
	if (!rc && open_table(change, SR_DIRTY_SHOWN))
		rc = sr_fail(SEGREG_E_REOPEN,
			     "the change is durable but not yet visible, since the table lock could not be taken; the "
			     "next change or a new handle settles it");
	if (rc) {
		sr_commit_lock_give(change->reg); /* dirty: the next holder finds out what became of the change */
		return rc;
	}
	registry->region.header->txn = txn;
	registry->region.header->db_bytes = registry->store.least;
	return 0;
}

void sr_change_finish(struct sr_change *change)
{
	struct sr_registry *registry = change->reg->registry;

	SR_STOP("change.applied");
	sr_region_set_version(&registry->region, change->clock.version);
	sr_change_close_table(change);
	sr_lock_set_clean(&registry->locks, SR_LOCK_COMMIT);
	sr_commit_lock_give(change->reg);
	SR_STOP("change.shown");
	sr_ring_watches(&registry->region, SEGREG_WATCH_VERSION);
}

void sr_change_conclude(struct sr_change *change, int rc)
{
	if (!rc) {
		sr_change_finish(change);
		return;
	}
	sr_table_lock_give(change->reg);
	sr_change_abandon(change);
}

int sr_change_open_table(struct sr_change *change)
{
	return open_table(change, SR_DIRTY);
}

void sr_change_close_table(struct sr_change *change)
{
	struct sr_locks *locks = &change->reg->registry->locks;

	sr_lock_set_clean(locks, SR_LOCK_TABLE);
	sr_lock_give(locks, SR_LOCK_TABLE);
}
