/*
 * sweep.h - one sweep of a server: its pace, its end, and what it logs.
 */
#ifndef SEGREGD_SWEEP_H
#define SEGREGD_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "segreg.h"
#include "segregd/config.h"
#include "segregd/metrics.h"

struct sweep {
	const struct settings *settings;
	struct segreg *reg;
	struct metrics *metrics; /* NULL: none */
	bool is_once;            /* this process does not try again what failed */
	bool is_paced;           /* the sweep at hand */
	bool was_hurried;        /* the sweep at hand ended because there is no time for its pace any more */
	bool is_waiting;         /* for memory */
	bool is_blind;           /* how short memory is cannot be read */
	bool is_late;            /* something was overdue at late_at */
	uint64_t late_at;        /* CLOCK_MONOTONIC microseconds */
	uint64_t n_events, n_deleted, bytes_freed; /* of all sweeps */
};

/* Sweep, and log what it does. Returns a SEGREG_E_* code. */
int sweep_run(struct sweep *sweep, struct segreg_sweep_result *result);

/* Decide whether a sweep waits until there is memory. Logs when that begins and ends. */
bool sweep_wait(struct sweep *sweep);

/* A signal to end is pending. */
bool sweep_is_stopped(void);

#endif /* SEGREGD_SWEEP_H */
