/*
 * versions.c - what snapshots and horizons hold.
 *
 * What a holder may rely on is written once and runs twice. The holder is a thread that shares the test's handle, then
 * another process.
 */
#include "harness.h"
#include "holds.h"
#include "twice.h"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---------------------------------------------------------------- what is held */

static void walk_is_its_version(enum peer_kind kind)
{
	struct t_scene s = t_scene(kind);
	struct segreg_snapshot old = { 0 }, new = { 0 };
	struct segreg_edit *edit;

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &old));
	T_EQ(old.version, 3);
	t_add(&s.world, s.reg, 4);
	T_OK(segreg_retire(s.reg, 2));
	t_make_segment(&s.world, 5);
	T_OK(segreg_edit_begin(s.reg, &edit));
	T_OK(segreg_edit_retire(edit, 1));
	T_OK(segreg_edit_add(edit, 5, "seg-5"));
	T_OK(segreg_edit_commit(edit, NULL));
	t_expect_sweep(s.reg, 0, 2);
	T_EQ(peer_walk(s.holder, &old), T_BIT(1) | T_BIT(2) | T_BIT(3));
	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &new));
	T_EQ(new.version, 6);
	T_EQ(peer_walk(s.holder, &new), T_BIT(3) | T_BIT(4) | T_BIT(5));
	T_OK(peer_release(s.holder, &old));
	T_EQ(old.kind, 0);
	t_expect_sweep(s.reg, 2, 0);
	T_CHECK(!t_exists(&s.world, "seg-1") && !t_exists(&s.world, "seg-2"));
	T_EQ(peer_walk(s.holder, &new), T_BIT(3) | T_BIT(4) | T_BIT(5));
	T_OK(peer_release(s.holder, &new));
	t_strike(&s);
}

static void passers_by_go(enum peer_kind kind)
{
	struct t_scene s = t_scene(kind);
	struct segreg_snapshot before = { 0 }, after = { 0 };

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &before));
	t_add(&s.world, s.reg, 9);
	T_OK(segreg_retire(s.reg, 9));
	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &after));
	T_OK(segreg_retire(s.reg, 1));
	t_expect_sweep(s.reg, 1, 1);
	T_CHECK(!t_exists(&s.world, "seg-9"));
	T_OK(peer_release(s.holder, &before));
	t_expect_sweep(s.reg, 0, 1);
	T_OK(peer_release(s.holder, &after));
	t_expect_sweep(s.reg, 1, 0);
	t_strike(&s);
}

/* Born in the snapshot's version; retired in the next. */
static void the_edges_of_a_version(enum peer_kind kind)
{
	struct t_scene s = t_scene(kind);
	struct segreg_snapshot snapshot = { 0 };

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	T_EQ(snapshot.version, t_info(s.reg, 3).born);
	T_OK(segreg_retire(s.reg, 3));
	T_EQ(t_info(s.reg, 3).retired, snapshot.version + 1);
	t_expect_sweep(s.reg, 0, 1);
	T_OK(peer_release(s.holder, &snapshot));
	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	T_EQ(snapshot.version, t_info(s.reg, 3).retired);
	T_EQ(peer_walk(s.holder, &snapshot), T_BIT(1) | T_BIT(2));
	t_expect_sweep(s.reg, 1, 0);
	t_strike(&s);
}

static void horizon_keeps_more(enum peer_kind kind)
{
	struct t_scene s = t_scene(kind);
	struct segreg_snapshot horizon = { 0 };

	T_OK(segreg_retire(s.reg, 1));
	T_OK(peer_take(s.holder, SEGREG_HORIZON, &horizon));
	t_expect_sweep(s.reg, 1, 0); /* it was retired before */
	t_add(&s.world, s.reg, 9);
	T_OK(segreg_retire(s.reg, 9));
	T_OK(segreg_retire(s.reg, 2));
	t_expect_sweep(s.reg, 0, 2);
	T_CHECK(t_exists(&s.world, "seg-9/data"));
	T_OK(peer_release(s.holder, &horizon));
	t_expect_sweep(s.reg, 2, 0);
	t_strike(&s);
}

static void trade(enum peer_kind kind)
{
	struct t_scene s = t_scene(kind);
	struct segreg_snapshot hold = { 0 };

	T_OK(peer_take(s.holder, SEGREG_HORIZON, &hold));
	T_OK(segreg_retire(s.reg, 1));
	T_OK(peer_trade(s.holder, SEGREG_SNAPSHOT, &hold));
	T_EQ(hold.kind, SEGREG_SNAPSHOT);
	T_EQ(hold.version, 4);
	T_EQ(peer_walk(s.holder, &hold), T_BIT(2) | T_BIT(3));
	T_OK(segreg_retire(s.reg, 2));
	t_add(&s.world, s.reg, 9);
	T_OK(segreg_retire(s.reg, 9));
	t_expect_sweep(s.reg, 2, 1);
	T_OK(peer_trade(s.holder, SEGREG_HORIZON, &hold));
	T_OK(segreg_retire(s.reg, 3));
	t_expect_sweep(s.reg, 1, 1);
	T_CHECK(t_exists(&s.world, "seg-3/data"));
	T_OK(peer_release(s.holder, &hold));
	T_ERR(SEGREG_E_NOTPINNED, peer_trade(s.holder, SEGREG_SNAPSHOT, &hold));
	t_expect_sweep(s.reg, 1, 0);
	t_strike(&s);
}

/* While the holder stands in the middle of a trade, what either hold keeps is kept. */
static void trade_has_no_gap(enum peer_kind kind)
{
	static const char *const points[] = { "snapshot.read", "snapshot.published" };

	for (unsigned i = 0; i < 2; i++) {
		struct t_scene s = t_scene(kind);
		struct peer_hold hold = { .kind = SEGREG_HORIZON };

		T_OK(peer_call(s.holder, peer_do_take, &hold, sizeof(hold)));
		T_OK(segreg_retire(s.reg, 1));
		hold.kind = SEGREG_SNAPSHOT;
		peer_run_to(s.holder, points[i], peer_do_trade, &hold, sizeof(hold));
		T_OK(segreg_retire(s.reg, 2));
		t_expect_sweep(s.reg, 0, 2);
		peer_go_on(s.holder);
		T_OK(peer_end(s.holder, &hold));
		T_EQ(hold.snapshot.version, 5);
		T_EQ(peer_walk(s.holder, &hold.snapshot), T_BIT(3));
		t_expect_sweep(s.reg, 2, 0);
		T_OK(segreg_retire(s.reg, 3));
		t_expect_sweep(s.reg, 0, 1);
		t_strike(&s);
	}
}

static int do_read(struct peer_self *self, void *arg)
{
	struct segreg_pin pin;
	struct segreg_map map;
	int fd;

	(void)arg;
	T_ERR(SEGREG_E_NOENT, segreg_pin(self->reg, 1, SEGREG_PIN_LIVE, &pin));
	T_OK(segreg_pin(self->reg, 1, 0, &pin));
	T_OK(segreg_pin_open(self->reg, &pin, "data", &fd));
	T_CHECK(t_fd_has_pattern(fd, 4096));
	close(fd);
	T_OK(segreg_unpin(self->reg, &pin));
	T_OK(segreg_map(self->reg, 1, "data", 0, &map));
	T_CHECK(map.length == 4096 && t_is_pattern(map.data, map.length));
	return segreg_unmap(self->reg, &map);
}

static void held_can_be_read(enum peer_kind kind)
{
	struct t_scene s = t_scene(kind);
	struct segreg_snapshot snapshot = { 0 };

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	T_OK(segreg_retire(s.reg, 1));
	t_expect_sweep(s.reg, 0, 1);
	T_EQ(t_refcount(s.reg, 1), 0);
	T_OK(peer_call(s.holder, do_read, NULL, 0));
	t_expect_sweep(s.reg, 0, 1);
	T_OK(peer_release(s.holder, &snapshot));
	t_expect_sweep(s.reg, 1, 0);
	t_strike(&s);
}

static void unregistering_what_is_held(enum peer_kind kind)
{
	struct t_scene s = t_scene(kind);
	struct segreg_snapshot snapshot = { 0 }, horizon = { 0 };

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(s.reg, 1, 0));
	T_EQ(t_state(s.reg, 1), SEGREG_LIVE);
	T_OK(segreg_retire(s.reg, 1));
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(s.reg, 1, 0));
	T_EQ(t_state(s.reg, 1), SEGREG_PENDING);
	t_add(&s.world, s.reg, 9);
	T_OK(segreg_force_remove(s.reg, 9, 0)); /* younger than the snapshot */
	T_OK(peer_take(s.holder, SEGREG_HORIZON, &horizon));
	T_OK(segreg_register(s.reg, 9, "seg-9"));
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(s.reg, 9, 0));
	T_EQ(peer_walk(s.holder, &snapshot), T_BIT(1) | T_BIT(2) | T_BIT(3));
	T_OK(segreg_force_remove(s.reg, 2, SEGREG_FORCE));
	T_EQ(peer_walk(s.holder, &snapshot), T_BIT(1) | T_BIT(3));
	T_OK(peer_release(s.holder, &snapshot));
	T_OK(segreg_force_remove(s.reg, 1, 0));
	T_OK(peer_release(s.holder, &horizon));
	T_OK(segreg_force_remove(s.reg, 9, 0));
	t_expect_sweep(s.reg, 0, 0);
	t_strike(&s);
}

/* ---------------------------------------------------------------- walking while others commit */

#define WIDTH 8u
#define EDITS 400u

/* Version V has the segments V - WIDTH to V - 1, each born in the version after its id. */
static void walk_moving(struct peer_self *self)
{
	struct segreg_snapshot snapshot = t_take(self->reg, SEGREG_SNAPSHOT);
	struct segreg_entry entry = { .size = sizeof(entry) };
	uint64_t seen = 0, first = snapshot.version - WIDTH;
	int rc;

	while ((rc = segreg_snapshot_next(self->reg, &snapshot, &entry)) == 1) {
		if (entry.id < first || entry.id >= snapshot.version || seen & T_BIT(entry.id - first))
			T_FAIL("a walk of version %d sees segment %d", (int)snapshot.version, (int)entry.id);
		T_STR(entry.path, t_segment(entry.id));
		T_EQ(entry.born, entry.id + 1);
		T_CHECK(t_exists(&self->world, entry.path));
		seen |= T_BIT(entry.id - first);
		sched_yield();
	}
	T_OK(rc);
	T_EQ(seen, T_BIT(WIDTH) - 1);
	t_release(self->reg, &snapshot);
}

static int do_walk_moving(struct peer_self *self, void *arg)
{
	unsigned *stop, walks = 0;

	memcpy(&stop, arg, sizeof(stop));
	do
		walk_moving(self);
	while (++walks < 10 || !__atomic_load_n(stop, __ATOMIC_ACQUIRE));
	return 0;
}

static void replace(struct t_scene *s, uint64_t old, uint64_t new)
{
	struct segreg_edit *edit;

	t_make_segment(&s->world, new);
	T_OK(segreg_edit_begin(s->reg, &edit));
	T_OK(segreg_edit_retire(edit, old));
	T_OK(segreg_edit_add(edit, new, t_segment(new)));
	T_OK(segreg_edit_commit(edit, NULL));
}

static void walk_among_commits(enum peer_kind kind)
{
	struct t_scene s = { .world = t_world(T_MEMORY) };
	unsigned *stop = mmap(NULL, sizeof(*stop), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	T_CHECK(stop != MAP_FAILED);
	s.holder = peer_start(&s.world, kind);
	s.reg = t_open(&s.world);
	T_OK(kind == PEER_THREAD ? peer_use(s.holder, s.reg) : peer_open(s.holder));
	for (uint64_t id = 0; id < WIDTH; id++)
		t_add(&s.world, s.reg, id);
	peer_begin(s.holder, do_walk_moving, &stop, sizeof(stop));
	for (uint64_t id = 0; id < EDITS; id++) {
		replace(&s, id, id + WIDTH);
		t_sweep(s.reg);
	}
	__atomic_store_n(stop, 1, __ATOMIC_RELEASE);
	T_OK(peer_end(s.holder, NULL));
	t_sweep(s.reg);
	T_EQ(t_stats(s.reg).deleted, EDITS);
	t_strike(&s);
}

static void walk_step_by_step(enum peer_kind kind)
{
	struct t_scene s = t_scene(kind);
	struct segreg_entry entry = { .size = sizeof(entry) };
	struct segreg_snapshot snapshot = t_take(s.reg, SEGREG_SNAPSHOT);
	uint64_t seen = 0, version = 0;

	/* Between two steps the holder retires what was not seen yet; what is new takes the room of what is gone. */
	for (uint64_t id = 1; id <= 3; id++) {
		T_EQ(segreg_snapshot_next(s.reg, &snapshot, &entry), 1);
		seen |= T_BIT(entry.id);
		T_OK(peer_retire(s.holder, 4 - id));
		t_add(&s.world, s.reg, 10 + id);
		T_OK(segreg_retire(s.reg, 10 + id));
		t_expect_sweep(s.reg, 1, id);
	}
	T_EQ(segreg_snapshot_next(s.reg, &snapshot, &entry), 0);
	T_EQ(seen, T_BIT(1) | T_BIT(2) | T_BIT(3));
	T_OK(segreg_version(s.reg, &version));
	T_EQ(version, 12);
	t_release(s.reg, &snapshot);
	t_expect_sweep(s.reg, 3, 0);
	t_strike(&s);
}

/* ---------------------------------------------------------------- twice each */

#define BEHAVIOURS(X)                                                                                                  \
	X(walk_is_its_version, "a walk is exactly its version, whatever comes and goes")                               \
	X(passers_by_go, "what is born and retired between two snapshots goes while both are held")                    \
	X(the_edges_of_a_version, "a snapshot holds what was born in its version and retired in the next")             \
	X(horizon_keeps_more, "a horizon keeps what is retired later, whenever it was born")                           \
	X(trade, "a horizon is traded for a snapshot, and back")                                                       \
	X(trade_has_no_gap, "in the middle of a trade both are held")                                                  \
	X(held_can_be_read, "what only a snapshot holds can be pinned, opened and mapped")                             \
	X(unregistering_what_is_held, "what a snapshot or a horizon holds is not unregistered without force")          \
	X(walk_among_commits, "400 edits and sweeps change nothing in the walks of their versions")                    \
	X(walk_step_by_step, "edits between the steps of a walk do not change it")

BEHAVIOURS(TWICE)

#define LIST(name, sentence)                                                                                           \
	{ sentence ", in one process", name##_in_one_process },                                                        \
		{ sentence ", across processes", name##_across_processes },
T_SUITE(versions, BEHAVIOURS(LIST));
