/*
 * sr_inspect.h - once after each start: find live segments whose files are missing.
 */
#ifndef SR_INSPECT_H
#define SR_INSPECT_H

#include "registry/sr_registry.h"

#define SR_INSPECT_MORE 1 /* of sr_inspect_live: not done yet */

/*
 * Look for each live segment on the disk, from slot *from on, and mark those that are missing. Call fn for each of
 * these, without a lock, until fn returns false. Does nothing if this has been done since the region was built. A start
 * itself does not do this: a million look-ups take seconds, and no pin depends on them.
 *
 * Returns SR_INSPECT_MORE when until has passed (monotonic nanoseconds), or when a sweep may have something to do:
 * header->wake is not `wake` any more. The caller sweeps then, and calls again.
 */
int sr_inspect_live(struct segreg *reg, uint32_t *from, uint32_t wake, int64_t until,
		    bool (*fn)(void *arg, uint64_t id, const char *path), void *arg);

#endif
