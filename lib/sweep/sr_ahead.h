/*
 * sr_ahead.h - retirements that a clock noted which was ahead: a grace must not last until the clock gets there.
 */
#ifndef SR_AHEAD_H
#define SR_AHEAD_H

#include "registry/sr_registry.h"

/*
 * For each PENDING slot of these that was retired later than now: it was retired now, durably, so that sweeps that each build
 * the region anew come to the end of its grace. On a disk that takes no commit only the region knows.
 */
int sr_ahead_correct(struct segreg *reg, const uint32_t *slots, uint32_t n, int64_t now);

#endif
