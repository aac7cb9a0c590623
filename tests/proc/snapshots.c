/*
 * snapshots.c - taking, releasing and walking: limits, mistakes, deaths, cost, and who is named.
 */
#include "harness.h"
#include "holds.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_SNAPSHOTS 2048u /* per handle: segreg_snapshot_take */

/* ---------------------------------------------------------------- cells */

static void most_snapshots(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
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
			t_expect_sweep(s.reg, 0, 1);
		t_release(s.reg, &snapshot[i]);
	}
	t_expect_sweep(s.reg, 1, 0);
	t_strike(&s);
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
	struct t_scene s = t_scene(PEER_PROCESS);
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
	t_expect_sweep(s.reg, 0, 1);
	pthread_barrier_wait(&barrier);
	for (unsigned i = 0; i < 100; i++)
		t_sweep(s.reg);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	t_sweep(s.reg);
	T_EQ(t_state(s.reg, 1), SEGREG_E_NOENT);
	pthread_barrier_destroy(&barrier);
	free(taker);
	t_strike(&s);
}

static int do_use_parents(struct peer_self *self, void *arg)
{
	struct peer_hold *hold = arg;
	struct segreg_entry entry = { .size = sizeof(entry) };
	pid_t child = T_SYS(fork());
	int status;

	if (child == 0) {
		T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_release(self->reg, &hold->snapshot));
		T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_next(self->reg, &hold->snapshot, &entry));
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
	struct t_scene s = t_scene(PEER_PROCESS);
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
	t_expect_sweep(s.reg, 0, 1); /* the peer's is still there */
	T_OK(peer_release(s.holder, &foreign));
	t_expect_sweep(s.reg, 1, 0);
	t_strike(&s);
}

static void wrong_arguments(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
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
	t_strike(&s);
}

/* The next owner of a dead process's lane does not inherit what the dead one held. */
static void the_dead_let_go(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_snapshot snapshot = { 0 }, horizon = { 0 };
	struct peer *heir = peer_start(&s.world, PEER_PROCESS);

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	T_OK(peer_take(s.holder, SEGREG_HORIZON, &horizon));
	T_OK(segreg_retire(s.reg, 1));
	t_expect_sweep(s.reg, 0, 1);
	peer_kill(s.holder);
	struct segreg_sweep_result swept = t_sweep(s.reg);
	T_EQ(swept.deleted, 1);
	T_EQ(swept.reclaimed, 1);
	T_EQ(swept.reclaimed_pins, 0);
	T_OK(peer_open(heir));
	T_OK(peer_take(heir, SEGREG_SNAPSHOT, &snapshot));
	T_OK(segreg_retire(s.reg, 2));
	t_expect_sweep(s.reg, 0, 1);
	T_OK(peer_release(heir, &snapshot));
	t_expect_sweep(s.reg, 1, 0);
	peer_exit(heir);
	t_close(s.reg);
}

static void the_stopped_keep(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_snapshot snapshot = { 0 };

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	peer_stop(s.holder);
	T_OK(segreg_retire(s.reg, 1));
	for (int i = 0; i < 3; i++)
		t_expect_sweep(s.reg, 0, 1);
	peer_cont(s.holder);
	T_EQ(peer_walk(s.holder, &snapshot), T_BIT(1) | T_BIT(2) | T_BIT(3));
	T_OK(peer_release(s.holder, &snapshot));
	t_expect_sweep(s.reg, 1, 0);
	t_strike(&s);
}

static void closing_lets_go(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_snapshot snapshot = { 0 }, again = { 0 };
	uint64_t released = 77;

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	T_OK(segreg_retire(s.reg, 1));
	T_OK(peer_close(s.holder, &released));
	T_EQ(released, 0); /* pins */
	t_expect_sweep(s.reg, 1, 0);
	T_OK(peer_open(s.holder));
	T_ERR(SEGREG_E_NOTPINNED, peer_release(s.holder, &snapshot));
	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &again));
	T_ERR(SEGREG_E_NOTPINNED, peer_release(s.holder, &snapshot));
	T_OK(peer_release(s.holder, &again));
	T_OK(segreg_retire(s.reg, 2));
	t_expect_sweep(s.reg, 1, 0);
	t_strike(&s);
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

/* Every allocation fails, and another process stands in a commit with both locks. */
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
	struct t_scene s = t_scene(PEER_PROCESS);
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
	T_HAS(swept.text, "peer: 2 snapshots, one by process");
	T_OK(peer_release(s.holder, &snapshot));
	T_OK(peer_release(s.holder, &second));
	live.n = 0;
	T_OK(segreg_holders(s.reg, 1, see_holder, &live));
	T_EQ(live.n, 0);
	t_strike(&s);
}

/* Four retired segments, one for each way to hold: the process that is named has what is named. */
static void sweeps_name_what_holds(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct peer *pinner = peer_start(&s.world, PEER_PROCESS);
	struct segreg_snapshot snapshot = { 0 }, horizon = { 0 };
	struct seen swept = { 0 };
	struct segreg_sweep_options options = { .size = sizeof(options), .fn = see_held, .arg = &swept };
	char expected[64];

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	T_OK(peer_open(pinner));
	T_OK(peer_pin(pinner, 1));
	T_OK(segreg_retire(s.reg, 1));
	T_OK(segreg_sweep(s.reg, &options, NULL));
	T_EQ(swept.n, 1);
	T_EQ(swept.holder.pid, peer_pid(pinner));
	snprintf(expected, sizeof(expected), "1 pin and 1 snapshot, one pin by process %d", (int)peer_pid(pinner));
	T_HAS(swept.text, expected);
	T_OK(peer_release(s.holder, &snapshot));
	T_OK(peer_take(s.holder, SEGREG_HORIZON, &horizon));
	t_add(&s.world, s.reg, 9);
	T_OK(segreg_retire(s.reg, 9));
	T_OK(segreg_sweep(s.reg, &options, NULL));
	T_EQ(swept.n, 2);
	T_EQ(swept.holder.pid, peer_pid(s.holder));
	snprintf(expected, sizeof(expected), "peer: a horizon of process %d", (int)peer_pid(s.holder));
	T_HAS(swept.text, expected);
	peer_exit(pinner);
	t_strike(&s);
}

/* A place serves again. Then a second release, of a copy, fails; unless the snapshot that now has the place is alike:
 * then it ends that one. */
static void released_twice(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_snapshot first, copy, later;

	T_OK(segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &first));
	copy = first;
	T_OK(segreg_snapshot_release(reg, &first));
	T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_release(reg, &copy));
	T_OK(segreg_snapshot_take(reg, SEGREG_HORIZON, &later));
	T_EQ(later.cell, copy.cell);
	T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_release(reg, &copy)); /* of another kind */
	T_OK(segreg_snapshot_release(reg, &later));
	t_add(&w, reg, 1);
	T_OK(segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &later));
	T_EQ(later.cell, copy.cell);
	T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_release(reg, &copy)); /* of another version */
	copy = later;
	T_OK(segreg_snapshot_release(reg, &later));
	T_OK(segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &later));
	T_EQ(later.cell, copy.cell);
	T_OK(segreg_snapshot_release(reg, &copy)); /* the contract in segreg.h */
	T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_release(reg, &later));
	t_close(reg);
}

T_SUITE(snapshots, { "a handle has 2,048 snapshots, and the next after a release", most_snapshots },
	{ "8 threads of one handle take and release at once", many_threads },
	{ "a snapshot is released once, by the handle that took it", wrong_releases },
	{ "what makes no sense is refused", wrong_arguments },
	{ "a killed process gives its snapshots back", the_dead_let_go },
	{ "a stopped process keeps its snapshots", the_stopped_keep },
	{ "closing a handle lets its snapshots go", closing_lets_go },
	{ "a walk of 20,000 takes no lock and no memory", walks_cost_nothing },
	{ "holders and sweeps name who holds by a snapshot", holders_are_named },
	{ "a sweep counts pins, snapshots and horizons apart, and names a process that has what it names",
	  sweeps_name_what_holds },
	{ "a copy is released after its place serves again: found unless version and kind are alike", released_twice });
