/*
 * sr_retry.h - when a deletion that failed is tried again.
 *
 * The time stands in the record, as CLOCK_REALTIME had it. A clock that was ahead then may have been put right since: a time that is
 * further away than the pause itself is not believed.
 */
#ifndef SR_RETRY_H
#define SR_RETRY_H

#include <stdint.h>

/* Nanoseconds to wait after that many failed attempts: 1 s, doubled each time, up to 5 minutes. */
int64_t sr_retry_pause(uint32_t attempts);

/* When to try again, as seen now: retry_at, or now if the clock was set back below it. */
int64_t sr_retry_at(uint32_t attempts, int64_t retry_at, int64_t now);

#endif
