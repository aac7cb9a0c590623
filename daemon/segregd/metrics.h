/*
 * metrics.h - what a server knows, for Prometheus.
 */
#ifndef SEGREGD_METRICS_H
#define SEGREGD_METRICS_H

#include "segreg.h"
#include "segregd/config.h"

struct metrics;

/* NULL: that is not possible, which has been said. */
struct metrics *metrics_new(const struct settings *settings);
void metrics_free(struct metrics *metrics);

/* A sweep does without its pace; sweeps begin to wait for memory. NULL: nobody counts. */
void metrics_count_hurry(struct metrics *metrics);
void metrics_count_wait(struct metrics *metrics);

/* A sweep took so long, in seconds, and had this result; or it failed, and result is NULL. Writes the file if it says
 * something new. */
void metrics_update(struct metrics *metrics, struct segreg *reg, const struct segreg_sweep_result *result,
		    double seconds);

#endif /* SEGREGD_METRICS_H */
