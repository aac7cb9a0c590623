/*
 * sr_inspect.h - once after each start: does the disk have what is live?
 */
#ifndef SR_INSPECT_H
#define SR_INSPECT_H

#include "registry/sr_registry.h"

/*
 * Look for each live segment and mark those that are missing; calls fn, without a lock, for each of these, and
 * stops when it returns false. Does nothing if it has been done since the region was built. Not done at the start
 * itself: a million look-ups take seconds, and nobody's pin depends on them.
 */
int sr_inspect_live(struct segreg *reg, bool (*fn)(void *arg, uint64_t id, const char *path), void *arg);

#endif
