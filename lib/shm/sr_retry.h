/*
 * sr_retry.h - when a deletion that failed is tried again.
 *
 * The record holds the time of the next attempt, by CLOCK_REALTIME. The clock may have been ahead when that time was
 * written. So a time that is further away than the pause itself is ignored.
 */
#ifndef SR_RETRY_H
#define SR_RETRY_H

#include <stdint.h>

/* Nanoseconds to wait after `attempts` failed attempts: 1 s, doubled each time, up to 5 minutes. */
int64_t sr_retry_pause(uint32_t attempts);

/* When to try again: retry_at, or now if retry_at is further away than the pause, because the clock was set back. */
int64_t sr_retry_at(uint32_t attempts, int64_t retry_at, int64_t now);

#endif
