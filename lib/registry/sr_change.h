/*
 * sr_change.h - one change of the durable state and of the region: the frame around every edit and every step of a
 * sweep.
 *
 *      sr_change_begin      commit lock, repair, LMDB transaction
 *        ... read and write records ...
 *      sr_change_commit_open     LMDB commit: from here on the change is durable; then the table lock
 *        ... bring the region to it ...
 *      sr_change_finish     everything clean, locks given back
 *
 * A crash before the LMDB commit changes nothing but, perhaps, the region; from sr_change_prepare or
 * sr_change_commit_open on, it leaves the commit lock dirty, and the next one reconciles.
 */
#ifndef SR_CHANGE_H
#define SR_CHANGE_H

#include "registry/sr_reconcile.h"

struct sr_change {
	struct segreg *reg;
	struct sr_clock clock; /* as read; written back by the caller if it changes */
};

int sr_change_begin(struct sr_change *change, struct segreg *reg);
/* The same for who has the commit lock already; after a failure he has it no more. */
int sr_change_start(struct sr_change *change, struct segreg *reg);
/* Forget what was written so far, and go on in a new transaction. */
int sr_change_restart(struct sr_change *change);
/* From here on the region is being prepared for the change: if we die, the next one reconciles. */
void sr_change_prepare(struct sr_change *change);
/* Give up; the region is as it was. */
void sr_change_cancel(struct sr_change *change);
/* Give up; whatever has become of the region, the next one reconciles. */
void sr_change_abandon(struct sr_change *change);
/* SEGREG_E_REOPEN: the change is over, and left for a repair. Any other error: LMDB is as it was; cancel or abandon it. */
int sr_change_commit_open(struct sr_change *change);
void sr_change_finish(struct sr_change *change);
/* The change is durable. Finish it if rc is 0; if bringing the region to it failed with rc, leave that to a repair. */
void sr_change_conclude(struct sr_change *change, int rc);

/* Change the tables before or without a commit: the table lock, with its dirty word set. If this process dies then, the tables are
 * derived from the slots. So until the commit a slot's word is what the database says, or under decision, or decided: DELETING. */
int sr_change_open_table(struct sr_change *change);
void sr_change_close_table(struct sr_change *change);

#endif
