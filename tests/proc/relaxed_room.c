/*
 * relaxed_room.c - discards that wait because the registry is full, and what holds a discard that waited.
 */
#include "discard.h"
#include "fault.h"
#include "harness.h"
#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int do_retire(struct peer_self *self, void *arg)
{
	(void)arg;
	return segreg_retire(self->reg, 1);
}

static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
#define NAMES 6u

/* A registry with room for that many segments; n segments are live, and all names are discarded. */
static struct segreg *open_full(struct t_world *w, uint32_t room, uint32_t n)
{
	struct segreg *reg;

	*w = t_world(T_MEMORY);
	reg = t_open_with(w, (struct segreg_open_options){ .flags = SEGREG_CREATE, .max_segments = room });
	for (uint32_t i = 1; i <= n; i++)
		t_add(w, reg, i);
	for (uint32_t i = 0; i < NAMES; i++) {
		t_make_file(w, names[i], SIZE);
		T_OK(relaxed(reg, names[i]));
	}
	return reg;
}

/* Sweep until all that was discarded is gone. */
static void sweep_all(const struct t_world *w, struct segreg *reg)
{
	for (uint32_t i = 0; i < 2 * NAMES && (t_stats(reg).discards || t_stats(reg).pending); i++)
		T_EQ(t_sweep(reg).failed, 0);
	for (uint32_t i = 0; i < NAMES; i++)
		T_CHECK(!t_exists(w, names[i]));
	T_EQ(t_stats(reg).discards, 0);
	T_EQ(t_stats(reg).discards_since, 0);
	T_EQ(t_stats(reg).discards_error, 0);
	T_OK(segreg_check(reg, 0, any_difference, NULL));
}

/* ---------------------------------------------------------------- no room */

static void as_many_as_fit(void)
{
	struct t_world w;
	struct segreg *reg = open_full(&w, 4, 2);

	T_EQ(t_stats(reg).discards, NAMES);
	T_EQ(t_stats(reg).discards_since, 0);
	T_OK(relaxed(reg, "seg-2")); /* behind the others, and needs no room */
	T_ERR(SEGREG_E_FULL, flush(reg));
	T_HAS(segreg_last_error(), "4 discards wait");
	T_EQ(state_of(reg, "a"), SEGREG_PENDING);
	T_EQ(state_of(reg, "b"), SEGREG_PENDING);
	T_EQ(state_of(reg, "c"), SEGREG_E_NOENT);
	T_EQ(t_state(reg, 2), SEGREG_PENDING);
	T_EQ(t_stats(reg).discards, 4);
	T_EQ(t_stats(reg).discards_error, SEGREG_E_FULL);
	T_CHECK(t_stats(reg).discards_since > 0);
	T_ERR(SEGREG_E_FULL, flush(reg));
	T_EQ(t_stats(reg).discards, 4);
	sweep_all(&w, reg);
	T_EQ(t_stats(reg).live, 1);
	t_close(reg);
}

/* Not only a flush: the edit of any process. And the edit itself gets its room first. */
static void taken_along_by_an_edit(void)
{
	struct t_world w;
	struct segreg *reg = open_full(&w, 5, 2);

	t_add(&w, reg, 3); /* the discards would leave no room for it */
	T_EQ(t_state(reg, 3), SEGREG_LIVE);
	T_EQ(t_stats(reg).discards, NAMES);
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_stats(reg).discards, NAMES - 2);
	T_EQ(state_of(reg, "b"), SEGREG_PENDING);
	T_EQ(t_stats(reg).discards_error, SEGREG_E_FULL);
	sweep_all(&w, reg);
	t_close(reg);
}

static void killed_while_they_are_sorted_out(void)
{
	for (unsigned moved = 1; moved <= 3; moved++) {
		struct t_world w;
		struct segreg *reg = open_full(&w, 4, 2);
		struct peer *peer = peer_start(&w, PEER_PROCESS);

		T_OK(relaxed(reg, "seg-1")); /* behind those that wait: they move */
		T_OK(relaxed(reg, "seg-2"));
		T_OK(peer_open(peer));
		peer_stop_at(peer, "discards.moved", moved);
		peer_begin(peer, do_flush, NULL, 0);
		T_CHECK(peer_stands(peer));
		peer_kill(peer);
		T_EQ(t_stats(reg).discards, NAMES + 2);
		T_EQ(t_state(reg, 1), SEGREG_PENDING);
		sweep_all(&w, reg);
		t_close(reg);
	}
}

static void a_disk_that_takes_no_commit(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	int64_t since;

	t_make_file(&w, "a", SIZE);
	T_OK(relaxed(reg, "a"));
	t_fail_disk(t_path(&w, "registry/registry.mdb"), T_DATA_PAGES, ENOSPC);
	T_ERR(SEGREG_E_NOSPC, flush(reg));
	since = t_stats(reg).discards_since;
	T_CHECK(since > 0);
	T_EQ(t_stats(reg).discards_error, SEGREG_E_NOSPC);
	T_ERR(SEGREG_E_NOSPC, flush(reg));
	T_EQ(t_stats(reg).discards_since, since);
	t_fail_disk(t_path(&w, "registry/registry.mdb"), T_DATA_PAGES, 0);
	T_EQ(t_sweep(reg).deleted, 1);
	T_EQ(t_stats(reg).discards_error, 0);
	T_EQ(t_stats(reg).discards_since, 0);
	t_close(reg);
}

/* ---------------------------------------------------------------- what holds it */

/* How a discard becomes durable. */
static void flush_at_once(struct segreg *reg)
{
	T_OK(flush(reg));
}

static void next_edit(struct segreg *reg)
{
	T_OK(segreg_retire(reg, 2));
}

static void next_sweep(struct segreg *reg)
{
	t_sweep(reg);
}

static void (*const drains[])(struct segreg *) = { flush_at_once, next_edit, next_sweep };

/*
 * A leader has looked at shared memory before the discard comes. So its edit makes a version while the discard waits. A
 * horizon of that version was taken after the discard.
 */
static void horizons(void)
{
	for (size_t i = 0; i < sizeof(drains) / sizeof(*drains); i++) {
		struct t_world w = t_world(T_MEMORY);
		struct segreg *reg = t_open(&w);
		struct peer *leader = peer_start(&w, PEER_PROCESS);
		struct segreg_snapshot before, after;

		t_add(&w, reg, 1);
		t_add(&w, reg, 2);
		t_make_file(&w, "a", SIZE);
		T_OK(segreg_snapshot_take(reg, SEGREG_HORIZON, &before));
		T_OK(peer_open(leader));
		peer_run_to(leader, "group.planned", do_retire, NULL, 0);
		T_OK(relaxed(reg, "a"));
		peer_go_on(leader);
		T_OK(peer_end(leader, NULL));
		T_EQ(t_stats(reg).discards, 1);
		T_OK(segreg_snapshot_take(reg, SEGREG_HORIZON, &after));
		drains[i](reg);
		T_EQ(state_of(reg, "a"), SEGREG_PENDING);
		t_sweep(reg);
		T_CHECK(t_exists(&w, "a"));
		T_OK(segreg_snapshot_release(reg, &before));
		t_sweep(reg);
		T_CHECK(!t_exists(&w, "a"));
		T_OK(segreg_snapshot_release(reg, &after));
		peer_exit(leader);
		t_close(reg);
	}
}

/* A snapshot that was taken while the discard waited has the segment among its own, and holds it. */
static void snapshots(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *leader = peer_start(&w, PEER_PROCESS);
	struct segreg_entry entry = SEGREG_ENTRY_INIT;
	struct segreg_snapshot snapshot;

	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	T_OK(peer_open(leader));
	peer_run_to(leader, "group.planned", do_retire, NULL, 0);
	T_OK(relaxed(reg, "seg-2"));
	peer_go_on(leader);
	T_OK(peer_end(leader, NULL));
	T_OK(segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &snapshot));
	T_OK(segreg_snapshot_find(reg, &snapshot, 2, &entry));
	T_OK(flush(reg));
	T_EQ(t_state(reg, 2), SEGREG_PENDING);
	t_sweep(reg);
	T_CHECK(t_exists(&w, "seg-2"));
	T_OK(segreg_snapshot_find(reg, &snapshot, 2, &entry));
	T_OK(segreg_snapshot_release(reg, &snapshot));
	t_sweep(reg);
	T_CHECK(!t_exists(&w, "seg-2"));
	peer_exit(leader);
	t_close(reg);
}

T_SUITE(relaxed_room, { "a full registry takes as many as fit; the others wait, and figures tell", as_many_as_fit },
	{ "so does any edit, which gets its own room first", taken_along_by_an_edit },
	{ "killed while those that wait are sorted out: none is lost", killed_while_they_are_sorted_out },
	{ "figures tell since when a disk takes no commit", a_disk_that_takes_no_commit },
	{ "a horizon from before the call holds it, one from a later version does not", horizons },
	{ "a snapshot that was taken while the discard of a segment waited holds it", snapshots });
