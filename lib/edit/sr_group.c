/*
 * sr_group.c - committing edits: those of several processes and threads together, if they come at the same time.
 *
 * To make an edit durable takes two flushes of the disk, whatever the edit's size. So a handle that finds the commit
 * lock taken puts its edit into the letter of its lane (sr_letter.c). The next leader commits that edit with its own:
 *
 *      rider                                leader, with the commit lock
 *      ---------------------------------    ------------------------------------------------------------
 *      lock is taken: post the letter       plan the own edit; wait a moment for the riders of the last group
 *      try the lock once more               take letters and plan each edit, until no letter waits
 *      sleep, in slices                     write the names of the riders ("riders"); LMDB commit
 *        answered: done                     show all edits in the region, then the version
 *        else: try the lock; with it,       answer each letter
 *        withdraw the letter and lead       give the lock back, nudge a rider whose letter waits; wake the riders
 *
 * A handle has one letter. Its other threads wait in the queue of their process (sr_queue.h), and only a leader of this
 * process takes them. A queued thread tries for the commit lock and for the letter whenever it wakes.
 *
 * The leader plans the edits one after the other in one transaction, each with a version of its own. So the result is
 * that of some serial order. If an edit is refused, its answer is the refusal. If it had written records by then, the
 * transaction begins anew without it. If the group as a whole fails (a limit, a full disk), the leader hands the
 * letters back, and each rider leads its own edit.
 *
 * No edit is lost. Only the rider that posted a letter, a leader, or the emptying of its lane moves it out of POSTED. A
 * living leader answers the letter or hands it back. A leader sets the commit lock's dirty word before it takes the
 * first letter, and clears the word after the last answer. So if it dies, the next leader reconciles, and settles the
 * letters that were taken. The death of a leader wakes no rider. Each rider finds out within a slice, because it then
 * gets the commit lock.
 *
 * No edit is done twice, and none is acknowledged early. The transaction that makes the edits also writes "riders", so
 * the names are durable with the edits or not at all. A name is unique: start of the region, lane_id, number of the
 * letter. A repair looks at each TAKEN letter. If "riders" names it, its edit is committed, and the repair answers it.
 * If not, its edit is not committed, and the repair hands it back. The riders of the last transaction are enough,
 * because no transaction starts until the repair has settled every letter.
 *
 * A leader also takes along the discards that are in shared memory alone (sr_discards.h). They are one more edit of the
 * group, which has no owner and gets no answer. Those for which the registry has no room stay where they are. If the
 * group fails with them, the leader tries again without them.
 *
 * A rider that has waited in vain withdraws its letter while it is POSTED: nothing has changed. A letter that a leader
 * has TAKEN cannot be withdrawn. The rider waits for the same time again. Then the letter becomes FORSAKEN, and the
 * outcome is unknown (SEGREG_E_REOPEN). No leader starts on a FORSAKEN letter: a hand-back makes it FREE. No leader
 * starts on a dead rider's letter either, because the lane's byte is free.
 */
#include "edit/sr_group.h"
#include "db/sr_records.h"
#include "sys/sr_error.h"
#include "registry/sr_discards.h"
#include "registry/sr_reclaim.h"
#include "edit/sr_seats.h"
#include "shm/sr_table.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---------------------------------------------------------------- what they come to together */

static void add_up(struct sr_group *g, struct sr_plan *all)
{
	*all = (struct sr_plan){ .version = g->change.clock.version };
	for (uint32_t i = 0; i < sr_seats_count(g); i++) {
		const struct sr_seat *s = sr_seats_get(g, i);

		if (s->rc)
			continue;
		all->slots += s->plan.slots;
		all->texts += s->plan.texts;
		all->changes += s->plan.changes;
		all->grows |= s->plan.grows;
		all->wakes |= s->plan.wakes;
	}
}

static int put_riders(struct sr_group *g)
{
	struct sr_riders riders = { .start = g->reg->region.header->starts };

	for (uint32_t i = 0; i < g->n_riders; i++) {
		const struct sr_seat *s = &g->riders[i];

		if (!s->rc && !s->waiter)
			riders.rider[riders.n++] =
				(struct sr_rider){ .lane_id = s->lane_id, .seq = s->seq, .version = s->plan.version };
	}
	return riders.n ? sr_records_put_riders(&g->reg->registry->store, &riders) : 0;
}

static int complete_records(struct sr_group *g, const struct sr_plan *all)
{
	struct sr_store *store = &g->reg->registry->store;
	int rc = put_riders(g);

	if (!rc)
		rc = sr_records_put_clock(store, &g->change.clock);
	if (!rc && all->grows)
		rc = sr_store_reserve(store);
	return rc;
}

static int take_slots(struct sr_group *g, uint32_t n)
{
	struct sr_region *region = &g->reg->region;
	int rc;

	sr_change_prepare(&g->change);
	rc = sr_change_open_table(&g->change);
	if (rc)
		return rc;
	rc = sr_table_prepare(region, n);
	for (uint32_t i = 0; i < sr_seats_count(g) && !rc; i++)
		if (!sr_seats_get(g, i)->rc)
			rc = sr_plan_take_slots(region, sr_seats_get(g, i)->edit);
	sr_change_close_table(&g->change);
	return rc;
}

/* Free the slots that are GONE and held only by dead processes. */
static int make_room(struct sr_change *change)
{
	struct sr_region *region = &change->reg->region;
	uint64_t lanes = 0, pins = 0;
	uint32_t n;
	int rc = sr_reclaim(change->reg, NULL, NULL, &lanes, &pins);

	if (!rc)
		rc = sr_change_open_table(change);
	if (rc)
		return rc;
	n = region->header->queue_length <= region->geometry.max_segments ? region->header->queue_length : 0;
	for (uint32_t i = n; i-- > 0 && !rc;) {
		uint32_t slot = region->queue[i];

		if (slot < sr_region_slot_top(region) && sr_word_state(region->slots[slot].word) == SR_GONE)
			rc = sr_table_free_gone(region, slot);
	}
	sr_change_close_table(change);
	return rc;
}

/* Some discards have to wait, and this edit is about them: free what only dead processes hold, and plan once more. */
static int fill_again(struct sr_group *g)
{
	int rc = make_room(&g->change);

	if (!rc)
		rc = sr_seats_restart(g);
	return rc ? rc : sr_seats_fill(g);
}

/* ---------------------------------------------------------------- ending */

/* Answer all letters. [commit] */
static void answer(struct sr_group *g)
{
	for (uint32_t i = 0; i < g->n_riders; i++) {
		const struct sr_seat *s = &g->riders[i];

		if (!s->waiter)
			sr_letter_answer(&g->reg->region, s->lane_id, s->seq, s->rc, s->plan.version, s->text);
	}
}

/*
 * Let a thread of this process go on. rc: the outcome of the group. If it failed, the thread is queued again, because
 * that is no answer to its edit. If the outcome is unknown (SEGREG_E_REOPEN), that is the answer.
 */
static void release_thread(struct sr_queue *queue, const struct sr_seat *s, int rc)
{
	if (rc && rc != SEGREG_E_REOPEN) {
		sr_plan_forget_slots(s->edit);
		sr_queue_hand_back(queue, s->waiter);
	} else if (rc) {
		sr_queue_answer(queue, s->waiter, rc, 0, segreg_last_error());
	} else {
		sr_queue_answer(queue, s->waiter, s->rc, s->plan.version, s->text);
	}
}

/*
 * Let the riders go on. rc: 0 if the group is committed; otherwise what it failed with. A committed group's letters are
 * answered, or still TAKEN for the repair to answer (conclude).
 */
static void release_riders(struct sr_group *g, int rc)
{
	struct sr_queue *queue = &g->reg->registry->queue;

	if (!rc && g->n_riders)
		sr_letter_wake_all(&g->reg->region);
	for (uint32_t i = 0; i < g->n_riders; i++) {
		if (g->riders[i].waiter)
			release_thread(queue, &g->riders[i], rc);
		sr_edit_clear(&g->riders[i].carried);
	}
	if (g->n_threads)
		sr_queue_wake_all(queue);
	g->n_riders = g->n_threads = 0;
}

/*
 * Give back the slots that were taken for a commit that does not take place. Returns false if a repair has to do this.
 */
static bool give_slots(struct sr_group *g)
{
	bool any = false;

	for (uint32_t i = 0; i < sr_seats_count(g); i++)
		any |= sr_plan_has_slots(sr_seats_get(g, i)->edit);
	if (!any)
		return true;
	if (sr_change_open_table(&g->change))
		return false;
	for (uint32_t i = 0; i < sr_seats_count(g); i++)
		sr_plan_give_slots(&g->reg->region, sr_seats_get(g, i)->edit);
	sr_change_close_table(&g->change);
	return true;
}

/*
 * Undo the group: give back its slots, and hand back its letters. Returns false if a repair has to do this; the locks
 * are then given back.
 */
static bool undo(struct sr_group *g)
{
	if (!give_slots(g)) {
		sr_change_abandon(&g->change); /* the lock stays dirty: a repair settles slots and letters */
		return false;
	}
	for (uint32_t i = 0; i < g->n_riders; i++)
		if (!g->riders[i].waiter)
			sr_letter_hand_back(&g->reg->region, g->riders[i].lane_id, g->riders[i].seq);
	return true;
}

/* Take the discards of this group out of shared memory, except those that have to wait. [commit, table] */
static void take_out(struct sr_group *g)
{
	sr_discards_drop(&g->reg->region, g->n_late, &g->left);
	sr_discards_note(&g->reg->region, g->left.n ? SEGREG_E_FULL : 0);
}

/*
 * Nothing changed. So the discards that were in shared memory are durable already, or void, or have to wait: take out
 * what does not wait. If that fails, the next leader does it.
 */
static void drop_discards(struct sr_group *g)
{
	char before[SR_ERROR_SIZE];

	if (!g->n_late)
		return;
	sr_error_keep(before);
	if (!sr_change_open_table(&g->change)) {
		take_out(g);
		sr_change_close_table(&g->change);
	}
	sr_error_put_back(before);
}

/*
 * Show the change in the region, and answer the letters. The change is durable, and this thread holds the table lock.
 * If an edit cannot be shown, the letters stay TAKEN. The repair shows the change, and answers them.
 */
static void conclude(struct sr_group *g, const struct sr_plan *all)
{
	struct sr_region *region = &g->reg->region;
	int rc = 0;

	for (uint32_t i = 0; i < sr_seats_count(g) && !rc; i++)
		if (!sr_seats_get(g, i)->rc)
			rc = sr_plan_show(region, sr_seats_get(g, i)->edit);
	if (!rc) {
		sr_region_set_version(region, g->change.clock.version);
		answer(g);
		SR_STOP("group.shown");
		if (g->n_late)
			take_out(g);
	}
	sr_change_conclude(&g->change, rc);
	if (all->wakes || (g->n_late && sr_discards_count(region) > g->left.n))
		sr_region_wake(region);
}

static int commit(struct sr_group *g)
{
	struct sr_queue *queue = &g->reg->registry->queue;
	int rc = sr_change_commit_open(&g->change);

	if (rc)
		return rc;
	g->reg->region.header->company = 1 + g->n_riders - g->n_threads + sr_letter_count(&g->reg->region);
	queue->company = g->n_threads + sr_queue_count(queue);
	return rc;
}

/*
 * Plan, commit and show. 0: each edit has its answer, and the locks are given back. SEGREG_E_REOPEN: the outcome is
 * unknown, and the locks are given back. Any other error: the caller has to undo the group.
 */
static int attempt(struct sr_group *g)
{
	struct sr_plan all;
	int rc;

	SR_STOP("group.leading");
	rc = sr_seats_fill(g);
	if (!rc && g->left.n && g->own.edit->flushes)
		rc = fill_again(g);
	if (rc)
		return rc;
	SR_STOP("group.planned");
	add_up(g, &all);
	if (!all.changes) {
		answer(g);
		drop_discards(g);
		sr_change_cancel(&g->change);
		release_riders(g, 0);
		return 0;
	}
	rc = complete_records(g, &all);
	if (!rc && (all.slots || all.texts))
		rc = take_slots(g, all.slots);
	if (rc == SEGREG_E_FULL && !g->n_riders && make_room(&g->change) == 0)
		rc = take_slots(g, all.slots);
	SR_STOP("edit.prepared");
	if (!rc)
		rc = commit(g);
	if (rc == SEGREG_E_REOPEN)
		release_riders(g, rc);
	if (rc)
		return rc;
	conclude(g, &all);
	release_riders(g, 0);
	return 0;
}

/* Attempt the group. If it fails with riders, let them go and attempt the own edit alone. */
static int attempt_twice(struct sr_group *g)
{
	char before[SR_ERROR_SIZE];
	int rc;

	sr_error_keep(before);
	rc = attempt(g);
	if (rc && rc != SEGREG_E_REOPEN && g->n_late)
		sr_discards_note(&g->reg->region, rc);
	if (!rc || rc == SEGREG_E_REOPEN || !undo(g))
		return rc;
	if (g->n_riders || (g->n_late && !g->own.edit->flushes)) {
		release_riders(g, rc);
		g->alone = true;
		g->without = !g->own.edit->flushes;
		if (g->without)
			sr_seats_empty_late(g);
		sr_error_put_back(before);
		rc = sr_seats_restart(g);
		if (!rc)
			rc = attempt(g);
		if (!rc || rc == SEGREG_E_REOPEN || !undo(g))
			return rc;
	}
	sr_change_cancel(&g->change);
	return rc;
}

static int fail_left(const struct sr_group *g, uint32_t n)
{
	return sr_fail(SEGREG_E_FULL,
		       "%" PRIu32 " discards wait in shared memory: %u segments are all that there is room for "
		       "(max_segments, fixed when the registry was made); segctl why shows what is kept",
		       n, g->reg->region.geometry.max_segments);
}

int sr_group_lead(struct segreg_edit *edit, uint64_t *version)
{
	struct sr_group g = { .reg = edit->reg, .own.edit = edit };
	int rc = sr_change_start(&g.change, g.reg);
	uint32_t n_left;

	if (rc)
		return rc;
	rc = attempt_twice(&g);
	n_left = g.left.n;
	release_riders(&g, rc);
	sr_seats_empty_late(&g);
	free(g.riders);
	if (!rc)
		rc = g.own.rc;
	if (!rc && n_left && edit->flushes)
		rc = fail_left(&g, n_left);
	if (!rc && version)
		*version = g.own.plan.version;
	return rc;
}
