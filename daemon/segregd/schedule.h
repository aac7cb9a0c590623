/*
 * schedule.h - when the next round of a server starts.
 */
#ifndef SEGREGD_SCHEDULE_H
#define SEGREGD_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define MILLISECOND UINT64_C(1000) /* sd-event counts microseconds */
#define SECOND (1000 * MILLISECOND)

struct schedule {
	sd_event_source *timer;
	uint64_t due;        /* of the timer; UINT64_MAX: never */
	uint64_t not_before; /* the earliest time at which the bell or a death starts a round */
	bool wanted_early;   /* the bell or a death came before not_before: double the delay */
	uint64_t quiet;      /* after a round that found nothing */
};

/* fn starts a round. Returns a negative errno if the loop does not take it. */
int schedule_open(struct schedule *schedule, sd_event *event, sd_event_time_handler_t fn, void *arg);
void schedule_close(struct schedule *schedule);

/* Start a round at when, unless another is due earlier: in CLOCK_MONOTONIC microseconds; in CLOCK_REALTIME nanoseconds.
 */
void schedule_at(struct schedule *schedule, uint64_t when);
void schedule_at_real(struct schedule *schedule, int64_t when);

/* Start a round for the bell or a death. */
void schedule_soon(struct schedule *schedule);

/* A round begins: nothing is due. */
void schedule_begin(struct schedule *schedule);

/* A round that began at that time has ended. Choose the delay of rounds for the bell and for deaths. */
void schedule_end(struct schedule *schedule, uint64_t began, bool found_nothing);

/* A round has failed. Start the next one after a pause, and none before that. */
void schedule_retry(struct schedule *schedule, uint64_t pause);

/* Double *pause, within the bounds. Returns it. */
uint64_t schedule_back_off(uint64_t *pause, uint64_t first, uint64_t last);

#endif /* SEGREGD_SCHEDULE_H */
