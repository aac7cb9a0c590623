/* metrics.h - the metrics of a server, for Prometheus. */
#ifndef SEGREGD_METRICS_H
#define SEGREGD_METRICS_H

#include "segreg.h"
#include "segregd/config.h"

struct metrics;

/* Returns NULL after logging why it is not possible. */
struct metrics *metrics_new(const struct settings *settings);
void metrics_free(struct metrics *metrics);

/*
 * Count a sweep that does without its pace; a time at which sweeps begin to wait for memory. NULL counts nothing.
 */
void metrics_count_hurry(struct metrics *metrics);
void metrics_count_wait(struct metrics *metrics);

/*
 * Count a sweep of that duration with that result (NULL: it failed). Write the file if its text has changed.
 */
void metrics_update(struct metrics *metrics, struct segreg *reg, const struct segreg_sweep_result *result,
		    double seconds);

/* Write the file if a heartbeat is due. A sweep calls this between two deletions, and the server while it is idle. */
void metrics_beat(struct metrics *metrics);

#endif /* SEGREGD_METRICS_H */
