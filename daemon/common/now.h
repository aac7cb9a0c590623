/*
 * now.h - what time it is.
 */
#ifndef TOOL_NOW_H
#define TOOL_NOW_H

#include <stdint.h>
#include <time.h>

/* CLOCK_REALTIME, in nanoseconds: the clock of the registry's times. */
static inline int64_t tool_now_real(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* CLOCK_MONOTONIC, in microseconds: the clock of sd-event's timers. */
static inline uint64_t tool_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

#endif /* TOOL_NOW_H */
