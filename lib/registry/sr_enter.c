/*
 * sr_enter.c - taking the commit and the table lock, with everything behind them whole.
 *
 * A change goes to LMDB first and to the region after, both under the commit lock. The commit lock's dirty word is set
 * before the LMDB commit, and cleared when the region shows the change. The table lock's dirty word is set around each
 * change of the tables. But for their repair, the tables change with both locks held. So if the holder of the commit
 * lock found both words clean, it will not find the table lock's dirty.
 *
 * No process waits for the disk because another one died while it decided or made room. The slots' words are whole at
 * any moment, and no sweep touches a file for a decision that is not durable. So sr_table_lock_take derives index,
 * queue and counters from the slots. More is left to do only if a process died while it showed what the database has
 * already (SR_DIRTY_SHOWN). Then the database is read, under the commit lock (sr_reconcile.c).
 */
#include "registry/sr_enter.h"
#include "sys/sr_error.h"
#include "registry/sr_letter.h"
#include "registry/sr_reconcile.h"
#include "shm/sr_table.h"

/* Repair if a process died or failed inside. The caller holds the commit lock. */
static int repair_if_dirty(struct sr_registry *registry, uint32_t timeout_ms)
{
	int rc;

	if (!sr_lock_dirt(&registry->locks, SR_LOCK_COMMIT) && !sr_lock_dirt(&registry->locks, SR_LOCK_TABLE))
		return 0;
	rc = sr_reconcile(registry, timeout_ms);
	if (!rc)
		sr_add_seqcst_u64(&registry->region.header->repairs, 1);
	return rc;
}

/* Finish taking the commit lock: check the handle, and repair. On failure the commit lock is released. */
static int enter(struct segreg *reg)
{
	struct sr_registry *registry = reg->registry;
	int rc = 0;

	if (reg->store_epoch != sr_load_acquire_u64(&registry->store.epoch))
		rc = sr_fail(SEGREG_E_REOPEN,
			     "an earlier commit through %s failed and its outcome is unknown; close this handle and "
			     "open the registry again",
			     registry->store_path);
	if (!rc)
		rc = repair_if_dirty(registry, reg->timeout_ms);
	if (rc)
		sr_commit_lock_give(reg);
	return rc;
}

int sr_commit_lock_take(struct segreg *reg)
{
	int rc = sr_lock_take(&reg->registry->locks, SR_LOCK_COMMIT, reg->timeout_ms);

	return rc ? rc : enter(reg);
}

int sr_commit_lock_try(struct segreg *reg)
{
	int rc = sr_lock_try(&reg->registry->locks, SR_LOCK_COMMIT);

	return rc ? rc : enter(reg);
}

void sr_commit_lock_give(struct segreg *reg)
{
	sr_lock_give(&reg->registry->locks, SR_LOCK_COMMIT);
	sr_letter_wake_one(&reg->region);
	sr_queue_wake_queued(&reg->registry->queue);
	sr_lock_yield(&reg->registry->locks, SR_LOCK_COMMIT);
}

/* The tables are half changed, and the slots are true. The caller holds the table lock. */
static int repair_tables(struct sr_registry *registry)
{
	int rc = sr_table_repair(&registry->region);

	if (rc)
		return rc;
	sr_lock_set_clean(&registry->locks, SR_LOCK_TABLE);
	/* What else the dead process left is repaired under the commit lock, and counted then. */
	if (!sr_lock_dirt(&registry->locks, SR_LOCK_COMMIT))
		sr_add_seqcst_u64(&registry->region.header->repairs, 1);
	return 0;
}

/* A change that the database has is half shown. The caller holds no lock. */
static int repair_all(struct segreg *reg)
{
	int rc = sr_lock_take(&reg->registry->locks, SR_LOCK_COMMIT, reg->timeout_ms);

	if (rc)
		return rc;
	rc = repair_if_dirty(reg->registry, reg->timeout_ms);
	sr_commit_lock_give(reg);
	return rc;
}

int sr_table_lock_take(struct segreg *reg)
{
	struct sr_locks *locks = &reg->registry->locks;

	for (;;) {
		int rc = sr_lock_take(locks, SR_LOCK_TABLE, reg->timeout_ms);

		if (!rc && sr_lock_dirt(locks, SR_LOCK_TABLE) == SR_DIRTY) {
			rc = repair_tables(reg->registry);
			if (rc)
				sr_lock_give(locks, SR_LOCK_TABLE);
		}
		if (rc || !sr_lock_dirt(locks, SR_LOCK_TABLE))
			return rc;
		sr_lock_give(locks, SR_LOCK_TABLE);
		rc = repair_all(reg);
		if (rc)
			return rc;
	}
}

void sr_table_lock_give(struct segreg *reg)
{
	sr_lock_give(&reg->registry->locks, SR_LOCK_TABLE);
}
