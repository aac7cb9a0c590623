/*
 * sr_inspect.h - once after each start: find live segments whose files are missing.
 */
#ifndef SR_INSPECT_H
#define SR_INSPECT_H

#include "registry/sr_registry.h"

/*
 * Look for each live segment on the disk, and mark those that are missing. Call fn for each of these, without a lock,
 * until fn returns false. Does nothing if this has been done since the region was built. A start itself does not do
 * this: a million look-ups take seconds, and no pin depends on them.
 */
int sr_inspect_live(struct segreg *reg, bool (*fn)(void *arg, uint64_t id, const char *path), void *arg);

#endif
