/*
 * sr_seats.c - the edits of a group: taking riders along, and planning. sr_group.c says why this is right.
 */
#include "edit/sr_seats.h"
#include "registry/sr_discards.h"
#include "sys/sr_error.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST_SYNC ((int64_t)10000000) /* nanoseconds; a longer sync_time in the header counts as this */

/* Whether rc is an answer to one edit. Any other failure is one of the whole group. */
static bool is_refusal(int rc)
{
	return rc == SEGREG_E_EXISTS || rc == SEGREG_E_NOENT || rc == SEGREG_E_CONFLICT;
}

static void keep_refusal(struct sr_seat *s, int rc)
{
	s->rc = rc;
	strncpy(s->text, segreg_last_error(), sizeof(s->text) - 1);
}

/*
 * Plan one seat's edit. Returns 0 if it is planned or refused. A rider's refusal leaves this thread's error text
 * unchanged.
 */
static int plan_seat(struct sr_group *g, struct sr_seat *s)
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

int sr_seats_restart(struct sr_group *g)
{
	for (uint32_t i = 0; i < sr_seats_count(g); i++)
		sr_seats_get(g, i)->is_planned = false;
	return sr_change_restart(&g->change);
}

static void note_left(struct sr_group *g)
{
	const struct segreg_edit *edit = g->late.edit;

	g->left = (struct sr_discards_left){ .n = 0 };
	for (size_t i = 0; i < edit->n; i++) {
		uint32_t place = edit->ops[i].place;

		if (!edit->ops[i].is_left)
			continue;
		g->left.bits[place / 64] |= 1ull << place % 64;
		g->left.n++;
	}
}

/* Plan all edits that are not planned yet, in the order of their seats. */
static int plan_seats(struct sr_group *g)
{
	int rc = 0;

	for (uint32_t i = 0; i < sr_seats_count(g) && !rc; i++) {
		struct sr_seat *s = sr_seats_get(g, i);

		if (s->rc || s->is_planned)
			continue;
		rc = plan_seat(g, s);
		s->is_planned = !s->rc;
		if (s == &g->late)
			note_left(g);
		if (rc || !s->rc || !s->plan.changes)
			continue;
		rc = sr_seats_restart(g);
		i = UINT32_MAX; /* begin with the first seat */
	}
	return rc;
}

/* Read a letter into a seat. A lack of memory here is not an answer to the letter's edit. */
static int seat_rider(struct sr_group *g, struct sr_seat *s, const struct sr_taken *taken)
{
	char before[SR_ERROR_SIZE];
	int rc;

	memset(s, 0, sizeof(*s));
	s->lane_id = taken->lane_id;
	s->seq = taken->seq;
	s->carried.reg = g->reg;
	s->carried.lane_id = taken->lane_id;
	s->edit = &s->carried;
	sr_error_keep(before);
	rc = sr_edit_decode(&s->carried, taken->edit, taken->length);
	if (rc && rc != SEGREG_E_NOMEM)
		keep_refusal(s, rc);
	sr_error_put_back(before);
	return rc == SEGREG_E_NOMEM ? rc : 0;
}

/* Hand a letter back, because this process has no memory for it. Its rider then leads. Take no more riders. */
static void turn_away(struct sr_group *g, struct sr_seat *s)
{
	sr_edit_clear(&s->carried);
	sr_letter_hand_back(&g->reg->region, s->lane_id, s->seq);
	g->alone = true;
}

static void board_letters(struct sr_group *g)
{
	struct sr_taken taken;
	uint32_t next = 0;

	sr_change_prepare(&g->change);
	while (!g->alone && g->n_riders < SR_RIDERS_MAX && sr_letter_take(g->reg->registry, &next, &taken)) {
		struct sr_seat *s = &g->riders[g->n_riders];

		if (seat_rider(g, s, &taken))
			turn_away(g, s);
		else
			g->n_riders++;
	}
}

static void board_threads(struct sr_group *g)
{
	struct sr_waiter *waiter;

	while (g->n_riders < SR_RIDERS_MAX && (waiter = sr_queue_take(&g->reg->registry->queue, g->reg->store_epoch))) {
		struct sr_seat *s = &g->riders[g->n_riders++];

		memset(s, 0, sizeof(*s));
		s->waiter = waiter;
		s->edit = waiter->edit;
		g->n_threads++;
	}
}

/* Take letters and waiting threads of this process along. Returns how many. */
static uint32_t board(struct sr_group *g)
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

static int copy_discards(struct sr_group *g, struct sr_discard *discards)
{
	struct sr_locks *locks = &g->reg->registry->locks;
	int rc = sr_lock_take(locks, SR_LOCK_TABLE, g->reg->timeout_ms);

	if (rc)
		return rc;
	rc = sr_discards_copy(&g->reg->region, discards, &g->n_late);
	sr_lock_give(locks, SR_LOCK_TABLE);
	return rc;
}

static int seat_discards(struct sr_group *g, const struct sr_discard *discards)
{
	int rc = 0;

	g->late.edit = &g->late.carried;
	g->late.carried.reg = g->reg;
	for (uint32_t i = 0; i < g->n_late && !rc; i++)
		rc = sr_edit_discard_late(&g->late.carried, &discards[i], i);
	return rc;
}

/*
 * Take along the discards that are in shared memory. They were made before the leader's edit began, so they are planned
 * before it. Only an edit that flushes needs to know if that fails.
 */
static int board_discards(struct sr_group *g)
{
	struct sr_discard *discards;
	char before[SR_ERROR_SIZE];
	int rc;

	if (g->without || g->looked || !sr_discards_count(&g->reg->region))
		return 0;
	g->looked = true;
	sr_error_keep(before);
	discards = sr_sys_malloc(SR_DISCARDS * sizeof(*discards));
	rc = discards ? copy_discards(g, discards) : sr_fail(SEGREG_E_NOMEM, "no memory for discards");
	if (!rc)
		rc = seat_discards(g, discards);
	free(discards);
	if (rc)
		sr_discards_note(&g->reg->region, rc);
	if (rc && !g->own.edit->flushes) {
		sr_seats_empty_late(g);
		rc = 0;
	}
	if (!rc)
		sr_error_put_back(before);
	return rc;
}

void sr_seats_empty_late(struct sr_group *g)
{
	sr_edit_clear(&g->late.carried);
	g->n_late = 0;
	g->left.n = 0;
}

/*
 * Wait for riders. Those of the last group are likely to come again soon. So wait for all of them, but at most for half
 * the time that a commit takes.
 */
static void gather(const struct sr_group *g)
{
	const struct sr_header *header = g->reg->region.header;
	uint32_t company = header->company <= SR_RIDERS_MAX ? header->company : SR_RIDERS_MAX;
	uint32_t letters = company ? company - 1 : 0, threads = g->reg->registry->queue.company;
	int64_t most = header->sync_time < LONGEST_SYNC ? (int64_t)header->sync_time : LONGEST_SYNC;

	if (!g->alone && letters + threads)
		sr_letter_gather(g->reg->registry, letters, threads, most / 2);
}

int sr_seats_fill(struct sr_group *g)
{
	int rc = board_discards(g);

	if (!rc)
		rc = plan_seats(g);
	if (!rc)
		gather(g);
	while (!rc && board(g))
		rc = plan_seats(g);
	return rc;
}
