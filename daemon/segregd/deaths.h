/*
 * deaths.h - rounds that follow the death of a process.
 */
#ifndef SEGREGD_DEATHS_H
#define SEGREGD_DEATHS_H

#include <stdint.h>
#include <systemd/sd-event.h>

#include "segregd/config.h"
#include "segregd/schedule.h"

struct deaths {
	const struct settings *settings;
	struct schedule *schedule;
	sd_event_source *source; /* NULL: deaths cannot be watched, so each interval starts a round */
	uint64_t pause;          /* to the next round that follows a death; 0: none does */
};

/* Watch the registry. The first round finds a process that died before. Logs a warning if deaths cannot be watched. */
void deaths_open(struct deaths *deaths, sd_event *event);
void deaths_close(struct deaths *deaths);

/* A round begins: look out for deaths again. */
void deaths_begin(struct deaths *deaths);

/* A round has ended: start those that follow a death, or an interval. */
void deaths_end(struct deaths *deaths);

#endif /* SEGREGD_DEATHS_H */
