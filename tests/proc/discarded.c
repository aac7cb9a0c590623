/*
 * discarded.c - asking whether what is at a path was discarded; and a directory that is discarded instead of the
 * discarded files in it.
 */
#include "discard.h"
#include "harness.h"
#include "peer.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int discard_with(struct segreg *reg, const char *path, unsigned flags)
{
	return segreg_discard(reg, &path, 1, flags);
}

/* ---------------------------------------------------------------- asking */

static void files(unsigned flags)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_make_file(&w, "a", SIZE);
	t_make_file(&w, "ab", SIZE);
	T_EQ(segreg_is_discarded(reg, "a"), 0);
	T_OK(discard_with(reg, "a", flags));
	T_EQ(segreg_is_discarded(reg, "a"), 1);
	T_EQ(segreg_is_discarded(reg, t_path(&w, "./a")), 1);
	T_EQ(segreg_is_discarded(reg, "ab"), 0);
	T_EQ(segreg_is_discarded(reg, "nothing"), 0);
	replace(&w, "a", SIZE);
	T_EQ(segreg_is_discarded(reg, "a"), 0);
	T_OK(segreg_vacate(reg, "a"));
	T_CHECK(t_exists(&w, "a"));
	T_OK(discard_with(reg, "a", flags));
	T_EQ(segreg_is_discarded(reg, "a"), 1);
	T_OK(segreg_vacate(reg, "a"));
	T_CHECK(!t_exists(&w, "a"));
	T_EQ(segreg_is_discarded(reg, "a"), 0);
	t_close(reg);
}

static void files_of_either_kind(void)
{
	files(0);
	files(SEGREG_DISCARD_RELAXED);
}

static void directories(void)
{
	static const unsigned flags[] = { 0, SEGREG_DISCARD_RELAXED };

	for (int i = 0; i < 2; i++) {
		struct t_world w = t_world(T_MEMORY);
		struct segreg *reg = t_open(&w);

		T_SYS(mkdir(t_path(&w, "dir"), 0777));
		t_make_file(&w, "dir/a", SIZE);
		t_make_file(&w, "dirt", SIZE);
		T_OK(discard_with(reg, "dir", flags[i]));
		T_EQ(segreg_is_discarded(reg, "dir"), 1);
		T_EQ(segreg_is_discarded(reg, "dir/a"), 2);
		T_EQ(segreg_is_discarded(reg, "dir/nothing"), 2);
		T_EQ(segreg_is_discarded(reg, "dirt"), 0);
		T_OK(segreg_vacate(reg, "dir"));
		T_EQ(segreg_is_discarded(reg, "dir/a"), 0);
		T_OK(discard_with(reg, "dir/a", flags[i]));
		T_EQ(segreg_is_discarded(reg, "dir"), 0);
		T_EQ(segreg_is_discarded(reg, "dir/a"), 1);
		t_close(reg);
	}
}

/* A live segment stays, and a retired one is deleted. A discard that another process made counts at once. */
static void segments_and_other_processes(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *other = peer_start(&w, PEER_PROCESS);
	uint64_t commits;
	char a[] = "a";

	t_add(&w, reg, 1);
	T_EQ(segreg_is_discarded(reg, "seg-1"), 0);
	T_OK(segreg_retire(reg, 1));
	T_EQ(segreg_is_discarded(reg, "seg-1"), 1);
	T_EQ(segreg_is_discarded(reg, "seg-1/data"), 2);
	t_make_file(&w, "a", SIZE);
	T_OK(peer_open(other));
	commits = t_stats(reg).commits;
	T_OK(peer_call(other, do_relaxed, a, sizeof(a)));
	T_EQ(segreg_is_discarded(reg, "a"), 1);
	T_EQ(t_stats(reg).commits, commits);
	peer_exit(other);
	T_EQ(t_sweep(reg).deleted, 2);
	T_EQ(segreg_is_discarded(reg, "a"), 0);
	T_EQ(segreg_is_discarded(reg, "seg-1/data"), 0);
	t_close(reg);
}

static void bad_questions(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	T_ERR(SEGREG_E_INVAL, segreg_is_discarded(NULL, "a"));
	T_ERR(SEGREG_E_INVAL, segreg_is_discarded(reg, NULL));
	T_ERR(SEGREG_E_PATH, segreg_is_discarded(reg, "/etc/passwd"));
	T_ERR(SEGREG_E_PATH, segreg_is_discarded(reg, "../a"));
	t_close(reg);
}

/* ---------------------------------------------------------------- despite horizons */

static void horizons_do_not_count(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_snapshot horizon;

	T_SYS(mkdir(t_path(&w, "dir"), 0777));
	t_make_file(&w, "dir/a", SIZE);
	T_OK(segreg_snapshot_take(reg, SEGREG_HORIZON, &horizon));
	T_OK(discard_with(reg, "dir/a", 0));
	T_ERR(SEGREG_E_EXISTS, discard_with(reg, "dir", 0));
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(reg, id_of(reg, "dir/a"), 0));
	T_OK(segreg_force_remove(reg, id_of(reg, "dir/a"), SEGREG_DESPITE_HORIZONS));
	T_OK(discard_with(reg, "dir", 0));
	T_EQ(t_sweep(reg).held, 1);
	T_CHECK(t_exists(&w, "dir/a"));
	T_OK(segreg_snapshot_release(reg, &horizon));
	T_EQ(t_sweep(reg).deleted, 1);
	T_CHECK(!t_exists(&w, "dir"));
	t_close(reg);
}

static void pins_and_snapshots_count(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_snapshot snapshot;
	struct segreg_pin pin;

	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	T_OK(segreg_pin(reg, 1, 0, &pin));
	T_OK(segreg_retire(reg, 1));
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(reg, 1, SEGREG_DESPITE_HORIZONS));
	T_OK(segreg_unpin(reg, &pin));
	T_OK(segreg_force_remove(reg, 1, SEGREG_DESPITE_HORIZONS));
	T_OK(segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &snapshot));
	T_OK(segreg_retire(reg, 2));
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(reg, 2, SEGREG_DESPITE_HORIZONS));
	T_OK(segreg_snapshot_release(reg, &snapshot));
	T_OK(segreg_force_remove(reg, 2, SEGREG_DESPITE_HORIZONS));
	T_ERR(SEGREG_E_INVAL, segreg_force_remove(reg, 2, 4));
	t_close(reg);
}

/* The floor of a lease holds the directory as it held the file; an item of a lease holds the file alone. */
static void leases_by_floor_do_not_count(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_lease_item item = { .id = 0 };

	T_SYS(mkdir(t_path(&w, "dir"), 0777));
	t_make_file(&w, "dir/a", SIZE);
	T_OK(segreg_lease_put(reg, "floor", 0, NULL, 0));
	T_OK(discard_with(reg, "dir/a", 0));
	item.id = id_of(reg, "dir/a");
	T_OK(segreg_lease_put(reg, "item", SEGREG_LEASE_LISTED, &item, 1));
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(reg, item.id, SEGREG_DESPITE_HORIZONS));
	T_OK(segreg_lease_drop(reg, "item"));
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(reg, item.id, 0));
	T_OK(segreg_force_remove(reg, item.id, SEGREG_DESPITE_HORIZONS));
	T_OK(discard_with(reg, "dir", 0));
	T_EQ(t_sweep(reg).held, 1);
	T_OK(segreg_lease_drop(reg, "floor"));
	T_EQ(t_sweep(reg).deleted, 1);
	T_CHECK(!t_exists(&w, "dir"));
	t_close(reg);
}

static int do_remove(struct peer_self *self, void *arg)
{
	return segreg_force_remove(self->reg, *(uint64_t *)arg, SEGREG_DESPITE_HORIZONS);
}

/* A process pins the segment after it was counted: the pin takes the decision back, horizon or not. */
static void a_pin_that_comes_in_between(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *other = peer_start(&w, PEER_PROCESS);
	struct segreg_snapshot horizon;
	struct segreg_pin pin;
	uint64_t id = 1;

	t_add(&w, reg, 1);
	T_OK(segreg_snapshot_take(reg, SEGREG_HORIZON, &horizon));
	T_OK(segreg_retire(reg, 1));
	T_OK(peer_open(other));
	peer_run_to(other, "remove.counted", do_remove, &id, sizeof(id));
	T_OK(segreg_pin(reg, 1, 0, &pin));
	peer_go_on(other);
	T_ERR(SEGREG_E_BUSY, peer_end(other, NULL));
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	peer_exit(other);
	t_close(reg);
}

T_SUITE(discarded, { "a discarded file is one at once, and a new file in its place is not", files_of_either_kind },
	{ "what lies in a discarded directory is discarded", directories },
	{ "retired segments, and what another process has discarded without a commit", segments_and_other_processes },
	{ "bad questions are refused", bad_questions },
	{ "a directory is discarded instead of its files, which horizons hold", horizons_do_not_count },
	{ "what is pinned or in a snapshot stays registered", pins_and_snapshots_count },
	{ "so does what a lease lists, and a lease's floor holds the directory", leases_by_floor_do_not_count },
	{ "a pin that comes in between keeps it registered", a_pin_that_comes_in_between });
