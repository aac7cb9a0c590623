/*
 * holds.c - what peers do with snapshots. The test keeps the struct; the peer's handle holds what it stands for.
 */
#include "holds.h"
#include "harness.h"

uint64_t t_walk(struct segreg *reg, const struct segreg_snapshot *snapshot)
{
	struct segreg_entry entry = { .size = sizeof(entry) };
	uint64_t ids = 0;
	int rc;

	while ((rc = segreg_snapshot_next(reg, snapshot, &entry)) == 1) {
		T_CHECK(entry.id < T_IDS && !(ids & T_BIT(entry.id)));
		T_CHECK(entry.born <= snapshot->version);
		T_STR(entry.path, t_segment(entry.id));
		ids |= T_BIT(entry.id);
	}
	T_OK(rc);
	return ids;
}

struct segreg_snapshot t_take(struct segreg *reg, enum segreg_snapshot_kind kind)
{
	struct segreg_snapshot snapshot;

	T_OK(segreg_snapshot_take(reg, kind, &snapshot));
	return snapshot;
}

void t_release(struct segreg *reg, struct segreg_snapshot *snapshot)
{
	T_OK(segreg_snapshot_release(reg, snapshot));
}

/* ---------------------------------------------------------------- in the peer */

int peer_do_take(struct peer_self *self, void *arg)
{
	struct peer_hold *hold = arg;

	return segreg_snapshot_take(self->reg, hold->kind, &hold->snapshot);
}

int peer_do_trade(struct peer_self *self, void *arg)
{
	struct peer_hold *hold = arg;

	return segreg_snapshot_trade(self->reg, hold->kind, &hold->snapshot);
}

int peer_do_release(struct peer_self *self, void *arg)
{
	struct peer_hold *hold = arg;

	return segreg_snapshot_release(self->reg, &hold->snapshot);
}

int peer_do_receive(struct peer_self *self, void *arg)
{
	struct peer_hold *hold = arg;

	return segreg_snapshot_receive(self->reg, &hold->theirs, &hold->snapshot);
}

int peer_do_walk(struct peer_self *self, void *arg)
{
	struct peer_hold *hold = arg;

	hold->ids = t_walk(self->reg, &hold->snapshot);
	return 0;
}

/* ---------------------------------------------------------------- in the test */

static int call(struct peer *peer, peer_fn *fn, struct peer_hold *hold, struct segreg_snapshot *snapshot)
{
	int rc = peer_call(peer, fn, hold, sizeof(*hold));

	*snapshot = hold->snapshot;
	return rc;
}

int peer_take(struct peer *peer, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot)
{
	struct peer_hold hold = { .kind = kind, .snapshot = *snapshot };

	return call(peer, peer_do_take, &hold, snapshot);
}

int peer_trade(struct peer *peer, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot)
{
	struct peer_hold hold = { .kind = kind, .snapshot = *snapshot };

	return call(peer, peer_do_trade, &hold, snapshot);
}

int peer_release(struct peer *peer, struct segreg_snapshot *snapshot)
{
	struct peer_hold hold = { .snapshot = *snapshot };

	return call(peer, peer_do_release, &hold, snapshot);
}

int peer_receive(struct peer *peer, const struct segreg_snapshot *theirs, struct segreg_snapshot *snapshot)
{
	struct peer_hold hold = { .theirs = *theirs, .snapshot = *snapshot };

	return call(peer, peer_do_receive, &hold, snapshot);
}

uint64_t peer_walk(struct peer *peer, const struct segreg_snapshot *snapshot)
{
	struct peer_hold hold = { .snapshot = *snapshot };

	T_OK(peer_call(peer, peer_do_walk, &hold, sizeof(hold)));
	return hold.ids;
}

struct t_scene t_scene(enum peer_kind kind)
{
	struct t_scene s = { .world = t_world(T_MEMORY) };

	s.holder = peer_start(&s.world, kind);
	s.reg = t_open(&s.world);
	T_OK(kind == PEER_THREAD ? peer_use(s.holder, s.reg) : peer_open(s.holder));
	for (uint64_t id = 1; id <= 3; id++)
		t_add(&s.world, s.reg, id);
	return s;
}

void t_strike(struct t_scene *s)
{
	peer_exit(s->holder);
	t_close(s->reg);
}

void t_expect_sweep(struct segreg *reg, uint64_t deleted, uint64_t held)
{
	struct segreg_sweep_result swept = t_sweep(reg);

	T_EQ(swept.deleted, deleted);
	T_EQ(swept.held, held);
}
