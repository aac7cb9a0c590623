/*
 * sr_decide.h - deciding which segments a round deletes.
 */
#ifndef SR_DECIDE_H
#define SR_DECIDE_H

#include "sweep/sr_round.h"

/* Fill sweep->victims from the queue, and make the decisions durable. 0 or SEGREG_E_*. Without a lock, before and after. */
int sr_decide_round(struct sr_sweep *sweep);

/* Whether until lies in the future. If it does, the sweep's result has it as the time for the next sweep, unless that is earlier. */
bool sr_decide_note_wait(struct sr_sweep *sweep, int64_t until);

#endif
