/*
 * sr_decide.h - deciding which segments a round deletes.
 */
#ifndef SR_DECIDE_H
#define SR_DECIDE_H

#include "sweep/sr_round.h"

/*
 * Fill sweep->victims from the queue, and make the decisions durable. 0 or SEGREG_E_*. The caller holds neither the
 * commit nor the table lock, before and after.
 */
int sr_decide_round(struct sr_sweep *sweep);

/* Whether until lies in the future. If so, it becomes next_at of the sweep's result, unless that is earlier. */
bool sr_decide_note_wait(struct sr_sweep *sweep, int64_t until);

#endif
