/*
 * sr_decide.c - deciding which segments a round deletes, under the commit and the table lock: S1 to S3 of sr_sweep.c.
 */
#include "sweep/sr_decide.h"
#include "db/sr_records.h"
#include "registry/sr_change.h"
#include "registry/sr_lane.h"
#include "shm/sr_paths.h"
#include "shm/sr_retry.h"
#include "shm/sr_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A slot of a batch, with its state before S1. */
struct candidate {
	uint32_t slot;
	enum sr_state was;
};

static int64_t grace_ends(const struct sr_sweep *sweep, const struct sr_detail *detail)
{
	/* not later than now: the clock may have been set back */
	int64_t retired_at = detail->retired_at < sweep->now ? detail->retired_at : sweep->now;

	return retired_at + (int64_t)sweep->options->grace_ms * 1000000;
}

static int64_t retry_at(const struct sr_sweep *sweep, const struct sr_detail *detail)
{
	if (sweep->options->flags & SEGREG_SWEEP_RETRY_NOW)
		return 0;
	return sr_retry_at(detail->attempts, detail->retry_at, sweep->now);
}

/* Whether `until` is still to come. result->next_at gets the earliest such time, so that the caller can set a timer. */
bool sr_decide_note_wait(struct sr_sweep *sweep, int64_t until)
{
	int64_t *next = &sweep->result->next_at;

	if (until <= sweep->now)
		return false;
	if (!*next || until < *next)
		*next = until;
	return true;
}

static bool is_enough(const struct sr_sweep *sweep)
{
	uint32_t limit = sweep->options->limit;

	return sweep->stopped || (limit && sweep->result->deleted + sweep->n_victims >= limit);
}

static bool has_cell(const struct sr_region *region, uint32_t n, uint32_t slot, bool is_horizon)
{
	const struct sr_detail *detail = &region->details[slot];
	uint32_t cells = sr_lane_n_cells(sr_region_lane(region, n));

	for (uint32_t i = 0; i < cells; i++) {
		uint64_t cell = sr_load_seqcst_u64(&sr_row_cells(sr_region_row(region, n))[i]);

		if (cell && (sr_cell_kind(cell) == SEGREG_HORIZON) == is_horizon &&
		    sr_cell_holds(cell, detail->born, detail->retired))
			return true;
	}
	return false;
}

/* Whether lane n holds slot in the way that the report names first: a pin, or else a snapshot, or else a horizon. */
static bool is_held_by(const struct sr_region *region, uint32_t n, uint32_t slot, const struct sr_held *held)
{
	struct sr_lane *lane = sr_region_lane(region, n);
	struct sr_row *row = sr_region_row(region, n);

	if (!held->pins)
		return has_cell(region, n, slot, !held->snapshots);
	return sr_lane_has_counts(lane) && sr_row_has_page(row, slot) && sr_load_acquire_u32(&sr_row_counts(row)[slot]);
}

/* Note what holds a segment, when it is found held for the first time. lease: NULL if no lease holds it. */
static void note_held(struct sr_sweep *sweep, uint32_t slot, uint64_t pins, const char *lease)
{
	const struct sr_region *region = &sweep->reg->region;
	struct sr_detail *detail = &region->details[slot];
	struct sr_held *held = &sweep->held[sweep->n_held];
	uint32_t top = sr_region_lane_top(region);

	if (detail->held_since || sr_sweep_is_dry(sweep))
		return;
	detail->held_since = sweep->now;
	*held = (struct sr_held){ .id = region->slots[slot].id, .pins = pins };
	held->snapshots = sr_cells_count(&sweep->cells, detail);
	held->has_horizon = sweep->cells.horizon < detail->retired;
	if (lease)
		snprintf(held->lease, sizeof(held->lease), "%s", lease);
	if (!sr_paths_get(region, slot, held->path))
		held->path[0] = '\0';
	for (uint32_t n = 0; n < top; n++) {
		struct sr_lane *lane = sr_region_lane(region, n);

		if (!sr_lane_counts_are_held(lane) || !is_held_by(region, n, slot, held))
			continue;
		held->pid = lane->pid;
		memcpy(held->label, lane->label, sizeof(held->label) - 1);
		break;
	}
	sweep->n_held++;
}

/* Whether the handle that reserved a segment still has its lane. [table] */
static bool is_alive(const struct sr_region *region, uint64_t builder)
{
	const struct sr_lane *lane = sr_region_find_lane(region, builder);

	return lane && sr_lane_is_taken(lane);
}

/*
 * Whether a segment was retired after V0. Then it waits for the next sweep.
 *
 * A sweep reads all cells once, in the same hold of the table lock as the queue and the version V0. It sorts them
 * afterwards. A segment that was PENDING in that queue was retired in V0 or before.
 *
 * - A snapshot that is taken later has V0 or a later version, and does not hold such a segment.
 * - A snapshot that is received later has the version of another snapshot, which was there all the time. So this
 *   version is among those read.
 * - A snapshot that is released later still counts. Its segments wait for the next sweep, which the release wakes.
 * - A slot may have been reused since, for a segment that was retired after V0. This function recognizes it.
 * - A slot may also serve a discard by now that waited in shared memory, and counts as retired in V0 or before
 * (add_retired in sr_plan_discard.c). What holds it is a horizon of an earlier version. No process can take such a
 * horizon by now, so it is among those read.
 */
static bool is_retired_later(const struct sr_sweep *sweep, const struct sr_detail *detail)
{
	return detail->retired > sweep->version;
}

/* S1: take slots from the queue until the batch is full, and make the PENDING ones DECIDING. */
static int fill_batch(struct sr_sweep *sweep, struct candidate batch[SR_BATCH], uint32_t *n)
{
	struct sr_region *region = &sweep->reg->region;
	int rc = 0;

	for (*n = 0; sweep->at < sweep->n_queue && *n < SR_BATCH && sweep->n_victims + *n < SR_ROUND && !rc;
	     sweep->at++) {
		uint32_t slot = sweep->queue[sweep->at];
		struct sr_detail *detail = &region->details[slot];
		enum sr_state state = sr_word_state(sr_load_acquire_u64(&region->slots[slot].word));
		bool waits = false;

		if (state == SR_GONE) {
			rc = sr_sweep_is_dry(sweep) ? 0 : sr_table_free_gone(region, slot);
			continue;
		}
		if (state == SR_BUILDING && is_alive(region, detail->builder))
			continue;
		if (state == SR_PENDING)
			waits = is_retired_later(sweep, detail) ||
				sr_decide_note_wait(sweep, sweep->options->grace_ms ? grace_ends(sweep, detail) : 0);
		else if (state == SR_DELETING)
			waits = sr_decide_note_wait(sweep, retry_at(sweep, detail));
		else if (state != SR_BUILDING)
			continue;
		if (waits || is_enough(sweep)) {
			sweep->result->waiting++;
			continue;
		}
		batch[(*n)++] = (struct candidate){ .slot = slot, .was = state };
		if (state == SR_PENDING && !sr_sweep_is_dry(sweep))
			rc = sr_table_move(region, slot, SR_DECIDING); /* S1 */
	}
	return rc;
}

static uint32_t count_holders(const struct sr_region *region)
{
	uint32_t top = sr_region_lane_top(region), count = 0;

	for (uint32_t n = 0; n < top; n++)
		count += sr_lane_counts_are_held(sr_region_lane(region, n));
	return count;
}

static void add_victim(struct sr_sweep *sweep, const struct candidate *one, uint32_t holders)
{
	const struct sr_region *region = &sweep->reg->region;
	const struct sr_detail *detail = &region->details[one->slot];
	struct sr_victim *victim = &sweep->victims[sweep->n_victims++];

	victim->slot = one->slot;
	victim->record.id = region->slots[one->slot].id;
	victim->was = one->was;
	victim->decided = one->was == SR_PENDING ? region->header->version : 0;
	victim->asked = holders;
	victim->attempts = detail->attempts;
	victim->freed = detail->flags & SR_DETAIL_TRIED ? detail->freed : 0;
	victim->dropped = false;
}

/*
 * S3 of a slot that no handle holds: make it DELETING, unless it is DELETING already. *done: false if a pin has taken
 * the decision back.
 */
static int condemn(struct sr_sweep *sweep, const struct candidate *one, bool *done)
{
	struct sr_region *region = &sweep->reg->region;

	*done = true;
	if (sr_sweep_is_dry(sweep) || one->was == SR_DELETING)
		return 0;
	if (one->was == SR_BUILDING)
		return sr_table_move(region, one->slot, SR_DELETING);
	return sr_table_decide(region, one->slot, SR_DELETING, done); /* S3 */
}

/* The name of a lease that holds a segment, or NULL. A lease changes under the commit lock alone. */
static const char *lease_of(const struct sr_sweep *sweep, uint32_t slot)
{
	const struct sr_region *region = &sweep->reg->region;
	const struct sr_detail *detail = &region->details[slot];

	return sr_leases_hold(&sweep->reg->registry->leases, region->slots[slot].id, detail->born, detail->retired);
}

/* S2 and S3 of one slot. S3 also compares with the cells that copy_queue read (SC), and with the leases. */
static int decide_one(struct sr_sweep *sweep, const struct candidate *one, uint32_t holders)
{
	struct sr_region *region = &sweep->reg->region;
	bool is_pending = one->was == SR_PENDING, done;
	uint64_t pins = is_pending ? sr_table_count(region, one->slot) : 0; /* S2 */
	const char *lease = is_pending ? lease_of(sweep, one->slot) : NULL;
	bool held = pins || lease || (is_pending && sr_cells_hold(&sweep->cells, &region->details[one->slot]));
	int rc = 0;

	SR_STOP("sweep.counted");
	if (!held && !is_enough(sweep)) {
		rc = condemn(sweep, one, &done);
		if (!rc && done)
			add_victim(sweep, one, holders);
		if (rc || done)
			return rc;
		held = true;
		pins = sr_table_count(region, one->slot);
	}
	if (held)
		note_held(sweep, one->slot, pins, lease);
	*(held ? &sweep->result->held : &sweep->result->waiting) += 1;
	if (is_pending && !sr_sweep_is_dry(sweep))
		sr_table_keep(region, one->slot); /* S3 */
	return 0;
}

/*
 * S2 and S3 of a batch. Each S1 is a sequentially consistent store, and every S2 of a count comes after all S1 of the
 * batch. For the cells see is_retired_later.
 */
static int decide_all(struct sr_sweep *sweep, const struct candidate *batch, uint32_t n)
{
	struct sr_region *region = &sweep->reg->region;
	uint32_t holders = count_holders(region);
	int rc = 0;

	for (uint32_t i = 0; i < n && !rc; i++)
		rc = decide_one(sweep, &batch[i], holders);
	return rc;
}

static int decide_batch(struct sr_sweep *sweep, struct sr_change *change)
{
	struct candidate batch[SR_BATCH];
	uint32_t n;
	int rc = sr_change_open_table(change);

	if (rc)
		return rc;
	rc = fill_batch(sweep, batch, &n);
	SR_STOP("sweep.deciding");
	if (!rc)
		rc = decide_all(sweep, batch, n);
	if (rc) {
		sr_table_lock_give(sweep->reg); /* the lock stays dirty: the next holder repairs */
		return rc;
	}
	sr_change_close_table(change);
	return 0;
}

/*
 * The decision could not be made durable: restore the previous state of each victim of this round. Then abandon the
 * change, so that the next holder of the commit lock reconciles. That also repairs a disagreement between region and
 * LMDB, if that was the cause.
 */
static void undo_decisions(struct sr_sweep *sweep, struct sr_change *change)
{
	struct sr_region *region = &sweep->reg->region;

	if (sr_change_open_table(change) == 0) {
		for (uint32_t i = 0; i < sweep->n_victims; i++)
			if (sweep->victims[i].was != SR_DELETING)
				sr_table_move(region, sweep->victims[i].slot, sweep->victims[i].was);
		sr_change_close_table(change);
	}
	sr_change_abandon(change);
}

/* Write DELETING for each victim that has another state in LMDB. *n gets the number of records written. */
static int record_decisions(struct sr_sweep *sweep, uint32_t *n)
{
	struct sr_store *store = &sweep->reg->registry->store;
	int rc = 0;

	*n = 0;
	for (uint32_t i = 0; i < sweep->n_victims && !rc; i++) {
		struct sr_record *record = &sweep->victims[i].record;
		uint64_t id = record->id;

		rc = sr_records_get(store, id, record);
		if (rc == SR_STORE_ABSENT || (!rc && record->state == SR_LIVE))
			return sr_fail(SEGREG_E_CORRUPT,
				       "segment %" PRIu64 " is retired in shared memory but not in registry.mdb", id);
		if (rc || record->state == SR_DELETING || sr_sweep_is_dry(sweep))
			continue;
		record->state = SR_DELETING;
		rc = sr_records_update(store, record);
		*n += 1;
	}
	return rc;
}

/* Decide on the victims of a round, and make the decisions durable. */
int sr_decide_round(struct sr_sweep *sweep)
{
	struct sr_change change;
	uint32_t changes = 0;
	int rc = sr_change_begin(&change, sweep->reg);

	sweep->n_victims = 0;
	if (rc)
		return rc;
	rc = sr_leases_read(&sweep->reg->registry->leases, &sweep->reg->registry->store, &change.clock);
	if (rc) {
		sr_change_cancel(&change);
		return rc;
	}
	if (!sr_sweep_is_dry(sweep))
		sr_change_prepare(&change);
	do {
		rc = decide_batch(sweep, &change);
		sr_lock_yield(&sweep->reg->registry->locks, SR_LOCK_TABLE);
	} while (!rc && sweep->at < sweep->n_queue && sweep->n_victims < SR_ROUND && sweep->n_held < SR_BATCH);
	SR_STOP("sweep.decided");
	if (!rc)
		rc = record_decisions(sweep, &changes);
	if (!rc && changes)
		rc = sr_change_commit_open(&change);
	if (rc == SEGREG_E_REOPEN)
		return rc;
	if (!rc && changes)
		sr_change_finish(&change);
	else if (!rc || sr_sweep_is_dry(sweep))
		sr_change_cancel(&change);
	else
		undo_decisions(sweep, &change);
	SR_STOP("sweep.committed");
	return rc;
}
