/*
 * sr_ahead.h - retirements that were dated into the future, by a clock that was ahead. A grace period must not last
 * until the clock gets there.
 */
#ifndef SR_AHEAD_H
#define SR_AHEAD_H

#include "registry/sr_registry.h"

/*
 * Correct each PENDING slot of these whose retirement is dated later than now: its retirement is now. This is durable,
 * so that its grace period ends even if each sweep builds the region anew. On a disk that takes no commit, only the
 * region has the new time.
 */
int sr_ahead_correct(struct segreg *reg, const uint32_t *slots, uint32_t n, int64_t now);

#endif
