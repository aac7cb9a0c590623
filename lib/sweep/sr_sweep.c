/*
 * sr_sweep.c - deleting the segments that are retired, and held by no handle and no lease.
 *
 *      take the sweep byte; check base's marker; reclaim the lanes of dead processes
 *      table lock: copy the queue; S0 V0 = version; SC read the cells of all lanes
 *      per round of up to SR_ROUND victims
 *        commit lock; read the leases, if they have changed
 *          per batch of up to SR_BATCH queued segments, under the table lock:
 *            S1  PENDING -> DECIDING, for each segment that was retired in V0 or before
 *            S2  read counts[slot] of all lanes
 *            S3  no count, cell or lease holds it: DECIDING -> DELETING by compare-and-swap; else DECIDING -> PENDING
 *            BUILDING whose builder has lost its lane -> DELETING
 *          commit DELETING to LMDB in one transaction; if this clearly failed, PENDING again
 *        only the sweep byte is held: remove the files of each victim; make the directories durable
 *        commit lock: drop the records in one transaction, which also notes the failures; free the slots
 *
 * sr_decide.c has the deciding. S1 to S3 are the steps of the proof for counts (sr_pin.c), and S0, SC, S1 and S3 of the
 * proof for cells (sr_snapshot.c).
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
 * Why a decision is right: sr_pin.c, sr_snapshot.c. Why a sweep touches nothing outside base: sr_trash.c.
 */
#include "sweep/sr_sweep.h"
#include "db/sr_records.h"
#include "sweep/sr_ahead.h"
#include "registry/sr_change.h"
#include "sweep/sr_decide.h"
#include "edit/sr_discard.h"
#include "sys/sr_error.h"
#include "sweep/sr_inspect.h"
#include "base/sr_marker.h"
#include "registry/sr_journal.h"
#include "registry/sr_lane.h"
#include "registry/sr_reclaim.h"
#include "sweep/sr_report.h"
#include "shm/sr_retry.h"
#include "shm/sr_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Make discards durable that wait in shared memory. If that fails, the caller is to sweep again soon. */
static void flush_discards(struct sr_sweep *sweep)
{
	if (!sr_discard_try_flush(sweep->reg))
		sr_decide_note_wait(sweep, sr_sys_realtime() + sr_retry_pause(1));
}

static bool between_files(void *arg)
{
	struct sr_sweep *sweep = arg;

	flush_discards(sweep);
	sweep->stopped = sweep->options->stop && sweep->options->stop(sweep->options->arg) != 0;
	return sweep->stopped;
}

/* ---------------------------------------------------------------- deleting, with the sweep byte alone */

static void mark_failed(struct sr_sweep *sweep, struct sr_victim *victim, int error)
{
	victim->fate = SR_FATE_FAILED;
	victim->error = error;
	victim->attempts += victim->attempts < UINT32_MAX;
	victim->retry_at = sr_sys_realtime() + sr_retry_pause(victim->attempts);
	sr_decide_note_wait(sweep, victim->retry_at);
}

/*
 * May the name of this victim be in use again, although no sweep knows that its files are gone?
 *
 * - An earlier sweep decided to delete it, and died before it noted what became of that. It may have removed the files.
 * - It was no segment before it was discarded (born and retired by one version). Its program may have put another file
 *   there by rename(2). Or a process died in segreg_vacate, between the unlink and the drop of the record.
 *
 * For any other victim, a different file at its path is a mistake that an operator should know of.
 */
static bool may_be_reused(const struct sr_victim *victim)
{
	const struct sr_record *record = &victim->record;

	return (victim->was == SR_DELETING && !victim->attempts) || (record->born && record->born == record->retired);
}

/* Delete a victim's files. Returns false if the caller stopped the sweep in the middle of this deletion. */
static bool delete_victim(struct sr_sweep *sweep, struct sr_victim *victim)
{
	int error = may_be_reused(victim) ? sr_trash_remove_reused(&sweep->trash, &victim->record, &victim->removed)
					  : sr_trash_remove(&sweep->trash, &victim->record, &victim->removed);

	sweep->n_tried++;
	victim->freed += victim->removed.bytes_freed;
	sweep->freed += victim->removed.bytes_freed;
	sweep->linked += victim->removed.bytes_linked;
	if (error == ECANCELED && sweep->stopped)
		return false;
	victim->fate = SR_FATE_DELETED;
	if (error)
		mark_failed(sweep, victim, error);
	SR_STOP("sweep.removed");
	sr_report_victim(sweep, victim);
	return true;
}

static void delete_round(struct sr_sweep *sweep)
{
	uint32_t n = 0;
	int error;

	sweep->n_tried = 0;
	/* A victim that is not reached, or not finished, stays DELETING for the next sweep. */
	while (n < sweep->n_victims && !sweep->stopped && delete_victim(sweep, &sweep->victims[n]))
		n++;
	sweep->result->waiting += sweep->n_victims - n;
	sweep->n_victims = n;
	error = n ? sr_trash_sync(&sweep->trash) : 0;
	for (uint32_t i = 0; error && i < n; i++) {
		struct sr_victim *victim = &sweep->victims[i];

		if (victim->fate != SR_FATE_DELETED)
			continue;
		mark_failed(sweep, victim, error);
		snprintf(victim->removed.where, sizeof(victim->removed.where), "cannot make its deletion durable");
		sr_report_victim(sweep, victim);
	}
}

/* ---------------------------------------------------------------- dropping the records */

static void show_failure(struct sr_sweep *sweep, const struct sr_victim *victim)
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

static bool is_still(const struct sr_region *region, const struct sr_victim *victim)
{
	uint32_t slot = victim->slot;

	return sr_load_acquire_u64(&region->slots[slot].id) == victim->record.id &&
	       region->details[slot].born == victim->record.born &&
	       sr_word_state(sr_load_acquire_u64(&region->slots[slot].word)) == SR_DELETING;
}

/* Keep for the next try what the tries so far gave back. */
static void note_freed(const struct sr_region *region, const struct sr_victim *victim)
{
	struct sr_detail *detail = &region->details[victim->slot];

	detail->freed = victim->freed;
	sr_store_relaxed_u8(&detail->flags, detail->flags | SR_DETAIL_TRIED);
}

/* Show in the region which victims are deleted and which have failed. [commit, table] */
static int show_victims(struct sr_sweep *sweep)
{
	struct sr_region *region = &sweep->reg->region;
	int rc = 0;

	for (uint32_t i = 0; i < sweep->n_tried; i++)
		if (is_still(region, &sweep->victims[i]))
			note_freed(region, &sweep->victims[i]);
	for (uint32_t i = 0; i < sweep->n_victims && !rc; i++) {
		struct sr_victim *victim = &sweep->victims[i];

		if (!is_still(region, victim))
			continue;
		if (victim->fate == SR_FATE_FAILED) {
			show_failure(sweep, victim);
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
static int update_record(struct sr_store *store, struct sr_victim *victim, uint32_t *failures)
{
	struct sr_record there;
	int rc = sr_records_get(store, victim->record.id, &there);

	if (rc == SR_STORE_ABSENT)
		return 0;
	if (rc || there.born != victim->record.born || there.state != SR_DELETING)
		return rc;
	if (victim->fate == SR_FATE_DELETED) {
		victim->dropped = true;
		return sr_records_remove(store, &there);
	}
	there.attempts = victim->attempts;
	there.error = (uint8_t)victim->error;
	there.retry_at = victim->retry_at;
	*failures += 1;
	return sr_records_update(store, &there);
}

/* Update the records of all victims. *drops gets the number of dropped records, *failures that of noted failures. */
static int update_records(struct sr_sweep *sweep, uint32_t *drops, uint32_t *failures)
{
	int rc = 0;

	*drops = *failures = 0;
	for (uint32_t i = 0; i < sweep->n_victims && !rc; i++) {
		rc = update_record(&sweep->reg->registry->store, &sweep->victims[i], failures);
		*drops += sweep->victims[i].dropped;
	}
	return rc;
}

static int write_journal(struct sr_sweep *sweep, struct sr_journal *journal)
{
	int rc = sr_journal_begin(journal, sweep->reg);

	for (uint32_t i = 0; i < sweep->n_victims && !rc; i++) {
		const struct sr_victim *victim = &sweep->victims[i];
		struct sr_entry entry;

		if (!victim->dropped)
			continue;
		sr_journal_fill(&entry, SEGREG_LOG_DELETED, &victim->record);
		entry.bytes = victim->freed;
		entry.decided = victim->decided;
		entry.asked = victim->asked;
		entry.was_gone = victim->removed.was_gone;
		rc = sr_journal_put(journal, &entry);
	}
	return rc;
}

/*
 * Commit the noted failures. On a disk that takes no commit, they are noted in the region alone. Leaves the table lock
 * taken.
 */
static int commit_failures(struct sr_change *change, uint32_t failures)
{
	int rc = failures ? sr_change_commit_open(change) : 0;

	return (!rc && failures) || rc == SEGREG_E_REOPEN ? rc : sr_change_open_table(change);
}

static int finish_round(struct sr_sweep *sweep)
{
	struct sr_journal journal;
	struct sr_change change;
	uint32_t drops, failures;
	int rc = sr_change_begin(&change, sweep->reg);

	if (rc)
		return rc;
	rc = update_records(sweep, &drops, &failures);
	if (!rc && drops)
		rc = write_journal(sweep, &journal);
	if (!rc)
		rc = drops ? sr_change_commit_open(&change) : commit_failures(&change, failures);
	if (rc == SEGREG_E_REOPEN)
		return rc;
	if (rc) {
		sr_change_cancel(&change);
		return rc;
	}
	if (drops)
		sr_journal_end(&journal);
	rc = show_victims(sweep);
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
 * Copy the queue, note V0 (S0), and read the cells (SC). Segments that are retired later wait for the next sweep.
 * fill_batch (sr_decide.c) reads each slot again under the table lock.
 */
static int copy_queue(struct sr_sweep *sweep)
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

static void measure_round(struct sr_sweep *sweep)
{
	for (uint32_t i = 0; i < sweep->n_victims && !sweep->stopped; i++) {
		struct sr_victim *victim = &sweep->victims[i];

		victim->fate = SR_FATE_DELETED;
		victim->removed =
			(struct sr_removed){ .bytes_freed = sr_trash_measure(&sweep->trash, &victim->record) };
		victim->freed = victim->removed.bytes_freed;
		sweep->result->deleted++;
		sweep->result->bytes_freed += victim->removed.bytes_freed;
		sr_report_victim(sweep, victim);
	}
}

static int run_rounds(struct sr_sweep *sweep)
{
	int rc = 0;

	SR_STOP("sweep.queued");
	while (!rc && sweep->at < sweep->n_queue) {
		if (!sr_sweep_is_dry(sweep))
			flush_discards(sweep);
		rc = sr_decide_round(sweep);
		sr_report_held(sweep);
		if (rc)
			return rc;
		if (sr_sweep_is_dry(sweep)) {
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

/* Sweep what is in the queue now. */
static int sweep_queue(struct sr_sweep *sweep)
{
	struct sr_registry *registry = sweep->reg->registry;
	struct segreg_sweep_result *result = sweep->result;
	struct sr_marker marker;
	int rc = sr_marker_check(&registry->base, registry->uuid, &marker);

	if (!rc && !sr_sweep_is_dry(sweep))
		rc = sr_reclaim(sweep->reg, sr_report_reclaimed, sweep, &result->reclaimed, &result->reclaimed_pins);
	if (!rc && !sr_sweep_is_dry(sweep))
		flush_discards(sweep);
	if (!rc)
		rc = copy_queue(sweep);
	if (!rc && sweep->options->grace_ms && !sr_sweep_is_dry(sweep))
		rc = sr_ahead_correct(sweep->reg, sweep->queue, sweep->n_queue, sweep->now);
	if (!rc)
		rc = sr_trash_open(&sweep->trash, &registry->base, sweep->options->pace, sweep->options->pace_files);
	if (rc)
		return rc;
	sweep->trash.stop = between_files;
	sweep->trash.arg = sweep;
	rc = run_rounds(sweep);
	sr_trash_close(&sweep->trash);
	if (!sr_sweep_is_dry(sweep))
		sr_journal_flush(sweep->reg, true);
	return rc;
}

/* Forget what the last pass over the queue left there, so that the next one counts it anew. */
static void begin_again(struct sr_sweep *sweep)
{
	free(sweep->queue);
	sweep->queue = NULL;
	sweep->n_queue = sweep->at = 0;
	sweep->now = sr_sys_realtime();
	sweep->result->held = sweep->result->waiting = 0;
	sweep->result->next_at = 0;
}

/*
 * Sweep, then look for missing files. In a large registry the look takes a minute, and no deletion may wait for that.
 * So it stops for each event that a sweep waits for, and for a death, which is no event, after LOOK_MIN. It lasts four
 * times as long as the pass over the queue before it, since that may be long too.
 */
#define LOOK_MIN INT64_C(50000000) /* nanoseconds */

static int sweep_and_look(struct sr_sweep *sweep)
{
	const struct sr_header *header = sweep->reg->region.header;
	uint32_t from = 0;
	int rc;

	for (;;) {
		uint32_t wake = sr_load_seqcst_u32(&header->wake);
		int64_t began = sr_sys_monotonic(), swept;

		rc = sweep_queue(sweep);
		if (rc || sr_sweep_is_dry(sweep))
			return rc;
		swept = sr_sys_monotonic();
		rc = sr_inspect_live(sweep->reg, &from, wake,
				     swept + (4 * (swept - began) > LOOK_MIN ? 4 * (swept - began) : LOOK_MIN),
				     sr_report_missing, sweep);
		if (rc != SR_INSPECT_MORE)
			return rc;
		if (sweep->stopped || between_files(sweep))
			return 0;
		begin_again(sweep);
	}
}

static int sweep_base(struct sr_sweep *sweep)
{
	struct sr_registry *registry = sweep->reg->registry;
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
	return sweep_and_look(sweep);
}

int sr_sweep(struct segreg *reg, const struct segreg_sweep_options *options, struct segreg_sweep_result *result)
{
	struct sr_sweep sweep = { .reg = reg, .options = options, .result = result, .now = sr_sys_realtime() };
	struct sr_hold hold;
	int rc;

	if (sr_registry_hold(reg->registry, SR_BYTE_SWEEP, &hold) == -1)
		return errno == EAGAIN ? sr_fail(SEGREG_E_BUSY,
						 "another sweep of %s is running; try again when it has "
						 "ended (segctl stats shows whether a segregd runs)",
						 reg->registry->dir)
				       : sr_fail_kept(errno, reg->registry->lock_path);
	sweep.victims = sr_sys_malloc(SR_ROUND * sizeof(*sweep.victims));
	sweep.held = sr_sys_malloc((SR_BATCH + SR_BATCH) * sizeof(*sweep.held));
	rc = sweep.victims && sweep.held ? sweep_base(&sweep) : sr_fail(SEGREG_E_NOMEM, "no memory to sweep");
	free(sweep.victims);
	free(sweep.held);
	sr_cells_free(&sweep.cells);
	free(sweep.queue);
	sr_hold_drop(&hold);
	return rc;
}
