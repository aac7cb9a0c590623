/*
 * sr_change.h - one change of the durable state and of the region: the frame around every edit and every step of a
 * sweep. sr_change.c has the order of its steps, and what a crash between them leaves.
 */
#ifndef SR_CHANGE_H
#define SR_CHANGE_H

#include "registry/sr_enter.h"

struct sr_change {
	struct segreg *reg;
	struct sr_clock clock; /* as read; written back by the caller if it changes */
};

/* Take the commit lock, repair if need be, and begin a transaction. */
int sr_change_begin(struct sr_change *change, struct segreg *reg);
/* Like sr_change_begin, for a caller that holds the commit lock. On failure the commit lock is released. */
int sr_change_start(struct sr_change *change, struct segreg *reg);
/* Forget what was written so far, and go on in a new transaction. */
int sr_change_restart(struct sr_change *change);
/* Set the commit lock's dirty word, before the region is prepared for the change. If this process dies from here on,
 * the next holder of the commit lock reconciles. */
void sr_change_prepare(struct sr_change *change);
/* Give up. The region is as it was. */
void sr_change_cancel(struct sr_change *change);
/* Give up. Whatever became of the region, the next holder of the commit lock reconciles. */
void sr_change_abandon(struct sr_change *change);
/* Commit, and take the table lock. After SEGREG_E_REOPEN the change is over, and left for a repair. After any other
 * error LMDB is as it was: cancel or abandon the change. */
int sr_change_commit_open(struct sr_change *change);
/* The region shows the change: mark everything clean, and give both locks back. */
void sr_change_finish(struct sr_change *change);
/* The change is durable. Finish it if rc is 0. If rc tells that bringing the region to it failed, leave that to a
 * repair. */
void sr_change_conclude(struct sr_change *change, int rc);

/* Change the tables before or without a commit: take the table lock, and set its dirty word. If this process dies
 * then, the tables are derived from the slots. So until the commit a slot's word is what the database says, or under
 * decision, or decided (DELETING). */
int sr_change_open_table(struct sr_change *change);
void sr_change_close_table(struct sr_change *change);

#endif
