/*
 * schedule.c - when the next round of a server starts.
 *
 * Why a server does not spin. A sweep rings the bell only when it reclaims a handle, once per death. It opens
 * registry.lock for writing only, which is not watched. But a client that keeps pinning and unpinning a retired
 * segment can ring the bell at any rate. So can any process that opens registry.lock. Therefore a round that found
 * nothing delays the next one, by QUIET_FIRST or by its own duration if that is longer. The delay doubles, up to
 * QUIET_LAST, each time a round is requested during the delay. After an error, every round waits for the end of the
 * back-off.
 */
#include "common/now.h"
#include "segregd/schedule.h"

#define NEVER UINT64_MAX

#define QUIET_FIRST (10 * MILLISECOND)
#define QUIET_LAST (250 * MILLISECOND)

int schedule_open(struct schedule *s, sd_event *event, sd_event_time_handler_t fn, void *arg)
{
	s->due = NEVER;
	return sd_event_add_time(event, &s->timer, CLOCK_MONOTONIC, NEVER, 1, fn, arg);
}

void schedule_close(struct schedule *s)
{
	s->timer = sd_event_source_unref(s->timer);
}

void schedule_at(struct schedule *s, uint64_t when)
{
	if (when >= s->due)
		return;
	s->due = when;
	sd_event_source_set_time(s->timer, when);
	sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

void schedule_at_real(struct schedule *s, int64_t when)
{
	int64_t left = when - tool_now_real();

	schedule_at(s, tool_now_us() + (left > 0 ? (uint64_t)left / 1000 + 1 : 0));
}

void schedule_soon(struct schedule *s)
{
	uint64_t now = tool_now_us();

	s->wanted_early |= now < s->not_before;
	schedule_at(s, now > s->not_before ? now : s->not_before);
}

void schedule_begin(struct schedule *s)
{
	s->due = NEVER;
}

void schedule_end(struct schedule *s, uint64_t began, bool found_nothing)
{
	uint64_t now = tool_now_us(), spent = now - began;

	s->quiet = s->wanted_early && found_nothing ? 2 * s->quiet : QUIET_FIRST;
	if (s->quiet > QUIET_LAST)
		s->quiet = QUIET_LAST;
	s->wanted_early = false;
	s->not_before = found_nothing ? now + (spent > s->quiet ? spent : s->quiet) : 0;
}

void schedule_retry(struct schedule *s, uint64_t pause)
{
	s->not_before = tool_now_us() + pause;
	schedule_at(s, s->not_before);
}

uint64_t schedule_back_off(uint64_t *pause, uint64_t first, uint64_t last)
{
	*pause *= 2;
	if (*pause < first)
		*pause = first;
	if (*pause > last)
		*pause = last;
	return *pause;
}
