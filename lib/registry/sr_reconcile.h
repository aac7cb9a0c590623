/*
 * sr_reconcile.h - entering the locks with everything behind them whole: what a dead predecessor left is repaired
 * first.
 *
 * A change goes to LMDB first and to the region after, both under the commit lock. The commit lock's dirty word is set
 * before the LMDB commit, and cleared when the region shows the change. The table lock's dirty word is set around each
 * change of the tables. The tables only change with both locks held. So if the holder of the commit lock found both
 * words clean, it will not find the table lock's dirty.
 *
 * Reconciling brings the region to what LMDB says, while lock-free readers use it. So a slot keeps its place as long as
 * its segment exists. Each state word is written once with its final value, and nothing is cleared first. Reconciling
 * makes a durable commit of its own before it believes what it read. After a failed write, a transaction can be visible
 * and yet not be on the disk.
 *
 * No process waits for the disk because another one died while it decided or made room. The slots' words are whole at
 * any moment, and nobody believes a decision that is not durable. So sr_table_lock_take derives index, queue and
 * counters from the slots. More is left to do only if a process died while it showed what the database has already
 * (SR_DIRTY_SHOWN). Then the database is read, under the commit lock.
 *
 * Reconciling also settles the letters that a dead leader had taken (sr_group.h). Letters whose edits the leader's
 * transaction made are answered, and the others may be taken again.
 */
#ifndef SR_RECONCILE_H
#define SR_RECONCILE_H

#include "registry/sr_registry.h"

/* Take the commit lock, and repair if a predecessor died or failed. Refuses a handle whose store was given up
 * (SEGREG_E_REOPEN). */
int sr_commit_lock_take(struct segreg *reg);
/* Like sr_commit_lock_take, without waiting. Returns SR_LOCK_BUSY if another thread or process has the lock. */
int sr_commit_lock_try(struct segreg *reg);
void sr_commit_lock_give(struct segreg *reg);

/* Take the table lock with the tables whole. Takes the commit lock in between if a committed change is half shown.
 * The caller holds neither lock. */
int sr_table_lock_take(struct segreg *reg);
void sr_table_lock_give(struct segreg *reg);

/* Bring the region to what LMDB says. The caller holds the commit lock and no transaction. */
int sr_reconcile(struct sr_registry *registry, uint32_t timeout_ms);

/* Undo, in the transaction under way, what sr_remove.c did to the record and to the journal. */
int sr_reconcile_put_back(struct sr_store *store, const struct sr_record *record);

#endif
