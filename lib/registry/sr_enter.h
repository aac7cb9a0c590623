/*
 * sr_enter.h - taking the commit and the table lock, with everything behind them whole: what a dead predecessor left is
 * repaired first.
 */
#ifndef SR_ENTER_H
#define SR_ENTER_H

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

#endif
