/*
 * sr_round.h - what a sweep knows: its round of victims, and the segments that it found held.
 *
 * For sr_sweep.c, sr_decide.c and sr_report.c.
 */
#ifndef SR_ROUND_H
#define SR_ROUND_H

#include "shm/sr_cells.h"
#include "registry/sr_registry.h"
#include "base/sr_trash.h"

#define SR_BATCH 256u  /* queued segments that are decided in one hold of the table lock */
#define SR_ROUND 1024u /* victims that are decided before the first of them is deleted */

/* What became of a victim. */
enum sr_fate { SR_FATE_DELETED, SR_FATE_FAILED };

/* A segment that this round deletes. */
struct sr_victim {
	uint32_t slot;
	enum sr_fate fate;
	int error;
	enum sr_state was; /* state before the decision */
	/* version at which this sweep found that no handle holds it; 0: an earlier sweep found that */
	uint64_t decided;
	uint32_t asked;    /* number of handles that were asked */
	uint32_t attempts; /* failed attempts, including this one if it failed */
	int64_t retry_at;  /* when to try again, if this attempt failed */
	bool dropped;      /* its record has been dropped */
	uint64_t freed;    /* bytes that all tries of its deletion gave back, those of earlier sweeps included */
	struct sr_record record;
	struct sr_removed removed;
};

/* A segment that a sweep found held for the first time. */
struct sr_held {
	uint64_t id, pins, snapshots;
	bool has_horizon;
	char lease[SEGREG_LEASE_NAME_MAX + 1]; /* a lease that holds it; "": none does */
	int64_t pid;                           /* 0: no handle holds it */
	char label[SEGREG_LABEL_SIZE], path[SEGREG_PATH_MAX + 1];
};

/* One call of segreg_sweep. */
struct sr_sweep {
	struct segreg *reg;
	const struct segreg_sweep_options *options;
	struct segreg_sweep_result *result;
	struct sr_trash trash;
	int64_t now;
	bool stopped;    /* the caller has asked to stop */
	uint32_t *queue; /* copy of the queue, from the beginning of the sweep */
	uint32_t n_queue, at;
	uint64_t version;            /* V0: the version at the beginning of the sweep */
	struct sr_cells cells;       /* snapshots and horizons at the beginning of the sweep */
	uint64_t freed, linked;      /* bytes of this round, including deletions that failed or were stopped */
	struct sr_victim *victims;   /* victims of this round */
	uint32_t n_victims, n_tried; /* n_tried: those that were deleted, failed, or were stopped in the middle */
	struct sr_held *held;        /* segments found held for the first time, to be reported without a lock */
	uint32_t n_held;
};

static inline bool sr_sweep_is_dry(const struct sr_sweep *sweep)
{
	return sweep->options->flags & SEGREG_SWEEP_DRY_RUN;
}

#endif
