/*
 * sr_discard.h - discards that do not wait for the disk.
 */
#ifndef SR_DISCARD_H
#define SR_DISCARD_H

#include "registry/sr_discards.h"

/*
 * Leave n discards to the next group of any process. Returns 0, SR_DISCARDS_FULL if they have to be committed, or
 * SEGREG_E_*.
 */
int sr_discard_relaxed(struct segreg *reg, const char *const *paths, size_t n);

/* Make durable what other calls left: a commit of its own, if there is anything. */
int sr_discard_flush(struct segreg *reg);
/* Like sr_discard_flush, but the error text stays as it was. Returns whether nothing is left. */
bool sr_discard_try_flush(struct segreg *reg);

#endif
