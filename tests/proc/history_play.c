/*
 * history_play.c - a history, played by real processes on a real registry, and compared with the model after each step.
 */
#include "history_play.h"
#include "harness.h"
#include "holds.h"
#include "reboot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct player {
	struct peer *peer;
	struct segreg_pin pin[HOLDS];
	struct segreg_snapshot snapshot[HOLDS];
};

struct stage {
	struct t_world world;
	struct player player[PEERS];
	struct model model;
};

static uint64_t real(unsigned id)
{
	return id + 1;
}

/* ---------------------------------------------------------------- in the peers */

struct order {
	struct step step;
	uint64_t version; /* EDIT: expected, then made */
	struct segreg_pin pin, theirs;
	struct segreg_sweep_result swept;
};

static int build_edit(struct segreg_edit *edit, const struct order *order)
{
	const struct step *step = &order->step;
	unsigned char token[16] = { step->token };
	int rc = 0;

	if (step->token)
		T_OK(segreg_edit_token(edit, token));
	if (step->expects)
		T_OK(segreg_edit_expect(edit, order->version + step->stale));
	if (step->expects_live)
		T_OK(segreg_edit_expect_live(edit));
	if (step->syncs)
		T_OK(segreg_edit_sync(edit));
	for (unsigned i = 0; i < step->n_ops && !rc; i++) {
		uint64_t id = real(step->op[i].id);

		rc = step->op[i].retires ? segreg_edit_retire(edit, id) : segreg_edit_add(edit, id, t_segment(id));
	}
	return rc;
}

static int do_edit(struct peer_self *self, void *arg)
{
	struct order *order = arg;
	struct segreg_edit *edit;
	int rc;

	T_OK(segreg_edit_begin(self->reg, &edit));
	rc = build_edit(edit, order);
	if (!rc)
		return segreg_edit_commit(edit, &order->version);
	segreg_edit_abort(edit);
	return rc;
}

static int do_simple(struct peer_self *self, void *arg)
{
	struct order *order = arg;
	uint64_t id = real(order->step.id);

	switch (order->step.kind) {
	case STEP_RESERVE:
		return segreg_reserve(self->reg, id, t_segment(id));
	case STEP_UNRESERVE:
		return segreg_unreserve(self->reg, id);
	case STEP_REMOVE:
		return segreg_force_remove(self->reg, id, order->step.flag ? SEGREG_FORCE : 0);
	case STEP_PIN:
		return segreg_pin(self->reg, id, order->step.flag ? SEGREG_PIN_LIVE : 0, &order->pin);
	case STEP_UNPIN:
		return segreg_unpin(self->reg, &order->pin);
	case STEP_HAND_PIN:
		return segreg_pin_receive(self->reg, &order->theirs, &order->pin);
	default: /* STEP_SWEEP */
		order->swept.size = sizeof(order->swept);
		return segreg_sweep(self->reg, NULL, &order->swept);
	}
}

struct sight {
	uint64_t version, live, pending;
	int state[IDS], listed[IDS];
	uint64_t pins[IDS], count[IDS], born[IDS], retired[IDS];
};

static int see_segment(void *arg, const struct segreg_info *info)
{
	struct sight *sight = arg;
	uint64_t id = info->id - 1;

	if (id >= IDS || sight->listed[id])
		T_FAIL("segment %d is listed twice, or was never registered", (int)info->id);
	sight->listed[id] = (int)info->state;
	sight->pins[id] = info->pins;
	sight->born[id] = info->born;
	sight->retired[id] = info->retired;
	T_STR(info->path, t_segment(info->id));
	return 0;
}

static int do_look(struct peer_self *self, void *arg)
{
	struct segreg_stats stats = { .size = sizeof(stats) };
	struct sight *sight = arg;

	T_OK(segreg_list(self->reg, see_segment, sight));
	T_OK(segreg_stats(self->reg, &stats));
	T_OK(segreg_version(self->reg, &sight->version));
	sight->live = stats.live;
	sight->pending = stats.pending;
	for (unsigned id = 0; id < IDS; id++) {
		sight->state[id] = t_state(self->reg, real(id));
		if (sight->state[id] > 0)
			sight->count[id] = t_refcount(self->reg, real(id));
	}
	return 0;
}

/* ---------------------------------------------------------------- comparing */

static void same(const char *what, unsigned number, int64_t actual, int64_t expected)
{
	if (actual != expected)
		T_FAIL("%s %u is %lld, not %lld", what, number, (long long)actual, (long long)expected);
}

static void compare_segment(const struct stage *stage, const struct sight *sight, unsigned id)
{
	const struct model_segment *segment = &stage->model.segment[id];
	unsigned number = (unsigned)real(id);
	bool exists = t_exists(&stage->world, t_segment(number));

	same("the state of segment", number, sight->state[id], segment->state ? segment->state : SEGREG_E_NOENT);
	same("the listed state of segment", number, sight->listed[id], segment->state);
	same("the existence of the files of segment", number, exists, segment->has_files);
	if (!segment->state)
		return;
	same("the count of segment", number, (int64_t)sight->count[id], (int64_t)model_count(&stage->model, id));
	same("the pins of segment", number, (int64_t)sight->pins[id], (int64_t)model_count(&stage->model, id));
	same("the birth of segment", number, (int64_t)sight->born[id], (int64_t)segment->born);
	same("the retirement of segment", number, (int64_t)sight->retired[id], (int64_t)segment->retired);
}

static void compare_snapshots(const struct stage *stage, unsigned i)
{
	for (unsigned hold = 0; hold < HOLDS; hold++) {
		const struct model_snapshot *expected = &stage->model.peer[i].snapshot[hold];
		const struct segreg_snapshot *actual = &stage->player[i].snapshot[hold];

		same("the kind of a snapshot of peer", i, (int64_t)actual->kind, expected->kind);
		same("the version of a snapshot of peer", i, (int64_t)actual->version, (int64_t)expected->version);
		if (expected->kind == SEGREG_SNAPSHOT)
			same("the set of a snapshot of peer", i,
			     (int64_t)peer_walk(stage->player[i].peer, actual) >> real(0), (int64_t)expected->ids);
	}
}

static void compare(const struct stage *stage, unsigned observer)
{
	struct sight sight = { 0 };
	uint64_t live = 0, pending = 0;

	T_OK(peer_call(stage->player[observer].peer, do_look, &sight, sizeof(sight)));
	for (unsigned id = 0; id < IDS; id++) {
		compare_segment(stage, &sight, id);
		live += stage->model.segment[id].state == SEGREG_LIVE;
		pending += stage->model.segment[id].state == SEGREG_PENDING;
	}
	T_EQ(sight.version, stage->model.version);
	T_EQ(sight.live, live);
	T_EQ(sight.pending, pending);
	for (unsigned i = 0; i < PEERS; i++)
		compare_snapshots(stage, i);
}

/* ---------------------------------------------------------------- playing */

static void enter(struct stage *stage, unsigned i)
{
	stage->player[i] = (struct player){ .peer = peer_start(&stage->world, PEER_PROCESS) };
	T_OK(peer_open(stage->player[i].peer));
}

static void restart(struct stage *stage, bool reboots)
{
	for (unsigned i = 0; i < PEERS; i++)
		peer_kill(stage->player[i].peer);
	if (reboots)
		t_reboot(&stage->world);
	for (unsigned i = 0; i < PEERS; i++)
		enter(stage, i);
}

static void close_and_open(struct player *player, const struct outcome *expected)
{
	struct peer *peer = player->peer;
	uint64_t released = UINT64_MAX;

	T_OK(peer_close(peer, &released));
	T_EQ(released, expected->released);
	T_OK(peer_open(peer));
	*player = (struct player){ .peer = peer };
}

static int play_edit(struct stage *stage, const struct step *step, uint64_t version, const struct outcome *expected)
{
	struct order order = { .step = *step, .version = version };
	int rc;

	for (unsigned i = 0; i < step->n_ops; i++)
		if (!step->op[i].retires && stage->model.segment[step->op[i].id].has_files &&
		    !t_exists(&stage->world, t_segment(real(step->op[i].id))))
			t_make_segment(&stage->world, real(step->op[i].id));
	rc = peer_call(stage->player[step->peer].peer, do_edit, &order, sizeof(order));
	if (rc == 0)
		T_EQ(order.version, expected->version);
	return rc;
}

static int play_simple(struct stage *stage, const struct step *step, const struct outcome *expected)
{
	bool hands = step->kind == STEP_HAND_PIN;
	struct player *from = &stage->player[step->peer], *doer = hands ? &stage->player[step->to] : from;
	struct segreg_pin *pin = &doer->pin[hands ? step->to_hold : step->hold];
	struct order order = { .step = *step, .pin = *pin, .theirs = from->pin[step->hold] };
	int rc = peer_call(doer->peer, do_simple, &order, sizeof(order));

	*pin = order.pin;
	if (step->kind != STEP_SWEEP || rc)
		return rc;
	T_EQ(order.swept.deleted, expected->deleted);
	T_EQ(order.swept.held, expected->held);
	T_EQ(order.swept.reclaimed, expected->reclaimed);
	T_EQ(order.swept.failed + order.swept.waiting, 0);
	return 0;
}

static int play_snapshot(struct stage *stage, const struct step *step)
{
	struct player *from = &stage->player[step->peer], *to = &stage->player[step->to];

	switch (step->kind) {
	case STEP_TAKE:
		return peer_take(from->peer, step->snapshot, &from->snapshot[step->hold]);
	case STEP_TRADE:
		return peer_trade(from->peer, step->snapshot, &from->snapshot[step->hold]);
	case STEP_RELEASE:
		return peer_release(from->peer, &from->snapshot[step->hold]);
	default: /* STEP_HAND_SNAPSHOT */
		return peer_receive(to->peer, &from->snapshot[step->hold], &to->snapshot[step->to_hold]);
	}
}

static int play_step(struct stage *stage, const struct step *step, uint64_t version, const struct outcome *expected)
{
	switch (step->kind) {
	case STEP_EDIT:
		return play_edit(stage, step, version, expected);
	case STEP_WRITE:
		t_make_segment(&stage->world, real(step->id));
		return 0;
	case STEP_TAKE:
	case STEP_TRADE:
	case STEP_RELEASE:
	case STEP_HAND_SNAPSHOT:
		return play_snapshot(stage, step);
	case STEP_CLOSE:
		close_and_open(&stage->player[step->peer], expected);
		return 0;
	case STEP_KILL:
		peer_kill(stage->player[step->peer].peer);
		enter(stage, step->peer);
		return 0;
	case STEP_RESTART:
	case STEP_REBOOT:
		restart(stage, step->kind == STEP_REBOOT);
		return 0;
	default:
		return play_simple(stage, step, expected);
	}
}

void model_play(const struct step *history, unsigned n, unsigned *at)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	if (!stage)
		T_FAIL("out of memory");
	stage->world = t_world(T_MEMORY);
	for (unsigned id = 0; id < IDS; id++)
		stage->model.segment[id].builder = -1;
	for (unsigned i = 0; i < PEERS; i++)
		enter(stage, i);
	for (*at = 0; *at < n; ++*at) {
		uint64_t version = stage->model.version;
		struct outcome expected = model_step(&stage->model, &history[*at]);
		int rc;

		if (expected.skipped)
			continue;
		rc = play_step(stage, &history[*at], version, &expected);
		if (rc != expected.rc)
			T_FAIL("it gives %d (%s), not %d (%s); last error: %s", rc, segreg_strerror(rc), expected.rc,
			       segreg_strerror(expected.rc), t_last_text());
		compare(stage, *at % PEERS);
	}
	free(stage);
}
