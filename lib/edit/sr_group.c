/*
 * sr_group.c - committing edits, several processes' together if they come at the same time.
 *
 * Making an edit durable takes the disk two flushes, whatever its size. So whoever finds the commit lock taken puts its edit
 * into the letter of its lane (sr_letter.h), and the next leader commits it with its own:
 *
 *      rider                                leader, with the commit lock
 *      ---------------------------------    ------------------------------------------------------------
 *      lock is taken: post the letter       plan the own edit; gather for a moment those of the last group
 *      try the lock once more               take letters, plan each, until none waits
 *      sleep, in slices                     write who rides along ("riders"); LMDB commit
 *        answered: done                     show all in the region, then the version
 *        else: try the lock; who gets it    answer each letter
 *        takes its letter back and leads    give the lock back, nudge somebody whose letter waits; wake the riders
 *
 * A handle has one letter. Its other threads wait in the queue of their process (sr_queue.h), and only a leader of this process takes them.
 * A queued thread tries for the commit lock and for the letter whenever it wakes.
 *
 * The edits are planned one after the other in one transaction, each with a version of its own, so the result is that of some
 * serial order. One that is refused is put aside with its answer; if it had written something by then, the transaction begins
 * anew without it. What fails for the group as a whole (a limit, a full disk) hands the letters back, and each leads its own.
 *
 * No edit is lost. A letter leaves POSTED by its owner's hand, or by a leader's. A living leader answers it or hands it back. A
 * leader sets the commit lock's dirty word before he takes the first letter and clears it after the last answer, so if he dies, the
 * next one reconciles and settles the letters that were taken. A leader's death wakes nobody; the riders find out within a slice,
 * for then the lock is to be had.
 *
 * No edit is done twice, and none is acknowledged early. "riders" is written by the transaction that makes the edits: it is
 * durable with them or not at all. It names letters by what is used once (start of the region, owner, number). So a letter that was
 * taken and is named is done, and is answered; one that is not named is not done, and may be taken again. A letter that a
 * later transaction named, or none since, was settled before: there is no next transaction before the repair.
 *
 * A rider who waited in vain takes a letter that is POSTED back: nothing has changed. One that a leader has taken cannot be called
 * back. It is waited for once more as long; then it is FORSAKEN and the outcome is unknown (SEGREG_E_REOPEN), and nobody starts on
 * it any more: a hand-back frees it. A dead rider's letter is not started on either, since its lane's byte is free.
 */
#include "edit/sr_group.h"
#include "sys/sr_error.h"
#include "registry/sr_lane.h"
#include "registry/sr_letter.h"
#include "edit/sr_plan.h"
#include "shm/sr_table.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST_SYNC ((int64_t)10000000) /* nanoseconds; what the header says beyond that is not believed */

struct seat {
	struct segreg_edit *edit;
	struct sr_plan plan;
	bool is_planned;
	int rc; /* refused */
	struct sr_waiter *waiter; /* a thread of this process; NULL: the leader's own edit, or a letter */
	/* Of a letter: */
	uint64_t owner, seq;
	struct segreg_edit carried;
	char text[SR_LETTER_TEXT]; /* why */
};

struct group {
	struct segreg *reg;
	struct sr_change change;
	struct seat own;
	struct seat *riders; /* room for SR_RIDERS_MAX */
	uint32_t n_riders;
	uint32_t n_threads; /* riders that are threads of this process */
	bool alone; /* takes nobody along (any more) */
};

static uint32_t n_seats(const struct group *g)
{
	return 1 + g->n_riders;
}

static struct seat *seat(struct group *g, uint32_t i)
{
	return i ? &g->riders[i - 1] : &g->own;
}

/* ---------------------------------------------------------------- planning */

/* An answer to this edit. Anything else is trouble for whoever commits. */
static bool is_refusal(int rc)
{
	return rc == SEGREG_E_EXISTS || rc == SEGREG_E_NOENT || rc == SEGREG_E_CONFLICT;
}

static void keep_refusal(struct seat *s, int rc)
{
	s->rc = rc;
	strncpy(s->text, segreg_last_error(), sizeof(s->text) - 1);
}

/* 0: planned or refused. A rider's refusal is not a failure of this thread's. */
static int plan_seat(struct group *g, struct seat *s)
{
	char before[SR_ERROR_SIZE];
	int rc;

	sr_error_keep(before);
	rc = sr_plan_make(&g->change, s->edit, &s->plan);
	if (!is_refusal(rc))
		return rc;
	keep_refusal(s, rc);
	if (s != &g->own)
		sr_error_put_back(before);
	return 0;
}

static int begin_anew(struct group *g)
{
	for (uint32_t i = 0; i < n_seats(g); i++)
		seat(g, i)->is_planned = false;
	return sr_change_restart(&g->change);
}

/* Plan all that are not yet, in the order of their seats. */
static int plan_seats(struct group *g)
{
	int rc = 0;

	for (uint32_t i = 0; i < n_seats(g) && !rc; i++) {
		struct seat *s = seat(g, i);

		if (s->rc || s->is_planned)
			continue;
		rc = plan_seat(g, s);
		s->is_planned = !s->rc;
		if (rc || !s->rc || !s->plan.changes)
			continue;
		rc = begin_anew(g);
		i = UINT32_MAX; /* from the first */
	}
	return rc;
}

/* Read a letter into a seat. No memory for it is no answer to its edit. */
static int seat_rider(struct group *g, struct seat *s, const struct sr_taken *taken)
{
	char before[SR_ERROR_SIZE];
	int rc;

	memset(s, 0, sizeof(*s));
	s->owner = taken->owner;
	s->seq = taken->seq;
	s->carried.reg = g->reg;
	s->carried.owner = taken->owner;
	s->edit = &s->carried;
	sr_error_keep(before);
	rc = sr_edit_decode(&s->carried, taken->edit, taken->length);
	if (rc && rc != SEGREG_E_NOMEM)
		keep_refusal(s, rc);
	sr_error_put_back(before);
	return rc == SEGREG_E_NOMEM ? rc : 0;
}

/* This process has no memory for others: they lead themselves. */
static void turn_away(struct group *g, struct seat *s)
{
	sr_edit_clear(&s->carried);
	sr_letter_hand_back(&g->reg->region, s->owner, s->seq);
	g->alone = true;
}

static void board_letters(struct group *g)
{
	struct sr_taken taken;
	uint32_t next = 0;

	sr_change_prepare(&g->change);
	while (!g->alone && g->n_riders < SR_RIDERS_MAX && sr_letter_take(g->reg->registry, &next, &taken)) {
		struct seat *s = &g->riders[g->n_riders];

		if (seat_rider(g, s, &taken))
			turn_away(g, s);
		else
			g->n_riders++;
	}
}

static void board_threads(struct group *g)
{
	struct sr_waiter *waiter;

	while (g->n_riders < SR_RIDERS_MAX && (waiter = sr_queue_take(&g->reg->registry->queue, g->reg->store_epoch))) {
		struct seat *s = &g->riders[g->n_riders++];

		memset(s, 0, sizeof(*s));
		s->waiter = waiter;
		s->edit = waiter->edit;
		g->n_threads++;
	}
}

/* Take letters and threads of this process along. How many. */
static uint32_t board(struct group *g)
{
	uint32_t letters = sr_letter_count(&g->reg->region), before = g->n_riders;

	if (g->alone || (!letters && !sr_queue_count(&g->reg->registry->queue)))
		return 0;
	if (!g->riders)
		g->riders = sr_sys_malloc(SR_RIDERS_MAX * sizeof(*g->riders));
	if (!g->riders)
		return 0;
	if (letters)
		board_letters(g);
	if (!g->alone)
		board_threads(g);
	return g->n_riders - before;
}

/*
 * Whoever was in the last group is likely to come again soon: wait for all of them, but only a part of the time that a commit
 * takes.
 */
static void gather(const struct group *g)
{
	const struct sr_header *header = g->reg->region.header;
	uint32_t company = header->company <= SR_RIDERS_MAX ? header->company : SR_RIDERS_MAX;
	uint32_t letters = company ? company - 1 : 0, threads = g->reg->registry->queue.company;
	int64_t most = header->sync_time < LONGEST_SYNC ? (int64_t)header->sync_time : LONGEST_SYNC;

	if (!g->alone && letters + threads)
		sr_letter_gather(g->reg->registry, letters, threads, most / 2);
}

/* Plan the own edit, and others' as long as there are some. */
static int plan_all(struct group *g)
{
	int rc = plan_seats(g);

	if (!rc)
		gather(g);
	while (!rc && board(g))
		rc = plan_seats(g);
	return rc;
}

/* ---------------------------------------------------------------- what they come to together */

static void add_up(struct group *g, struct sr_plan *all)
{
	*all = (struct sr_plan){ .version = g->change.clock.version };
	for (uint32_t i = 0; i < n_seats(g); i++) {
		const struct seat *s = seat(g, i);

		if (s->rc)
			continue;
		all->slots += s->plan.slots;
		all->changes += s->plan.changes;
		all->grows |= s->plan.grows;
		all->wakes |= s->plan.wakes;
	}
}

static int put_riders(struct group *g)
{
	struct sr_riders riders = { .start = g->reg->region.header->starts };

	for (uint32_t i = 0; i < g->n_riders; i++) {
		const struct seat *s = &g->riders[i];

		if (!s->rc && !s->waiter)
			riders.rider[riders.n++] = (struct sr_rider){ .owner = s->owner, .seq = s->seq, .version = s->plan.version };
	}
	return riders.n ? sr_store_put_riders(&g->reg->registry->store, &riders) : 0;
}

static int complete_records(struct group *g, const struct sr_plan *all)
{
	struct sr_store *store = &g->reg->registry->store;
	int rc = put_riders(g);

	if (!rc)
		rc = sr_store_put_clock(store, &g->change.clock);
	if (!rc && all->grows)
		rc = sr_store_reserve(store);
	return rc;
}

static int take_slots(struct group *g, uint32_t n)
{
	struct sr_region *region = &g->reg->region;
	int rc;

	sr_change_prepare(&g->change);
	rc = sr_change_open_table(&g->change);
	if (rc)
		return rc;
	rc = sr_table_prepare(region, n);
	for (uint32_t i = 0; i < n_seats(g) && !rc; i++)
		if (!seat(g, i)->rc)
			rc = sr_plan_take_slots(region, seat(g, i)->edit);
	sr_change_close_table(&g->change);
	return rc;
}

/* Free slots whose last holder was a dead process. */
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

/* ---------------------------------------------------------------- ending */

/* Answer all letters. [commit] */
static void answer(struct group *g)
{
	for (uint32_t i = 0; i < g->n_riders; i++) {
		const struct seat *s = &g->riders[i];

		if (!s->waiter)
			sr_letter_answer(&g->reg->region, s->owner, s->seq, s->rc, s->plan.version, s->text);
	}
}

/* What has become of the group is rc. A group that failed is no answer to a thread's edit, unless nobody knows what has become of it. */
static void release_thread(struct sr_queue *queue, const struct seat *s, int rc)
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

/* Let go of the riders. rc: 0, letters have been answered; otherwise what the group failed with. */
static void part(struct group *g, int rc)
{
	struct sr_queue *queue = &g->reg->registry->queue;

	if (!rc && g->n_riders)
		sr_letter_wake(&g->reg->region);
	for (uint32_t i = 0; i < g->n_riders; i++) {
		if (g->riders[i].waiter)
			release_thread(queue, &g->riders[i], rc);
		sr_edit_clear(&g->riders[i].carried);
	}
	if (g->n_threads)
		sr_queue_call(queue);
	g->n_riders = g->n_threads = 0;
}

/* Give back what was taken for a commit that will not be. False: a repair has to. */
static bool give_slots(struct group *g)
{
	bool any = false;

	for (uint32_t i = 0; i < n_seats(g); i++)
		any |= sr_plan_has_slots(seat(g, i)->edit);
	if (!any)
		return true;
	if (sr_change_open_table(&g->change))
		return false;
	for (uint32_t i = 0; i < n_seats(g); i++)
		sr_plan_give_slots(&g->reg->region, seat(g, i)->edit);
	sr_change_close_table(&g->change);
	return true;
}

/* Undo what was begun; the letters go back. False: a repair has to, and the locks are given back. */
static bool undo(struct group *g)
{
	if (!give_slots(g)) {
		sr_change_abandon(&g->change); /* dirty: a repair finds slots and letters */
		return false;
	}
	for (uint32_t i = 0; i < g->n_riders; i++)
		if (!g->riders[i].waiter)
			sr_letter_hand_back(&g->reg->region, g->riders[i].owner, g->riders[i].seq);
	return true;
}

/* The change is durable and the table lock is held. */
static void conclude(struct group *g, const struct sr_plan *all)
{
	struct sr_region *region = &g->reg->region;
	int rc = 0;

	for (uint32_t i = 0; i < n_seats(g) && !rc; i++)
		if (!seat(g, i)->rc)
			rc = sr_plan_show(region, seat(g, i)->edit);
	if (!rc) {
		sr_region_set_version(region, g->change.clock.version);
		answer(g);
	}
	sr_change_conclude(&g->change, rc);
	if (all->wakes)
		sr_region_wake(region);
}

static int commit(struct group *g)
{
	struct sr_queue *queue = &g->reg->registry->queue;
	int rc = sr_change_commit_open(&g->change);

	if (rc)
		return rc;
	g->reg->region.header->company = n_seats(g) - g->n_threads + sr_letter_count(&g->reg->region);
	queue->company = g->n_threads + sr_queue_count(queue);
	return rc;
}

/*
 * From the planning to the end. 0: it is over, each edit has its answer, and the locks are given back. SEGREG_E_REOPEN: the same, but
 * what has become of it is not known. Anything else: to be undone.
 */
static int attempt(struct group *g)
{
	struct sr_plan all;
	int rc;

	SR_STOP("group.leading");
	rc = plan_all(g);
	if (rc)
		return rc;
	SR_STOP("group.planned");
	add_up(g, &all);
	if (!all.changes) {
		answer(g);
		sr_change_cancel(&g->change);
		part(g, 0);
		return 0;
	}
	rc = complete_records(g, &all);
	if (!rc && all.slots)
		rc = take_slots(g, all.slots);
	if (rc == SEGREG_E_FULL && !g->n_riders && make_room(&g->change) == 0)
		rc = take_slots(g, all.slots);
	SR_STOP("edit.prepared");
	if (!rc)
		rc = commit(g);
	if (rc == SEGREG_E_REOPEN)
		part(g, rc);
	if (rc)
		return rc;
	conclude(g, &all);
	part(g, 0);
	return 0;
}

/* attempt, and if it fails with others on board, once more without them. */
static int attempt_twice(struct group *g)
{
	char before[SR_ERROR_SIZE];
	int rc;

	sr_error_keep(before);
	rc = attempt(g);
	if (!rc || rc == SEGREG_E_REOPEN || !undo(g))
		return rc;
	if (g->n_riders) {
		part(g, rc);
		g->alone = true;
		sr_error_put_back(before);
		rc = begin_anew(g);
		if (!rc)
			rc = attempt(g);
		if (!rc || rc == SEGREG_E_REOPEN || !undo(g))
			return rc;
	}
	sr_change_cancel(&g->change);
	return rc;
}

int sr_group_lead(struct segreg_edit *edit, uint64_t *version)
{
	struct group g = { .reg = edit->reg, .own.edit = edit };
	int rc = sr_change_start(&g.change, g.reg);

	if (rc)
		return rc;
	rc = attempt_twice(&g);
	part(&g, rc);
	free(g.riders);
	if (!rc)
		rc = g.own.rc;
	if (!rc && version)
		*version = g.own.plan.version;
	return rc;
}
