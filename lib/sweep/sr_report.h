/*
 * sr_report.h - what a sweep reports to its caller, event by event. No lock is held meanwhile.
 */
#ifndef SR_REPORT_H
#define SR_REPORT_H

#include "registry/sr_lane.h"
#include "registry/sr_reclaim.h"
#include "sweep/sr_round.h"

/* Call the caller's function with event, unless it has asked to stop. */
void sr_report(struct sr_sweep *sweep, const struct segreg_sweep_event *event);

/*
 * Callbacks of sr_reclaim and sr_inspect_live: arg is a struct sr_sweep. sr_report_missing returns false if the caller
 * has asked to stop.
 */
void sr_report_reclaimed(void *arg, const struct sr_reclaimed *dead);
bool sr_report_missing(void *arg, uint64_t id, const char *path);

/* Report the segments that sweep->held lists, and empty the list. */
void sr_report_held(struct sr_sweep *sweep);

void sr_report_victim(struct sr_sweep *sweep, const struct sr_victim *victim);

#endif
