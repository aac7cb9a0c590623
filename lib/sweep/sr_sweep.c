/*
 * sr_sweep.c - deleting the segments that are retired and held by no handle.
 *
 *      take the sweeper's byte; check base's marker; reclaim the lanes of dead processes
 *      table lock: copy the queue; S0 V0 = version; S2 read the cells of all lanes
 *      per round of up to ROUND victims
 *        commit lock
 *          per batch of up to BATCH queued segments, under the table lock:
 *            S1  PENDING -> DECIDING, for each segment that was retired in V0 or before
 *            S2  read counts[slot] of all lanes
 *            S3  no count and no cell holds it: DECIDING -> DELETING by compare-and-swap; else DECIDING -> PENDING
 *            BUILDING whose builder has lost its lane -> DELETING
 *          commit DELETING to LMDB in one transaction; if this clearly failed, PENDING again
 *        no lock: remove the files of each victim; make the directories durable
 *        commit lock: drop the records in one transaction, which also notes the failures; free the slots
 *
 * S0 to S3 are the steps of the proofs in sr_pin.c (counts) and sr_snapshot.c (cells).
 *
 * No pin waits for a decision. A pin that finds DECIDING has raised its count, and makes the segment PENDING again.
 * Then S3 fails, and the segment counts as held. So a sweeper that is stopped or killed between S1 and S3 keeps no pin
 * waiting.
 *
 * Why a crash anywhere is harmless. If DECIDING outlives its sweeper, the next pin or a repair makes it PENDING. If the
 * region has DELETING and LMDB has not, a repair restores LMDB's state: no file had been touched. If LMDB has DELETING,
 * the next sweep finishes the deletion, however many files are gone. The record goes last, after the directories are
 * durable, so the registry forgets no segment early.
 *
 * Why a decision is right: sr_pin.c, sr_snapshot.c. Why a sweep touches nothing outside base: sr_trash.h.
 */
#include "sweep/sr_sweep.h"
#include "sweep/sr_ahead.h"
#include "shm/sr_cells.h"
#include "registry/sr_change.h"
#include "sys/sr_error.h"
#include "sweep/sr_inspect.h"
#include "registry/sr_journal.h"
#include "registry/sr_lane.h"
#include "shm/sr_retry.h"
#include "hold/sr_snapshot.h"
#include "shm/sr_paths.h"
#include "shm/sr_table.h"
#include "base/sr_trash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 256u
#define ROUND 1024u

enum fate { DELETED, FAILED };

struct victim {
	uint32_t slot;
	enum fate fate;
	int error;
	enum sr_state was; /* state before the decision */
	/* version at which this sweep found that no handle holds it; 0: an earlier sweep found that */
	uint64_t decided;
	uint32_t asked;    /* number of handles that were asked */
	uint32_t attempts; /* failed attempts, including this one if it failed */
	int64_t retry_at;  /* when to try again, if this attempt failed */
	bool dropped;      /* its record has been dropped */
	struct sr_record record;
	struct sr_removed removed;
};

struct sweep {
	struct segreg *reg;
	const struct segreg_sweep_options *options;
	struct segreg_sweep_result *result;
	struct sr_trash trash;
	int64_t now;
	bool stopped;    /* the caller has asked to stop */
	uint32_t *queue; /* copy of the queue, from the beginning of the sweep */
	uint32_t n_queue, at;
	uint64_t version;       /* V0: the version at the beginning of the sweep */
	struct sr_cells cells;  /* snapshots and horizons at the beginning of the sweep */
	uint64_t freed, linked; /* bytes of this round, including deletions that failed or were stopped */
	struct victim *victims; /* victims of this round */
	uint32_t n_victims;
	struct held {
		uint64_t id, pins, snapshots;
		bool has_horizon;
		int64_t pid; /* 0: no handle holds the segment any more */
		char label[SEGREG_LABEL_SIZE], path[SEGREG_PATH_MAX + 1];
	} *held; /* segments found held for the first time, to be reported without a lock */
	uint32_t n_held;
};

static bool is_dry(const struct sweep *sweep)
{
	return sweep->options->flags & SEGREG_SWEEP_DRY_RUN;
}

static void report(struct sweep *sweep, const struct segreg_sweep_event *event)
{
	if (sweep->options->fn && !sweep->stopped)
		sweep->stopped = sweep->options->fn(sweep->options->arg, event) != 0;
}

static bool ask_to_stop(void *arg)
{
	struct sweep *sweep = arg;

	sweep->stopped = sweep->options->stop(sweep->options->arg) != 0;
	return sweep->stopped;
}

static void report_reclaimed(void *arg, const struct sr_reclaimed *dead)
{
	char reason[128];

	snprintf(reason, sizeof(reason), "process %" PRId64 " died holding %" PRIu64 " pin%s", dead->pid, dead->pins,
		 dead->pins == 1 ? "" : "s");
	report(arg, &(struct segreg_sweep_event){ .action = SEGREG_SWEEP_RECLAIMED, .path = "", .reason = reason,
						  .pins = dead->pins, .pid = dead->pid, .label = dead->label });
}

/* "3 pins and 2 snapshots, one pin by process 17 (reader)" */
static void describe_held(const struct held *held, char *reason, size_t size)
{
	bool is_mixed = !!held->pins + !!held->snapshots + held->has_horizon > 1;
	char amounts[96] = "", holder[SEGREG_LABEL_SIZE + 64] = "";
	int n = 0;

	if (held->pins)
		n = snprintf(amounts, sizeof(amounts), "%" PRIu64 " pin%s", held->pins, held->pins == 1 ? "" : "s");
	if (held->snapshots)
		n += snprintf(amounts + n, sizeof(amounts) - n, "%s%" PRIu64 " snapshot%s", n ? " and " : "", held->snapshots,
			      held->snapshots == 1 ? "" : "s");
	if (held->has_horizon)
		snprintf(amounts + n, sizeof(amounts) - n, "%sa horizon", n ? " and " : "");
	if (held->pid)
		snprintf(holder, sizeof(holder), "%s process %" PRId64 " (%s)",
			 !held->pins && !held->snapshots ? " of" : !is_mixed ? ", one by" : held->pins ? ", one pin by" :
			 ", one snapshot by", held->pid, held->label);
	snprintf(reason, size, "%s%s", amounts, holder);
}

static void report_held(struct sweep *sweep)
{
	for (uint32_t i = 0; i < sweep->n_held; i++) {
		const struct held *held = &sweep->held[i];
		char reason[SEGREG_LABEL_SIZE + 160];

		describe_held(held, reason, sizeof(reason));
		report(sweep, &(struct segreg_sweep_event){ .action = SEGREG_SWEEP_HELD, .id = held->id, .path = held->path,
							    .reason = reason, .pins = held->pins, .pid = held->pid,
							    .label = held->label, .snapshots = held->snapshots,
							    .has_horizon = held->has_horizon });
	}
	sweep->n_held = 0;
}

static void report_victim(struct sweep *sweep, const struct victim *victim)
{
	struct segreg_sweep_event event = { .id = victim->record.id, .path = victim->record.path, .label = "" };
	char reason[512];

	if (victim->fate == DELETED) {
		event.action = SEGREG_SWEEP_DELETED;
		event.bytes = victim->removed.bytes_freed;
		event.reason = victim->removed.was_gone ? "its files were gone already"
			       : victim->record.ino     ? "retired, and no handle holds it"
							: "reserved, and given up by its builder";
	} else {
		event.action = SEGREG_SWEEP_FAILED;
		event.error = victim->error;
		event.retry_at = victim->retry_at;
		snprintf(reason, sizeof(reason), "%s: %s", victim->removed.where, strerror(victim->error));
		event.reason = reason;
	}
	report(sweep, &event);
}

/* ---------------------------------------------------------------- deciding, under the commit and the table lock */

/* A slot of a batch, with its state before S1. */
struct candidate {
	uint32_t slot;
	enum sr_state was;
};

static int64_t grace_ends(const struct sweep *sweep, const struct sr_detail *detail)
{
	/* not later than now: the clock may have been set back */
	int64_t retired_at = detail->retired_at < sweep->now ? detail->retired_at : sweep->now;

	return retired_at + (int64_t)sweep->options->grace_ms * 1000000;
}

static int64_t retry_at(const struct sweep *sweep, const struct sr_detail *detail)
{
	return sweep->options->flags & SEGREG_SWEEP_RETRY_NOW ? 0 : sr_retry_at(detail->attempts, detail->retry_at, sweep->now);
}

/* Whether `until` is still to come. result->next_at gets the earliest such time, so that the caller can set a timer. */
static bool note_wait(struct sweep *sweep, int64_t until)
{
	int64_t *next = &sweep->result->next_at;

	if (until <= sweep->now)
		return false;
	if (!*next || until < *next)
		*next = until;
	return true;
}

static bool is_enough(const struct sweep *sweep)
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
static bool is_held_by(const struct sr_region *region, uint32_t n, uint32_t slot, const struct held *held)
{
	struct sr_lane *lane = sr_region_lane(region, n);
	struct sr_row *row = sr_region_row(region, n);

	if (!held->pins)
		return has_cell(region, n, slot, !held->snapshots);
	return sr_lane_has_counts(lane) && sr_row_has_page(row, slot) && sr_load_acquire_u32(&sr_row_counts(row)[slot]);
}

/* Note what holds a segment, when it is found held for the first time. */
static void note_held(struct sweep *sweep, uint32_t slot, uint64_t pins)
{
	const struct sr_region *region = &sweep->reg->region;
	struct sr_detail *detail = &region->details[slot];
	struct held *held = &sweep->held[sweep->n_held];
	uint32_t top = sr_region_lane_top(region);

	if (detail->held_since || is_dry(sweep))
		return;
	detail->held_since = sweep->now;
	*held = (struct held){ .id = region->slots[slot].id, .pins = pins };
	held->snapshots = sr_cells_count(&sweep->cells, detail);
	held->has_horizon = sweep->cells.horizon < detail->retired;
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
	uint32_t n = (uint32_t)builder;
	struct sr_lane *lane = sr_region_lane(region, n);

	return builder && n < sr_region_lane_top(region) && sr_lane_is_taken(lane) &&
	       sr_load_acquire_u32(&lane->epoch) == builder >> 32;
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
 */
static bool is_retired_later(const struct sweep *sweep, const struct sr_detail *detail)
{
	return detail->retired > sweep->version;
}

/* S1: take slots from the queue until the batch is full, and make the PENDING ones DECIDING. */
static int gather(struct sweep *sweep, struct candidate batch[BATCH], uint32_t *n)
{
	struct sr_region *region = &sweep->reg->region;
	int rc = 0;

	for (*n = 0; sweep->at < sweep->n_queue && *n < BATCH && sweep->n_victims + *n < ROUND && !rc; sweep->at++) {
		uint32_t slot = sweep->queue[sweep->at];
		struct sr_detail *detail = &region->details[slot];
		enum sr_state state = sr_word_state(sr_load_acquire_u64(&region->slots[slot].word));
		bool waits = false;

		if (state == SR_GONE) {
			rc = is_dry(sweep) ? 0 : sr_table_free_gone(region, slot);
			continue;
		}
		if (state == SR_BUILDING && is_alive(region, detail->builder))
			continue;
		if (state == SR_PENDING)
			waits = is_retired_later(sweep, detail) ||
				note_wait(sweep, sweep->options->grace_ms ? grace_ends(sweep, detail) : 0);
		else if (state == SR_DELETING)
			waits = note_wait(sweep, retry_at(sweep, detail));
		else if (state != SR_BUILDING)
			continue;
		if (waits || is_enough(sweep)) {
			sweep->result->waiting++;
			continue;
		}
		batch[(*n)++] = (struct candidate){ .slot = slot, .was = state };
		if (state == SR_PENDING && !is_dry(sweep))
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

static void add_victim(struct sweep *sweep, const struct candidate *one, uint32_t holders)
{
	const struct sr_region *region = &sweep->reg->region;
	struct victim *victim = &sweep->victims[sweep->n_victims++];

	victim->slot = one->slot;
	victim->record.id = region->slots[one->slot].id;
	victim->was = one->was;
	victim->decided = one->was == SR_PENDING ? region->header->version : 0;
	victim->asked = holders;
	victim->attempts = region->details[one->slot].attempts;
	victim->dropped = false;
}

/*
 * S3 of a slot that no handle holds: make it DELETING, unless it is DELETING already. *done: false if a pin has taken
 * the decision back.
 */
static int condemn(struct sweep *sweep, const struct candidate *one, bool *done)
{
	struct sr_region *region = &sweep->reg->region;

	*done = true;
	if (is_dry(sweep) || one->was == SR_DELETING)
		return 0;
	if (one->was == SR_BUILDING)
		return sr_table_move(region, one->slot, SR_DELETING);
	return sr_table_decide(region, one->slot, SR_DELETING, done); /* S3 */
}

/* S2 and S3 of one slot. S2 compares with the cells that copy_queue read. */
static int settle_one(struct sweep *sweep, const struct candidate *one, uint32_t holders)
{
	struct sr_region *region = &sweep->reg->region;
	bool undecided = one->was == SR_PENDING, done;
	uint64_t pins = undecided ? sr_table_count(region, one->slot) : 0; /* S2 */
	bool held = pins || (undecided && sr_cells_hold(&sweep->cells, &region->details[one->slot]));
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
		note_held(sweep, one->slot, pins);
	*(held ? &sweep->result->held : &sweep->result->waiting) += 1;
	if (undecided && !is_dry(sweep))
		sr_table_keep(region, one->slot); /* S3 */
	return 0;
}

/*
 * S2 and S3 of a batch. Each S1 is a sequentially consistent store, and every S2 of a count comes after all S1 of the
 * batch. For the cells see is_retired_later.
 */
static int settle(struct sweep *sweep, const struct candidate *batch, uint32_t n)
{
	struct sr_region *region = &sweep->reg->region;
	uint32_t holders = count_holders(region);
	int rc = 0;

	for (uint32_t i = 0; i < n && !rc; i++)
		rc = settle_one(sweep, &batch[i], holders);
	return rc;
}

static int decide_batch(struct sweep *sweep, struct sr_change *change)
{
	struct candidate batch[BATCH];
	uint32_t n;
	int rc = sr_change_open_table(change);

	if (rc)
		return rc;
	rc = gather(sweep, batch, &n);
	SR_STOP("sweep.deciding");
	if (!rc)
		rc = settle(sweep, batch, n);
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
static void undo_decisions(struct sweep *sweep, struct sr_change *change)
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
static int record_decisions(struct sweep *sweep, uint32_t *n)
{
	struct sr_store *store = &sweep->reg->registry->store;
	int rc = 0;

	*n = 0;
	for (uint32_t i = 0; i < sweep->n_victims && !rc; i++) {
		struct sr_record *record = &sweep->victims[i].record;
		uint64_t id = record->id;

		rc = sr_store_get(store, id, record);
		if (rc == SR_STORE_ABSENT || (!rc && record->state == SR_LIVE))
			return sr_fail(SEGREG_E_CORRUPT,
				       "segment %" PRIu64 " is retired in shared memory but not in registry.mdb", id);
		if (rc || record->state == SR_DELETING || is_dry(sweep))
			continue;
		record->state = SR_DELETING;
		rc = sr_store_update(store, record);
		*n += 1;
	}
	return rc;
}

/* Decide on the victims of a round, and make the decisions durable. */
static int decide_round(struct sweep *sweep)
{
	struct sr_change change;
	uint32_t changes = 0;
	int rc = sr_change_begin(&change, sweep->reg);

	sweep->n_victims = 0;
	if (rc)
		return rc;
	if (!is_dry(sweep))
		sr_change_prepare(&change);
	do {
		rc = decide_batch(sweep, &change);
		sr_lock_give_way(&sweep->reg->registry->locks, SR_LOCK_TABLE);
	} while (!rc && sweep->at < sweep->n_queue && sweep->n_victims < ROUND && sweep->n_held < BATCH);
	SR_STOP("sweep.decided");
	if (!rc)
		rc = record_decisions(sweep, &changes);
	if (!rc && changes)
		rc = sr_change_commit_open(&change);
	if (rc == SEGREG_E_REOPEN)
		return rc;
	if (!rc && changes)
		sr_change_finish(&change);
	else if (!rc || is_dry(sweep))
		sr_change_cancel(&change);
	else
		undo_decisions(sweep, &change);
	SR_STOP("sweep.committed");
	return rc;
}

/* ---------------------------------------------------------------- deleting, without a lock */

static void mark_failed(struct sweep *sweep, struct victim *victim, int error)
{
	victim->fate = FAILED;
	victim->error = error;
	victim->attempts += victim->attempts < UINT32_MAX;
	victim->retry_at = sr_sys_realtime() + sr_retry_pause(victim->attempts);
	note_wait(sweep, victim->retry_at);
}

/* Delete a victim's files. Returns false if the caller stopped the sweep in the middle of this deletion. */
static bool delete_victim(struct sweep *sweep, struct victim *victim)
{
	int error = sr_trash_remove(&sweep->trash, &victim->record, &victim->removed);

	sweep->freed += victim->removed.bytes_freed;
	sweep->linked += victim->removed.bytes_linked;
	if (error == ECANCELED && sweep->stopped)
		return false;
	victim->fate = DELETED;
	if (error)
		mark_failed(sweep, victim, error);
	SR_STOP("sweep.removed");
	report_victim(sweep, victim);
	return true;
}

static void delete_round(struct sweep *sweep)
{
	uint32_t n = 0;
	int error;

	/* A victim that is not reached, or not finished, stays DELETING for the next sweep. */
	while (n < sweep->n_victims && !sweep->stopped && delete_victim(sweep, &sweep->victims[n]))
		n++;
	sweep->result->waiting += sweep->n_victims - n;
	sweep->n_victims = n;
	error = n ? sr_trash_sync(&sweep->trash) : 0;
	for (uint32_t i = 0; error && i < n; i++) {
		struct victim *victim = &sweep->victims[i];

		if (victim->fate != DELETED)
			continue;
		mark_failed(sweep, victim, error);
		snprintf(victim->removed.where, sizeof(victim->removed.where), "cannot make its deletion durable");
		report_victim(sweep, victim);
	}
}

/* ---------------------------------------------------------------- dropping the records */

static void note_failure(struct sweep *sweep, const struct victim *victim)
{
	struct sr_region *region = &sweep->reg->region;
	struct sr_detail *detail = &region->details[victim->slot];

	if (!detail->attempts)
		region->header->failed++;
	detail->attempts = victim->attempts;
	detail->error = (uint8_t)victim->error;
	detail->retry_at = victim->retry_at;
	sweep->result->failed++;
}

static bool is_still(const struct sr_region *region, const struct victim *victim)
{
	uint32_t slot = victim->slot;

	return sr_load_acquire_u64(&region->slots[slot].id) == victim->record.id &&
	       region->details[slot].born == victim->record.born &&
	       sr_word_state(sr_load_acquire_u64(&region->slots[slot].word)) == SR_DELETING;
}

/* Show in the region which victims are deleted and which have failed. [commit, table] */
static int settle_victims(struct sweep *sweep)
{
	struct sr_region *region = &sweep->reg->region;
	int rc = 0;

	for (uint32_t i = 0; i < sweep->n_victims && !rc; i++) {
		struct victim *victim = &sweep->victims[i];

		if (!is_still(region, victim))
			continue;
		if (victim->fate == FAILED) {
			note_failure(sweep, victim);
			continue;
		}
		rc = sr_table_drop(region, victim->slot);
		region->header->deleted++;
		sweep->result->deleted++;
	}
	if (rc)
		return rc;
	region->header->bytes_freed += sweep->freed;
	sweep->result->bytes_freed += sweep->freed;
	sweep->result->bytes_linked += sweep->linked;
	sweep->freed = sweep->linked = 0;
	return 0;
}

/* Drop a victim's record, or note its failure there, so that the next sweep knows about it even after a restart. */
static int settle_record(struct sr_store *store, struct victim *victim, uint32_t *notes)
{
	struct sr_record there;
	int rc = sr_store_get(store, victim->record.id, &there);

	if (rc == SR_STORE_ABSENT)
		return 0;
	if (rc || there.born != victim->record.born || there.state != SR_DELETING)
		return rc;
	if (victim->fate == DELETED) {
		victim->dropped = true;
		return sr_store_remove(store, &there);
	}
	there.attempts = victim->attempts;
	there.error = (uint8_t)victim->error;
	there.retry_at = victim->retry_at;
	*notes += 1;
	return sr_store_update(store, &there);
}

/* Settle the records of all victims. *drops gets the number of records dropped, *notes the number of failures noted. */
static int settle_records(struct sweep *sweep, uint32_t *drops, uint32_t *notes)
{
	int rc = 0;

	*drops = *notes = 0;
	for (uint32_t i = 0; i < sweep->n_victims && !rc; i++) {
		rc = settle_record(&sweep->reg->registry->store, &sweep->victims[i], notes);
		*drops += sweep->victims[i].dropped;
	}
	return rc;
}

static int write_journal(struct sweep *sweep, struct sr_journal *journal)
{
	int rc = sr_journal_begin(journal, sweep->reg);

	for (uint32_t i = 0; i < sweep->n_victims && !rc; i++) {
		const struct victim *victim = &sweep->victims[i];
		struct sr_entry entry;

		if (!victim->dropped)
			continue;
		sr_journal_fill(&entry, SEGREG_LOG_DELETED, &victim->record);
		entry.bytes = victim->removed.bytes_freed;
		entry.decided = victim->decided;
		entry.asked = victim->asked;
		entry.was_gone = victim->removed.was_gone;
		rc = sr_journal_put(journal, &entry);
	}
	return rc;
}

/*
 * Commit the notes of failures. On a disk that takes no commit, note them in the region alone. Leaves the table lock
 * taken.
 */
static int commit_notes(struct sr_change *change, uint32_t notes)
{
	int rc = notes ? sr_change_commit_open(change) : 0;

	return (!rc && notes) || rc == SEGREG_E_REOPEN ? rc : sr_change_open_table(change);
}

static int finish_round(struct sweep *sweep)
{
	struct sr_journal journal;
	struct sr_change change;
	uint32_t drops, notes;
	int rc = sr_change_begin(&change, sweep->reg);

	if (rc)
		return rc;
	rc = settle_records(sweep, &drops, &notes);
	if (!rc && drops)
		rc = write_journal(sweep, &journal);
	if (!rc)
		rc = drops ? sr_change_commit_open(&change) : commit_notes(&change, notes);
	if (rc == SEGREG_E_REOPEN)
		return rc;
	if (rc) {
		sr_change_cancel(&change);
		return rc;
	}
	if (drops)
		sr_journal_end(&journal);
	rc = settle_victims(sweep);
	if (rc) { /* the lock stays dirty: the next holder repairs */
		sr_table_lock_give(sweep->reg);
		sr_change_abandon(&change);
		return rc;
	}
	sr_store_abort(&sweep->reg->registry->store);
	sr_change_finish(&change);
	return 0;
}

/* ---------------------------------------------------------------- the whole */

/*
 * Copy the queue, note V0 (S0), and read the cells (S2). Segments that are retired later wait for the next sweep.
 * gather reads each slot again under the table lock.
 */
static int copy_queue(struct sweep *sweep)
{
	struct sr_region *region = &sweep->reg->region;
	int rc = sr_cells_make_room(&sweep->cells, region);

	if (!rc)
		rc = sr_table_lock_take(sweep->reg);
	if (rc)
		return rc;
	rc = sr_table_copy_queue(region, &sweep->queue, &sweep->n_queue);
	sweep->version = sr_load_seqcst_u64(&region->header->version);
	sr_cells_read(&sweep->cells, region);
	sr_table_lock_give(sweep->reg);
	sr_cells_sort(&sweep->cells);
	return rc;
}

static void measure_round(struct sweep *sweep)
{
	for (uint32_t i = 0; i < sweep->n_victims && !sweep->stopped; i++) {
		struct victim *victim = &sweep->victims[i];

		victim->fate = DELETED;
		victim->removed = (struct sr_removed){ .bytes_freed = sr_trash_measure(&sweep->trash, &victim->record) };
		sweep->result->deleted++;
		sweep->result->bytes_freed += victim->removed.bytes_freed;
		report_victim(sweep, victim);
	}
}

static int run_rounds(struct sweep *sweep)
{
	int rc = 0;

	while (!rc && sweep->at < sweep->n_queue) {
		rc = decide_round(sweep);
		report_held(sweep);
		if (rc)
			return rc;
		if (is_dry(sweep)) {
			measure_round(sweep);
			continue;
		}
		if (!sweep->n_victims)
			continue;
		delete_round(sweep);
		SR_STOP("sweep.synced");
		rc = finish_round(sweep);
	}
	return rc;
}

static bool report_missing(void *arg, uint64_t id, const char *path)
{
	struct sweep *sweep = arg;

	report(sweep, &(struct segreg_sweep_event){ .action = SEGREG_SWEEP_MISSING, .id = id, .path = path, .label = "",
						    .error = ENOENT, .reason = "live, but not on the disk" });
	return !sweep->stopped;
}

static int sweep_base(struct sweep *sweep)
{
	struct sr_registry *registry = sweep->reg->registry;
	struct segreg_sweep_result *result = sweep->result;
	struct sr_marker marker;
	/*
	 * If the outcome of the store's last commit is unknown, the sweep must fail here, even if it has nothing to
	 * delete.
	 */
	int rc = sr_commit_lock_take(sweep->reg);

	if (rc)
		return rc;
	sr_commit_lock_give(sweep->reg);
	/*
	 * A process that opens the registry from now on cannot join this region. A daemon that is alone in it can start
	 * again.
	 */
	if (!sr_region_is_named(&registry->region, registry->region_name))
		return sr_fail(SEGREG_E_REGION_LOST,
			       "shared memory %s was removed; open %s again when all its processes have ended",
			       registry->region_name, registry->dir);
	if (sweep->reg->lane >= sr_region_lane_top(&registry->region))
		return sr_fail(SEGREG_E_CORRUPT, "the shared memory is damaged: it does not know this handle's lane");
	rc = sr_base_check(&registry->base, registry->uuid, &marker);
	if (!rc && !is_dry(sweep))
		rc = sr_reclaim(sweep->reg, report_reclaimed, sweep, &result->reclaimed, &result->reclaimed_pins);
	if (!rc)
		rc = copy_queue(sweep);
	if (!rc && sweep->options->grace_ms && !is_dry(sweep))
		rc = sr_ahead_correct(sweep->reg, sweep->queue, sweep->n_queue, sweep->now);
	if (!rc)
		rc = sr_trash_open(&sweep->trash, &registry->base, sweep->options->pace, sweep->options->pace_files);
	if (rc)
		return rc;
	if (sweep->options->stop) {
		sweep->trash.stop = ask_to_stop;
		sweep->trash.arg = sweep;
	}
	rc = run_rounds(sweep);
	sr_trash_close(&sweep->trash);
	if (!is_dry(sweep))
		sr_journal_flush(sweep->reg, true);
	return rc || is_dry(sweep) ? rc : sr_inspect_live(sweep->reg, report_missing, sweep);
}

int sr_sweep(struct segreg *reg, const struct segreg_sweep_options *options, struct segreg_sweep_result *result)
{
	struct sweep sweep = { .reg = reg, .options = options, .result = result, .now = sr_sys_realtime() };
	struct sr_hold hold;
	int rc;

	if (sr_registry_hold(reg->registry, SR_BYTE_SWEEP, &hold) == -1)
		return errno == EAGAIN ? sr_fail(SEGREG_E_BUSY,
						 "another sweep of %s is running; try again when it has "
						 "ended (segctl stats shows whether a segregd runs)",
						 reg->registry->dir)
				       : sr_fail_kept(errno, reg->registry->lock_path);
	sweep.victims = sr_sys_malloc(ROUND * sizeof(*sweep.victims));
	sweep.held = sr_sys_malloc((BATCH + BATCH) * sizeof(*sweep.held));
	rc = sweep.victims && sweep.held ? sweep_base(&sweep) : sr_fail(SEGREG_E_NOMEM, "no memory to sweep");
	free(sweep.victims);
	free(sweep.held);
	sr_cells_free(&sweep.cells);
	free(sweep.queue);
	sr_hold_drop(&hold);
	return rc;
}
