/*
 * snapshot.c - the races of sr_snapshot.c, each interleaving of them forced.
 *
 * One process takes a hold, step by step from stop point to stop point. Others retire segment OLD and add NEW in one
 * edit, sweep, retire NEW, and sweep again, with steps of their own. Every merge of the two sequences is played.
 * Whatever version the hold ends up with, what it holds must be there, and a walk must be that version.
 */
#include "harness.h"
#include "holds.h"

enum { BYSTANDER, OLD, NEW };

struct race {
	struct t_world world;
	struct segreg *reg;
	struct peer *taker, *editor, *sweeper;
	struct peer_hold hold;
	enum { IDLE, UNDER_WAY, TAKEN } taking;
	uint64_t before; /* the version before the edit, which makes the next; retiring NEW makes the one after that */
};

static struct peer *start(const struct t_world *world)
{
	struct peer *peer = peer_start(world, PEER_PROCESS);

	T_OK(peer_open(peer));
	return peer;
}

static struct race set(void)
{
	struct race r = { .world = t_world(T_MEMORY) };

	r.taker = start(&r.world);
	r.editor = start(&r.world);
	r.sweeper = start(&r.world);
	r.reg = t_open(&r.world);
	t_add(&r.world, r.reg, BYSTANDER);
	return r;
}

static void strike(struct race *r)
{
	peer_exit(r->sweeper);
	peer_exit(r->editor);
	peer_exit(r->taker);
	t_close(r->reg);
}

/* ---------------------------------------------------------------- the two sequences */

/* To the next stop point of the take, or to its end. */
static void step_taker(struct race *r)
{
	if (r->taking == TAKEN)
		return;
	peer_stop_at(r->taker, NULL, 1);
	if (r->taking == IDLE)
		peer_begin(r->taker, peer_do_take, &r->hold, sizeof(r->hold));
	else
		peer_go_on(r->taker);
	r->taking = UNDER_WAY;
	if (peer_stands(r->taker))
		return;
	T_OK(peer_end(r->taker, &r->hold));
	r->taking = TAKEN;
}

static int do_edit(struct peer_self *self, void *arg)
{
	struct segreg_edit *edit;

	(void)arg;
	T_OK(segreg_edit_begin(self->reg, &edit));
	T_OK(segreg_edit_retire(edit, OLD));
	T_OK(segreg_edit_add(edit, NEW, t_segment(NEW)));
	return segreg_edit_commit(edit, NULL);
}

static void go_on_to(struct peer *peer, const char *point)
{
	peer_stop_at(peer, point, 1);
	peer_go_on(peer);
	T_CHECK(peer_stands(peer));
}

static void finish(struct peer *peer)
{
	peer_go_on(peer);
	T_OK(peer_end(peer, NULL));
}

#define STEPS 9u

static void step_others(struct race *r, unsigned step)
{
	switch (step) {
	case 0:
		peer_run_to(r->editor, "edit.publishing", do_edit, NULL, 0); /* in LMDB, not yet in the region */
		break;
	case 1:
		go_on_to(r->editor, "edit.publishing"); /* OLD is PENDING, NEW is not LIVE */
		break;
	case 2:
		go_on_to(r->editor, "change.applied");
		break;
	case 3:
		finish(r->editor);
		break;
	case 4:
		peer_run_to(r->sweeper, "sweep.deciding", peer_do_sweep, NULL, 0);
		break;
	case 5:
		go_on_to(r->sweeper, "sweep.decided");
		break;
	case 6:
		finish(r->sweeper);
		break;
	case 7:
		T_OK(peer_retire(r->editor, NEW));
		break;
	default:
		T_OK(peer_sweep(r->sweeper, NULL));
	}
}

/* ---------------------------------------------------------------- what must have come of it */

static void expect_held(struct race *r, uint64_t id, bool held)
{
	T_EQ(t_state(r->reg, id), held ? SEGREG_PENDING : SEGREG_E_NOENT);
	T_EQ(t_exists(&r->world, t_segment(id)), held);
}

static void judge(struct race *r)
{
	bool early = r->hold.snapshot.version == r->before, late = r->hold.snapshot.version == r->before + 2;
	bool is_horizon = r->hold.kind == SEGREG_HORIZON;

	T_CHECK(early || late || r->hold.snapshot.version == r->before + 1);
	t_sweep(r->reg); /* the others may have seen an older version in the cell, and kept too much */
	expect_held(r, OLD, early);
	expect_held(r, NEW, is_horizon ? !late : !early && !late);
	if (!is_horizon)
		T_EQ(peer_walk(r->taker, &r->hold.snapshot),
		     T_BIT(BYSTANDER) | (early ? T_BIT(OLD) : 0) | (early || late ? 0 : T_BIT(NEW)));
	T_OK(peer_release(r->taker, &r->hold.snapshot));
	t_sweep(r->reg);
	expect_held(r, OLD, false);
	expect_held(r, NEW, false);
}

#define ADVANCES 5u /* at most: read, published, moved twice, the end */

/* The taker makes its ith step before the others' step at[i]. */
static void play(struct race *r, enum segreg_snapshot_kind kind, const unsigned at[ADVANCES])
{
	unsigned next = 0;

	t_add(&r->world, r->reg, OLD);
	t_make_segment(&r->world, NEW);
	r->before = t_stats(r->reg).version;
	r->hold = (struct peer_hold){ .kind = kind };
	r->taking = IDLE;
	for (unsigned step = 0; step < STEPS; step++) {
		for (; next < ADVANCES && at[next] == step; next++)
			step_taker(r);
		step_others(r, step);
	}
	while (r->taking != TAKEN)
		step_taker(r);
	judge(r);
}

/* The next merge; false after the last. */
static bool turn(unsigned at[ADVANCES])
{
	unsigned i = ADVANCES;

	while (i > 0 && at[i - 1] == STEPS)
		i--;
	if (i == 0)
		return false;
	at[i - 1]++;
	for (; i < ADVANCES; i++)
		at[i] = at[i - 1];
	return true;
}

static void play_all(enum segreg_snapshot_kind kind)
{
	struct race r = set();
	unsigned at[ADVANCES] = { 0 };

	do
		play(&r, kind, at);
	while (turn(at));
	strike(&r);
}

static void snapshot_against_all(void)
{
	play_all(SEGREG_SNAPSHOT);
}

static void horizon_against_all(void)
{
	play_all(SEGREG_HORIZON);
}

/* ---------------------------------------------------------------- receiving while the giver lets go */

enum { BEFORE, MEANWHILE, AFTER, MOMENTS };

static void let_go(struct race *r, struct segreg_snapshot *given, bool sweeps)
{
	T_OK(peer_release(r->editor, given));
	if (sweeps)
		T_OK(peer_sweep(r->sweeper, NULL));
}

/* The giver lets go at that moment; a sweep at once, if it is to, and one after all. */
static void hand_over(struct race *r, enum segreg_snapshot_kind kind, unsigned moment, bool sweeps)
{
	struct segreg_snapshot given = { 0 };
	int rc;

	t_add(&r->world, r->reg, OLD);
	T_OK(peer_take(r->editor, kind, &given));
	T_OK(segreg_retire(r->reg, OLD));
	r->hold = (struct peer_hold){ .theirs = given, .snapshot = { .version = 77 } };
	if (moment == BEFORE)
		let_go(r, &given, sweeps);
	peer_run_to(r->taker, "snapshot.received", peer_do_receive, &r->hold, sizeof(r->hold));
	if (moment == MEANWHILE)
		let_go(r, &given, sweeps);
	peer_go_on(r->taker);
	rc = peer_end(r->taker, &r->hold);
	T_EQ(rc, moment == AFTER ? 0 : SEGREG_E_NOTPINNED);
	if (moment == AFTER)
		let_go(r, &given, sweeps);
	t_sweep(r->reg);
	expect_held(r, OLD, rc == 0);
	if (rc == 0)
		T_OK(peer_release(r->taker, &r->hold.snapshot));
	else
		T_EQ(r->hold.snapshot.version, 77);
	t_sweep(r->reg);
	expect_held(r, OLD, false);
}

static void hand_over_while_letting_go(void)
{
	struct race r = set();

	for (int kind = SEGREG_SNAPSHOT; kind <= SEGREG_HORIZON; kind++)
		for (unsigned moment = BEFORE; moment < MOMENTS; moment++)
			for (int sweeps = 0; sweeps < 2; sweeps++)
				hand_over(&r, kind, moment, sweeps);
	strike(&r);
}

/* As above, and the giver dies. It holds until its lane is reclaimed, so what is received from it before is whole. */
static void receiving_from_the_dying(void)
{
	for (int sweeps = 0; sweeps < 2; sweeps++) {
		struct race r = set();
		struct segreg_snapshot given = { 0 };
		int rc;

		t_add(&r.world, r.reg, OLD);
		T_OK(peer_take(r.editor, SEGREG_SNAPSHOT, &given));
		T_OK(segreg_retire(r.reg, OLD));
		r.hold = (struct peer_hold){ .theirs = given };
		peer_run_to(r.taker, "snapshot.received", peer_do_receive, &r.hold, sizeof(r.hold));
		peer_kill(r.editor);
		if (sweeps)
			T_OK(peer_sweep(r.sweeper, NULL));
		peer_go_on(r.taker);
		rc = peer_end(r.taker, &r.hold);
		T_EQ(rc, sweeps ? SEGREG_E_NOTPINNED : 0);
		t_sweep(r.reg);
		expect_held(&r, OLD, rc == 0);
		peer_exit(r.taker);
		t_sweep(r.reg);
		expect_held(&r, OLD, false);
		peer_exit(r.sweeper);
		t_close(r.reg);
	}
}

T_SUITE(snapshot_races,
	{ "a snapshot is whole in every interleaving with an edit and two sweeps", snapshot_against_all },
	{ "a horizon is whole in every interleaving with an edit and two sweeps", horizon_against_all },
	{ "a snapshot is received or refused, whenever its giver lets go", hand_over_while_letting_go },
	{ "a snapshot is received or refused when its giver dies", receiving_from_the_dying });
