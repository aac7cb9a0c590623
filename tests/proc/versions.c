/*
 * versions.c - snapshots, horizons, waiting for a version, and handing holds from one process to another.
 *
 * What a holder may rely on is written once and runs twice: the holder is a thread that shares the test's handle, then another
 * process.
 */
#include "harness.h"
#include "holds.h"
#include "sr_registry.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_SNAPSHOTS 2048u /* per handle: segreg_snapshot_take */

struct scene {
	struct t_world world;
	struct segreg *reg;
	struct peer *holder;
};

/* Segments 1, 2 and 3, which are versions 1, 2 and 3; a holder. */
static struct scene set(enum peer_kind kind)
{
	struct scene s = { .world = t_world(T_MEMORY) };

	s.holder = peer_start(&s.world, kind);
	s.reg = t_open(&s.world);
	T_OK(kind == PEER_THREAD ? peer_use(s.holder, s.reg) : peer_open(s.holder));
	for (uint64_t id = 1; id <= 3; id++)
		t_add(&s.world, s.reg, id);
	return s;
}

static void strike(struct scene *s)
{
	peer_exit(s->holder);
	t_close(s->reg);
}

static void expect_sweep(struct segreg *reg, uint64_t deleted, uint64_t held)
{
	struct segreg_sweep_result swept = t_sweep(reg);

	T_EQ(swept.deleted, deleted);
	T_EQ(swept.held, held);
}

/* ---------------------------------------------------------------- what is held */

static void walk_is_its_version(enum peer_kind kind)
{
	struct scene s = set(kind);
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
	expect_sweep(s.reg, 0, 2);
	T_EQ(peer_walk(s.holder, &old), T_BIT(1) | T_BIT(2) | T_BIT(3));
	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &new));
	T_EQ(new.version, 6);
	T_EQ(peer_walk(s.holder, &new), T_BIT(3) | T_BIT(4) | T_BIT(5));
	T_OK(peer_release(s.holder, &old));
	T_EQ(old.kind, 0);
	expect_sweep(s.reg, 2, 0);
	T_CHECK(!t_exists(&s.world, "seg-1") && !t_exists(&s.world, "seg-2"));
	T_EQ(peer_walk(s.holder, &new), T_BIT(3) | T_BIT(4) | T_BIT(5));
	T_OK(peer_release(s.holder, &new));
	strike(&s);
}

static void passers_by_go(enum peer_kind kind)
{
	struct scene s = set(kind);
	struct segreg_snapshot before = { 0 }, after = { 0 };

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &before));
	t_add(&s.world, s.reg, 9);
	T_OK(segreg_retire(s.reg, 9));
	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &after));
	T_OK(segreg_retire(s.reg, 1));
	expect_sweep(s.reg, 1, 1);
	T_CHECK(!t_exists(&s.world, "seg-9"));
	T_OK(peer_release(s.holder, &before));
	expect_sweep(s.reg, 0, 1);
	T_OK(peer_release(s.holder, &after));
	expect_sweep(s.reg, 1, 0);
	strike(&s);
}

/* Born in the snapshot's version; retired in the next. */
static void the_edges_of_a_version(enum peer_kind kind)
{
	struct scene s = set(kind);
	struct segreg_snapshot snapshot = { 0 };

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	T_EQ(snapshot.version, t_info(s.reg, 3).born);
	T_OK(segreg_retire(s.reg, 3));
	T_EQ(t_info(s.reg, 3).retired, snapshot.version + 1);
	expect_sweep(s.reg, 0, 1);
	T_OK(peer_release(s.holder, &snapshot));
	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	T_EQ(snapshot.version, t_info(s.reg, 3).retired);
	T_EQ(peer_walk(s.holder, &snapshot), T_BIT(1) | T_BIT(2));
	expect_sweep(s.reg, 1, 0);
	strike(&s);
}

static void horizon_keeps_more(enum peer_kind kind)
{
	struct scene s = set(kind);
	struct segreg_snapshot horizon = { 0 };

	T_OK(segreg_retire(s.reg, 1));
	T_OK(peer_take(s.holder, SEGREG_HORIZON, &horizon));
	expect_sweep(s.reg, 1, 0); /* it was retired before */
	t_add(&s.world, s.reg, 9);
	T_OK(segreg_retire(s.reg, 9));
	T_OK(segreg_retire(s.reg, 2));
	expect_sweep(s.reg, 0, 2);
	T_CHECK(t_exists(&s.world, "seg-9/data"));
	T_OK(peer_release(s.holder, &horizon));
	expect_sweep(s.reg, 2, 0);
	strike(&s);
}

static void trade(enum peer_kind kind)
{
	struct scene s = set(kind);
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
	expect_sweep(s.reg, 2, 1);
	T_OK(peer_trade(s.holder, SEGREG_HORIZON, &hold));
	T_OK(segreg_retire(s.reg, 3));
	expect_sweep(s.reg, 1, 1);
	T_CHECK(t_exists(&s.world, "seg-3/data"));
	T_OK(peer_release(s.holder, &hold));
	T_ERR(SEGREG_E_NOTPINNED, peer_trade(s.holder, SEGREG_SNAPSHOT, &hold));
	expect_sweep(s.reg, 1, 0);
	strike(&s);
}

/* While the holder stands in the middle of a trade, what either hold keeps is kept. */
static void trade_has_no_gap(enum peer_kind kind)
{
	static const char *const points[] = { "snapshot.read", "snapshot.published" };

	for (unsigned i = 0; i < 2; i++) {
		struct scene s = set(kind);
		struct peer_hold hold = { .kind = SEGREG_HORIZON };

		T_OK(peer_call(s.holder, peer_do_take, &hold, sizeof(hold)));
		T_OK(segreg_retire(s.reg, 1));
		hold.kind = SEGREG_SNAPSHOT;
		peer_run_to(s.holder, points[i], peer_do_trade, &hold, sizeof(hold));
		T_OK(segreg_retire(s.reg, 2));
		expect_sweep(s.reg, 0, 2);
		peer_go_on(s.holder);
		T_OK(peer_end(s.holder, &hold));
		T_EQ(hold.snapshot.version, 5);
		T_EQ(peer_walk(s.holder, &hold.snapshot), T_BIT(3));
		expect_sweep(s.reg, 2, 0);
		T_OK(segreg_retire(s.reg, 3));
		expect_sweep(s.reg, 0, 1);
		strike(&s);
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
	struct scene s = set(kind);
	struct segreg_snapshot snapshot = { 0 };

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	T_OK(segreg_retire(s.reg, 1));
	expect_sweep(s.reg, 0, 1);
	T_EQ(t_refcount(s.reg, 1), 0);
	T_OK(peer_call(s.holder, do_read, NULL, 0));
	expect_sweep(s.reg, 0, 1);
	T_OK(peer_release(s.holder, &snapshot));
	expect_sweep(s.reg, 1, 0);
	strike(&s);
}

static void unregistering_what_is_held(enum peer_kind kind)
{
	struct scene s = set(kind);
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
	expect_sweep(s.reg, 0, 0);
	strike(&s);
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

static void replace(struct scene *s, uint64_t old, uint64_t new)
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
	struct scene s = { .world = t_world(T_MEMORY) };
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
	strike(&s);
}

static void walk_step_by_step(enum peer_kind kind)
{
	struct scene s = set(kind);
	struct segreg_entry entry = { .size = sizeof(entry) };
	struct segreg_snapshot snapshot = t_take(s.reg, SEGREG_SNAPSHOT);
	uint64_t seen = 0, version = 0;

	/* Between two steps the holder retires what was not seen yet, and what comes new takes the room of what is gone. */
	for (uint64_t id = 1; id <= 3; id++) {
		T_EQ(segreg_snapshot_next(s.reg, &snapshot, &entry), 1);
		seen |= T_BIT(entry.id);
		T_OK(peer_retire(s.holder, 4 - id));
		t_add(&s.world, s.reg, 10 + id);
		T_OK(segreg_retire(s.reg, 10 + id));
		expect_sweep(s.reg, 1, id);
	}
	T_EQ(segreg_snapshot_next(s.reg, &snapshot, &entry), 0);
	T_EQ(seen, T_BIT(1) | T_BIT(2) | T_BIT(3));
	T_OK(segreg_version(s.reg, &version));
	T_EQ(version, 12);
	t_release(s.reg, &snapshot);
	expect_sweep(s.reg, 3, 0);
	strike(&s);
}

/* ---------------------------------------------------------------- twice each */

#define BEHAVIOURS(X)                                                                                                \
	X(walk_is_its_version, "a walk is exactly its version, whatever comes and goes")                             \
	X(passers_by_go, "what is born and retired between two snapshots goes while both are held")                  \
	X(the_edges_of_a_version, "a snapshot holds what was born in its version and retired in the next")           \
	X(horizon_keeps_more, "a horizon keeps what is retired later, whenever it was born")                         \
	X(trade, "a horizon is traded for a snapshot, and back")                                                     \
	X(trade_has_no_gap, "in the middle of a trade both are held")                                                \
	X(held_can_be_read, "what only a snapshot holds can be pinned, opened and mapped")                           \
	X(unregistering_what_is_held, "what a snapshot or a horizon holds is not unregistered without force")        \
	X(walk_among_commits, "400 edits and sweeps change nothing in the walks of their versions")                  \
	X(walk_step_by_step, "edits between the steps of a walk do not change it")

#define TWICE(name, sentence)                                                                                        \
	static void name##_in_one_process(void)                                                                      \
	{                                                                                                            \
		name(PEER_THREAD);                                                                                   \
	}                                                                                                            \
	static void name##_across_processes(void)                                                                    \
	{                                                                                                            \
		name(PEER_PROCESS);                                                                                  \
	}
BEHAVIOURS(TWICE)

/* ---------------------------------------------------------------- cells */

static void most_snapshots(void)
{
	struct scene s = set(PEER_PROCESS);
	struct segreg_snapshot snapshot[MOST_SNAPSHOTS], another = { .version = 77 };

	for (unsigned i = 0; i < MOST_SNAPSHOTS; i++)
		snapshot[i] = t_take(s.reg, i % 2 ? SEGREG_SNAPSHOT : SEGREG_HORIZON);
	T_ERR(SEGREG_E_FULL, segreg_snapshot_take(s.reg, SEGREG_SNAPSHOT, &another));
	T_EQ(another.version, 77);
	T_ERR(SEGREG_E_FULL, segreg_snapshot_trade(s.reg, SEGREG_SNAPSHOT, &snapshot[0]));
	T_ERR(SEGREG_E_FULL, segreg_snapshot_receive(s.reg, &snapshot[1], &another));
	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &another)); /* the limit is a handle's own */
	t_release(s.reg, &snapshot[1000]);
	snapshot[1000] = t_take(s.reg, SEGREG_SNAPSHOT);
	T_EQ(t_walk(s.reg, &snapshot[1]), T_BIT(1) | T_BIT(2) | T_BIT(3));
	T_OK(peer_release(s.holder, &another));
	T_OK(segreg_retire(s.reg, 1));
	for (unsigned i = 0; i < MOST_SNAPSHOTS; i++) {
		if (i == MOST_SNAPSHOTS - 1)
			expect_sweep(s.reg, 0, 1);
		t_release(s.reg, &snapshot[i]);
	}
	expect_sweep(s.reg, 1, 0);
	strike(&s);
}

#define THREADS 8u
#define ROUNDS 2000u

struct taker {
	struct segreg *reg;
	pthread_barrier_t *barrier;
	struct segreg_snapshot held[MOST_SNAPSHOTS / THREADS];
};

/* All cells at once, and then a lot of coming and going. */
static void *take_many(void *arg)
{
	struct taker *taker = arg;
	unsigned n = MOST_SNAPSHOTS / THREADS;

	for (unsigned i = 0; i < n; i++)
		taker->held[i] = t_take(taker->reg, SEGREG_SNAPSHOT);
	pthread_barrier_wait(taker->barrier);
	pthread_barrier_wait(taker->barrier);
	for (unsigned i = n / 2; i < n; i++)
		t_release(taker->reg, &taker->held[i]);
	for (unsigned i = 0; i < ROUNDS; i++) {
		t_release(taker->reg, &taker->held[i % (n / 2)]);
		taker->held[i % (n / 2)] = t_take(taker->reg, SEGREG_SNAPSHOT);
	}
	for (unsigned i = 0; i < n / 2; i++)
		t_release(taker->reg, &taker->held[i]);
	return NULL;
}

static void many_threads(void)
{
	struct scene s = set(PEER_PROCESS);
	struct taker *taker = calloc(THREADS, sizeof(*taker));
	pthread_t thread[THREADS];
	pthread_barrier_t barrier;
	struct segreg_snapshot another;

	T_CHECK(taker != NULL);
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (unsigned i = 0; i < THREADS; i++) {
		taker[i] = (struct taker){ .reg = s.reg, .barrier = &barrier };
		T_EQ(pthread_create(&thread[i], NULL, take_many, &taker[i]), 0);
	}
	pthread_barrier_wait(&barrier);
	T_ERR(SEGREG_E_FULL, segreg_snapshot_take(s.reg, SEGREG_SNAPSHOT, &another)); /* so no two have one cell */
	T_OK(segreg_retire(s.reg, 1));
	expect_sweep(s.reg, 0, 1);
	pthread_barrier_wait(&barrier);
	for (unsigned i = 0; i < 100; i++)
		t_sweep(s.reg);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	t_sweep(s.reg);
	T_EQ(t_state(s.reg, 1), SEGREG_E_NOENT);
	pthread_barrier_destroy(&barrier);
	free(taker);
	strike(&s);
}

static int do_use_parents(struct peer_self *self, void *arg)
{
	struct peer_hold *hold = arg;
	pid_t child = T_SYS(fork());
	int status;

	if (child == 0) {
		T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_release(self->reg, &hold->snapshot));
		T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_next(self->reg, &hold->snapshot,
							       &(struct segreg_entry){ .size = sizeof(struct segreg_entry) }));
		T_OK(segreg_snapshot_receive(self->reg, &hold->snapshot, &hold->theirs));
		T_EQ(t_walk(self->reg, &hold->theirs), T_BIT(1) | T_BIT(2) | T_BIT(3));
		_exit(segreg_close(self->reg, NULL) != 0);
	}
	T_SYS(waitpid(child, &status, 0));
	T_EQ(status, 0);
	return 0;
}

static void wrong_releases(void)
{
	struct scene s = set(PEER_PROCESS);
	struct segreg_snapshot snapshot = t_take(s.reg, SEGREG_SNAPSHOT), copy = snapshot, foreign, none = { 0 };
	struct peer_hold hold = { .kind = SEGREG_SNAPSHOT };
	struct segreg_entry entry = { .size = sizeof(entry) };

	T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_release(s.reg, &none));
	T_ERR(SEGREG_E_NOTPINNED, peer_release(s.holder, &copy));
	T_ERR(SEGREG_E_NOTPINNED, peer_trade(s.holder, SEGREG_HORIZON, &copy));
	T_OK(peer_call(s.holder, peer_do_take, &hold, sizeof(hold)));
	foreign = hold.snapshot;
	T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_release(s.reg, &foreign));
	T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_next(s.reg, &foreign, &entry));
	T_OK(peer_call(s.holder, do_use_parents, &hold, sizeof(hold)));
	T_EQ(peer_walk(s.holder, &foreign), T_BIT(1) | T_BIT(2) | T_BIT(3));
	t_release(s.reg, &snapshot);
	T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_release(s.reg, &snapshot));
	T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_release(s.reg, &copy));
	T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_next(s.reg, &copy, &entry));
	T_OK(segreg_retire(s.reg, 1));
	expect_sweep(s.reg, 0, 1); /* the peer's is still there */
	T_OK(peer_release(s.holder, &foreign));
	expect_sweep(s.reg, 1, 0);
	strike(&s);
}

static void wrong_arguments(void)
{
	struct scene s = set(PEER_PROCESS);
	struct segreg_snapshot horizon = t_take(s.reg, SEGREG_HORIZON), snapshot = t_take(s.reg, SEGREG_SNAPSHOT);
	struct segreg_entry entry = { .size = sizeof(entry) }, unset = { 0 };

	T_ERR(SEGREG_E_INVAL, segreg_snapshot_take(s.reg, 0, &snapshot));
	T_ERR(SEGREG_E_INVAL, segreg_snapshot_take(s.reg, 3, &snapshot));
	T_ERR(SEGREG_E_INVAL, segreg_snapshot_take(s.reg, SEGREG_SNAPSHOT, NULL));
	T_ERR(SEGREG_E_INVAL, segreg_snapshot_take(NULL, SEGREG_SNAPSHOT, &snapshot));
	T_ERR(SEGREG_E_INVAL, segreg_snapshot_trade(s.reg, 3, &snapshot));
	T_ERR(SEGREG_E_INVAL, segreg_snapshot_release(s.reg, NULL));
	T_ERR(SEGREG_E_INVAL, segreg_snapshot_next(s.reg, &horizon, &entry));
	T_ERR(SEGREG_E_INVAL, segreg_snapshot_next(s.reg, &snapshot, &unset));
	T_ERR(SEGREG_E_INVAL, segreg_wait(NULL, 0, 0, NULL));
	T_EQ(t_walk(s.reg, &snapshot), T_BIT(1) | T_BIT(2) | T_BIT(3));
	t_release(s.reg, &snapshot);
	t_release(s.reg, &horizon);
	strike(&s);
}

static void the_dead_let_go(void)
{
	struct scene s = set(PEER_PROCESS);
	struct segreg_snapshot snapshot = { 0 }, horizon = { 0 };

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	T_OK(peer_take(s.holder, SEGREG_HORIZON, &horizon));
	T_OK(segreg_retire(s.reg, 1));
	expect_sweep(s.reg, 0, 1);
	peer_kill(s.holder);
	struct segreg_sweep_result swept = t_sweep(s.reg);
	T_EQ(swept.deleted, 1);
	T_EQ(swept.reclaimed, 1);
	T_EQ(swept.reclaimed_pins, 0);
	t_close(s.reg);
}

static void the_stopped_keep(void)
{
	struct scene s = set(PEER_PROCESS);
	struct segreg_snapshot snapshot = { 0 };

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	peer_stop(s.holder);
	T_OK(segreg_retire(s.reg, 1));
	for (int i = 0; i < 3; i++)
		expect_sweep(s.reg, 0, 1);
	peer_cont(s.holder);
	T_EQ(peer_walk(s.holder, &snapshot), T_BIT(1) | T_BIT(2) | T_BIT(3));
	T_OK(peer_release(s.holder, &snapshot));
	expect_sweep(s.reg, 1, 0);
	strike(&s);
}

static void closing_lets_go(void)
{
	struct scene s = set(PEER_PROCESS);
	struct segreg_snapshot snapshot = { 0 }, again = { 0 };
	uint64_t released = 77;

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	T_OK(segreg_retire(s.reg, 1));
	T_OK(peer_close(s.holder, &released));
	T_EQ(released, 0); /* pins */
	expect_sweep(s.reg, 1, 0);
	T_OK(peer_open(s.holder));
	T_ERR(SEGREG_E_NOTPINNED, peer_release(s.holder, &snapshot));
	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &again));
	T_ERR(SEGREG_E_NOTPINNED, peer_release(s.holder, &snapshot));
	T_OK(peer_release(s.holder, &again));
	strike(&s);
}

/* ---------------------------------------------------------------- the cost of a walk */

#define MANY 20000u

static void add_many(const struct t_world *world, struct segreg *reg)
{
	struct segreg_edit *edit;

	T_OK(segreg_edit_begin(reg, &edit));
	for (uint64_t id = 0; id < MANY; id++) {
		T_SYS(mkdir(t_path(world, "%s", t_segment(id)), 0755));
		T_OK(segreg_edit_add(edit, id, t_segment(id)));
	}
	T_OK(segreg_edit_commit(edit, NULL));
}

static size_t allocated(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static int do_replace_first(struct peer_self *self, void *arg)
{
	struct segreg_edit *edit;

	(void)arg;
	T_OK(segreg_edit_begin(self->reg, &edit));
	T_OK(segreg_edit_retire(edit, 0));
	T_OK(segreg_edit_add(edit, MANY, "new"));
	return segreg_edit_commit(edit, NULL);
}

/* No memory is to be had, and somebody stands in a commit with both locks. */
static void walks_cost_nothing(void)
{
	struct t_world world = t_world(T_MEMORY);
	struct peer *writer = peer_start(&world, PEER_PROCESS);
	struct segreg *reg = t_open(&world);
	struct segreg_entry entry = { .size = sizeof(entry) };
	struct segreg_snapshot snapshot;
	uint64_t n = 0, sum = 0;
	size_t before;

	add_many(&world, reg);
	t_make_dir(&world, "new", 1);
	T_OK(peer_open(writer));
	snapshot = t_take(reg, SEGREG_SNAPSHOT);
	peer_run_to(writer, "edit.publishing", do_replace_first, NULL, 0);
	t_fail_call("malloc", 0, ENOMEM);
	before = allocated();
	for (; segreg_snapshot_next(reg, &snapshot, &entry) == 1; n++)
		sum += entry.id;
	T_EQ(allocated(), before);
	T_EQ(t_failed_calls(), 0);
	T_EQ(n, MANY);
	T_EQ(sum, (uint64_t)MANY * (MANY - 1) / 2);
	t_fail_call(NULL, 0, 0);
	peer_go_on(writer);
	T_OK(peer_end(writer, NULL));
	t_release(reg, &snapshot);
	peer_exit(writer);
	t_close(reg);
}

/* ---------------------------------------------------------------- who holds it */

struct seen {
	unsigned n;
	struct segreg_holder holder;
	char text[256];
};

static int see_holder(void *arg, const struct segreg_holder *holder)
{
	struct seen *seen = arg;

	if (strcmp(holder->label, "peer") != 0)
		return 0;
	seen->n++;
	seen->holder = *holder;
	return 0;
}

static int see_held(void *arg, const struct segreg_sweep_event *event)
{
	struct seen *seen = arg;

	if (event->action != SEGREG_SWEEP_HELD)
		return 0;
	seen->n++;
	seen->holder.pid = event->pid;
	seen->holder.pins = event->pins;
	snprintf(seen->text, sizeof(seen->text), "%s: %s", event->label, event->reason);
	return 0;
}

static void expect_holder(const struct segreg_holder *holder, uint64_t snapshots, uint64_t horizons, uint64_t oldest)
{
	T_EQ(holder->pins, 0);
	T_EQ(holder->snapshots, snapshots);
	T_EQ(holder->horizons, horizons);
	T_EQ(holder->oldest, oldest);
}

static void holders_are_named(void)
{
	struct scene s = set(PEER_PROCESS);
	struct segreg_snapshot snapshot = { 0 }, second = { 0 }, horizon = { 0 };
	struct seen live = { 0 }, young = { 0 }, lane = { 0 }, swept = { 0 };
	struct segreg_sweep_options options = { .size = sizeof(options), .fn = see_held, .arg = &swept };

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	t_add(&s.world, s.reg, 9);
	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &second));
	T_OK(segreg_holders(s.reg, 1, see_holder, &live));
	T_EQ(live.n, 1);
	T_EQ(live.holder.pid, peer_pid(s.holder));
	expect_holder(&live.holder, 2, 0, 3);
	T_OK(segreg_holders(s.reg, 9, see_holder, &young));
	expect_holder(&young.holder, 1, 0, 4);
	T_OK(peer_take(s.holder, SEGREG_HORIZON, &horizon));
	T_OK(segreg_lanes(s.reg, see_holder, &lane));
	expect_holder(&lane.holder, 2, 1, 3);
	T_OK(peer_release(s.holder, &horizon));
	T_OK(segreg_retire(s.reg, 1));
	T_OK(segreg_sweep(s.reg, &options, NULL));
	T_EQ(swept.n, 1);
	T_EQ(swept.holder.pid, peer_pid(s.holder));
	T_EQ(swept.holder.pins, 0);
	T_HAS(swept.text, "peer: a snapshot of process");
	T_OK(peer_release(s.holder, &snapshot));
	T_OK(peer_release(s.holder, &second));
	live.n = 0;
	T_OK(segreg_holders(s.reg, 1, see_holder, &live));
	T_EQ(live.n, 0);
	strike(&s);
}

/* ---------------------------------------------------------------- waiting */

struct waiting {
	uint64_t version, now;
	int timeout_ms;
};

static int do_wait(struct peer_self *self, void *arg)
{
	struct waiting *waiting = arg;

	return segreg_wait(self->reg, waiting->version, waiting->timeout_ms, &waiting->now);
}

static void wait_until_asleep(struct segreg *reg, uint32_t n)
{
	while (sr_load_seqcst_u32(&reg->region.header->version_waiters) != n)
		sched_yield();
}

static void waiting_for_a_version(void)
{
	struct scene s = set(PEER_PROCESS);
	struct waiting waiting = { .version = 3, .timeout_ms = -1 };
	uint64_t now = 77;

	T_OK(segreg_wait(s.reg, 2, -1, &now));
	T_EQ(now, 3);
	T_OK(segreg_wait(s.reg, 0, 0, NULL));
	T_ERR(SEGREG_E_TIMEDOUT, segreg_wait(s.reg, 3, 0, &now));
	T_ERR(SEGREG_E_TIMEDOUT, segreg_wait(s.reg, 3, 20, &now));
	T_EQ(now, 3);
	peer_begin(s.holder, do_wait, &waiting, sizeof(waiting));
	wait_until_asleep(s.reg, 1);
	T_OK(segreg_retire(s.reg, 1));
	T_OK(peer_end(s.holder, &waiting));
	T_EQ(waiting.now, 4);
	strike(&s);
}

#define WAITERS 6u

static void all_waiters_wake(void)
{
	struct scene s = set(PEER_PROCESS);
	struct peer *waiter[WAITERS];
	struct waiting waiting = { .timeout_ms = -1 };

	for (unsigned i = 0; i < WAITERS; i++) {
		enum peer_kind kind = i % 2 ? PEER_THREAD : PEER_PROCESS;

		waiter[i] = peer_start(&s.world, kind);
		T_OK(kind == PEER_THREAD ? peer_use(waiter[i], s.reg) : peer_open(waiter[i]));
		waiting.version = i == 0 ? 4 : 3; /* one wants to see one more */
		peer_begin(waiter[i], do_wait, &waiting, sizeof(waiting));
	}
	wait_until_asleep(s.reg, WAITERS);
	T_OK(segreg_reserve(s.reg, 50, "seg-50")); /* makes no version */
	wait_until_asleep(s.reg, WAITERS);
	T_OK(peer_retire(s.holder, 1));
	for (unsigned i = 1; i < WAITERS; i++) {
		T_OK(peer_end(waiter[i], &waiting));
		T_EQ(waiting.now, 4);
	}
	wait_until_asleep(s.reg, 1);
	T_OK(peer_retire(s.holder, 2));
	T_OK(peer_end(waiter[0], &waiting));
	T_EQ(waiting.now, 5);
	for (unsigned i = 0; i < WAITERS; i++)
		peer_exit(waiter[i]);
	strike(&s);
}

/* ---------------------------------------------------------------- handing over */

struct handing {
	struct segreg_pin theirs, pin;
};

static int do_receive_pin(struct peer_self *self, void *arg)
{
	struct handing *handing = arg;

	return segreg_pin_receive(self->reg, &handing->theirs, &handing->pin);
}

static int do_unpin(struct peer_self *self, void *arg)
{
	struct handing *handing = arg;

	return segreg_unpin(self->reg, &handing->pin);
}

static void pins_are_handed_over(void)
{
	struct scene s = set(PEER_PROCESS);
	struct handing handing = { 0 };

	T_OK(segreg_pin(s.reg, 1, 0, &handing.theirs));
	T_OK(segreg_retire(s.reg, 1));
	T_OK(peer_call(s.holder, do_receive_pin, &handing, sizeof(handing)));
	T_EQ(t_refcount(s.reg, 1), 2);
	T_ERR(SEGREG_E_NOTPINNED, segreg_unpin(s.reg, &handing.pin)); /* it is the peer's */
	T_OK(segreg_unpin(s.reg, &handing.theirs));
	expect_sweep(s.reg, 0, 1);
	T_OK(peer_call(s.holder, do_unpin, &handing, sizeof(handing)));
	expect_sweep(s.reg, 1, 0);
	strike(&s);
}

static void pins_of_what_is_gone(void)
{
	struct scene s = set(PEER_PROCESS);
	struct segreg_pin pin, copy, received = { .id = 77 };

	T_OK(segreg_pin(s.reg, 1, 0, &pin));
	copy = pin;
	T_OK(segreg_retire(s.reg, 1));
	T_OK(segreg_unpin(s.reg, &pin));
	expect_sweep(s.reg, 1, 0);
	T_ERR(SEGREG_E_NOENT, segreg_pin_receive(s.reg, &copy, &received));
	t_add(&s.world, s.reg, 1);
	T_ERR(SEGREG_E_NOENT, segreg_pin_receive(s.reg, &copy, &received));
	copy = (struct segreg_pin){ .id = 2 };
	T_ERR(SEGREG_E_NOENT, segreg_pin_receive(s.reg, &copy, &received));
	T_ERR(SEGREG_E_INVAL, segreg_pin_receive(s.reg, NULL, &received));
	T_ERR(SEGREG_E_INVAL, segreg_pin_receive(s.reg, &copy, NULL));
	T_EQ(received.id, 77);
	for (uint64_t id = 1; id <= 3; id++)
		T_EQ(t_refcount(s.reg, id), 0);
	strike(&s);
}

/* Zeroes are not the pin of the first segment, whose id, slot and generation they happen to be. */
static void zeroed_pin(void)
{
	struct t_world world = t_world(T_MEMORY);
	struct segreg *reg = t_open(&world);
	struct segreg_pin none = { 0 }, received;

	t_add(&world, reg, 0);
	T_ERR(SEGREG_E_NOTPINNED, segreg_unpin(reg, &none));
	T_ERR(SEGREG_E_NOENT, segreg_pin_receive(reg, &none, &received));
	T_EQ(t_refcount(reg, 0), 0);
	t_close(reg);
}

static void snapshots_are_handed_over(void)
{
	struct scene s = set(PEER_PROCESS);

	for (int kind = SEGREG_SNAPSHOT; kind <= SEGREG_HORIZON; kind++) {
		uint64_t id = (uint64_t)kind;
		struct segreg_snapshot mine = t_take(s.reg, kind), theirs = { 0 };

		T_OK(segreg_retire(s.reg, id));
		T_OK(peer_receive(s.holder, &mine, &theirs));
		T_EQ(theirs.version, mine.version);
		T_EQ(theirs.kind, mine.kind);
		t_release(s.reg, &mine);
		expect_sweep(s.reg, 0, 1);
		T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_release(s.reg, &theirs));
		T_OK(peer_release(s.holder, &theirs));
		expect_sweep(s.reg, 1, 0);
	}
	strike(&s);
}

static void the_dead_hand_over_nothing(void)
{
	struct scene s = set(PEER_PROCESS);
	struct segreg_snapshot theirs = { 0 }, mine = { .version = 77 };
	struct peer *giver = peer_start(&s.world, PEER_PROCESS);

	T_OK(peer_open(giver));
	T_OK(peer_take(giver, SEGREG_SNAPSHOT, &theirs));
	T_OK(segreg_retire(s.reg, 1));
	peer_kill(giver);
	expect_sweep(s.reg, 1, 0);
	T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_receive(s.reg, &theirs, &mine));
	giver = peer_start(&s.world, PEER_PROCESS);
	T_OK(peer_open(giver)); /* in the lane of the dead, and in its cell */
	T_OK(peer_take(giver, SEGREG_SNAPSHOT, &mine));
	T_ERR(SEGREG_E_NOTPINNED, peer_receive(s.holder, &theirs, &mine));
	peer_exit(giver);
	T_OK(segreg_retire(s.reg, 2));
	expect_sweep(s.reg, 1, 0); /* nothing was left behind */
	strike(&s);
}

static void forged_snapshots(void)
{
	struct scene s = set(PEER_PROCESS);
	struct segreg_snapshot mine = t_take(s.reg, SEGREG_SNAPSHOT), received = { .version = 77 };
	struct segreg_snapshot forged[] = { mine, mine, mine, mine, mine, mine, mine, mine };

	forged[0].version--;
	forged[1].version = UINT64_MAX;
	forged[2].cell++;
	forged[3].cell = UINT32_MAX;
	forged[4].owner ^= 1ull << 32;
	forged[5].owner |= UINT32_MAX;
	forged[6].kind = SEGREG_HORIZON;
	forged[7].version |= 1ull << 62; /* beyond what a cell has room for */
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
		T_ERR(SEGREG_E_NOTPINNED, peer_receive(s.holder, &forged[i], &received));
	T_ERR(SEGREG_E_INVAL, peer_receive(s.holder, &(struct segreg_snapshot){ 0 }, &received));
	T_ERR(SEGREG_E_INVAL, segreg_snapshot_receive(s.reg, NULL, &received));
	T_ERR(SEGREG_E_INVAL, segreg_snapshot_receive(s.reg, &mine, NULL));
	T_EQ(received.version, 77);
	t_release(s.reg, &mine);
	T_OK(segreg_retire(s.reg, 1));
	expect_sweep(s.reg, 1, 0); /* no attempt left anything behind */
	strike(&s);
}

/* ---------------------------------------------------------------- the suite */

#define LIST(name, sentence)                                                                                         \
	{ sentence ", in one process", name##_in_one_process },                                                      \
	{ sentence ", across processes", name##_across_processes },
T_SUITE(versions, BEHAVIOURS(LIST)
	{ "a handle has 2,048 snapshots, and the next after a release", most_snapshots },
	{ "8 threads of one handle take and release at once", many_threads },
	{ "a snapshot is released once, by the handle that took it", wrong_releases },
	{ "what makes no sense is refused", wrong_arguments },
	{ "a killed process gives its snapshots back", the_dead_let_go },
	{ "a stopped process keeps its snapshots", the_stopped_keep },
	{ "closing a handle lets its snapshots go", closing_lets_go },
	{ "a walk of 20,000 takes no lock and no memory", walks_cost_nothing },
	{ "holders and sweeps name who holds by a snapshot", holders_are_named },
	{ "a wait ends with a version, at once if it is there, or with its time", waiting_for_a_version },
	{ "all who wait wake", all_waiters_wake },
	{ "a pin is handed over, and its giver lets go at once", pins_are_handed_over },
	{ "a pin of what is gone hands nothing over", pins_of_what_is_gone },
	{ "a zeroed pin hands nothing over", zeroed_pin },
	{ "snapshots and horizons are handed over, and their giver lets go at once", snapshots_are_handed_over },
	{ "the dead hand nothing over", the_dead_hand_over_nothing },
	{ "forged snapshots are refused", forged_snapshots });
