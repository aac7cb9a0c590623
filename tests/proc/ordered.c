/*
 * ordered.c - segreg_snapshot_list and segreg_snapshot_find: order, exactness, and what happens meanwhile.
 */
#include "harness.h"
#include "holds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 4096

/* What a list has shown, and what to do at its first segment. */
struct shown {
	struct t_scene *s;
	void (*meanwhile)(struct shown *shown);
	struct segreg_snapshot *snapshot;
	uint64_t stop_at; /* end the list with 77 at that segment */
	unsigned n;
	uint64_t ids[MOST];
	char path[SEGREG_PATH_MAX + 1]; /* of the last segment */
	bool is_sorted_by_path, is_sorted_by_id;
};

static int show(void *arg, const struct segreg_entry *entry)
{
	struct shown *shown = arg;

	if (shown->n == 0)
		shown->is_sorted_by_path = shown->is_sorted_by_id = true;
	if (shown->n > 0) {
		shown->is_sorted_by_path &= strcmp(shown->path, entry->path) < 0;
		shown->is_sorted_by_id &= shown->ids[shown->n - 1] < entry->id;
	}
	T_CHECK(shown->n < MOST && entry->size == sizeof(*entry));
	shown->ids[shown->n++] = entry->id;
	strcpy(shown->path, entry->path);
	if (shown->n == 1 && shown->meanwhile)
		shown->meanwhile(shown);
	return shown->stop_at && entry->id == shown->stop_at ? 77 : 0;
}

static uint64_t set_of(const struct shown *shown)
{
	uint64_t set = 0;

	for (unsigned i = 0; i < shown->n; i++) {
		T_CHECK(shown->ids[i] < T_IDS && !(set & T_BIT(shown->ids[i])));
		set |= T_BIT(shown->ids[i]);
	}
	return set;
}

/* ---------------------------------------------------------------- order */

static void orders(void)
{
	/* In the order of their bytes; the ids are in no order. */
	static const char *const paths[] = { "A", "a", "a b", "a-b", "a/c", "a/cc", "a0", "ab", "b/a/a", "\xc3\xa4" };
	static const uint64_t ids[] = { 9, UINT64_MAX, 0, 3, 1ull << 63, 2, 256, 1, 65536, 7 };
	static const uint64_t by_id[] = { 0, 1, 2, 3, 7, 9, 256, 65536, 1ull << 63, UINT64_MAX };
	enum { N = sizeof(ids) / sizeof(*ids), LEFT_OUT = 1 }; /* "a" lies above "a/c": it is no segment */
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_snapshot snapshot;
	struct shown id = { .n = 0 }, path = { .n = 0 };

	t_make_dir(&w, "a", 0);
	t_make_dir(&w, "b", 0);
	t_make_dir(&w, "b/a", 0);
	for (int i = N - 1; i >= 0; i--) {
		if (i == LEFT_OUT)
			continue;
		t_make_file(&w, paths[i], 1);
		T_OK(segreg_register(reg, ids[i], paths[i]));
	}
	snapshot = t_take(reg, SEGREG_SNAPSHOT);
	T_OK(segreg_snapshot_list(reg, &snapshot, SEGREG_BY_ID, show, &id));
	T_OK(segreg_snapshot_list(reg, &snapshot, SEGREG_BY_PATH, show, &path));
	T_CHECK(id.is_sorted_by_id && path.is_sorted_by_path);
	T_EQ(id.n, N - 1);
	T_EQ(path.n, N - 1);
	for (unsigned i = 0, at = 0; i < N; i++)
		if (i != LEFT_OUT)
			T_EQ(path.ids[at++], ids[i]);
	for (unsigned i = 0; i < N - 1; i++)
		T_EQ(id.ids[i], by_id[i]);
	t_close(reg);
}

/* Enough for the lists to grow several times. */
static void many(void)
{
	enum { N = 3000 };
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_snapshot snapshot;
	struct segreg_edit *edit;
	struct shown *id = calloc(1, sizeof(*id)), *path = calloc(1, sizeof(*path));

	T_CHECK(id && path);
	snapshot = t_take(reg, SEGREG_SNAPSHOT);
	T_OK(segreg_snapshot_list(reg, &snapshot, SEGREG_BY_PATH, show, id));
	T_EQ(id->n, 0); /* there is none */
	t_release(reg, &snapshot);
	T_OK(segreg_edit_begin(reg, &edit));
	for (uint64_t i = 0; i < N; i++) {
		uint64_t at = i * 1699 % N;

		t_make_file(&w, t_segment(at), 1);
		T_OK(segreg_edit_add(edit, N - at, t_segment(at)));
	}
	T_OK(segreg_edit_commit(edit, NULL));
	snapshot = t_take(reg, SEGREG_SNAPSHOT);
	T_OK(segreg_snapshot_list(reg, &snapshot, SEGREG_BY_ID, show, id));
	T_OK(segreg_snapshot_list(reg, &snapshot, SEGREG_BY_PATH, show, path));
	T_EQ(id->n, N);
	T_EQ(path->n, N);
	T_CHECK(id->is_sorted_by_id && path->is_sorted_by_path);
	t_close(reg);
	free(id);
	free(path);
}

/* ---------------------------------------------------------------- exact, whatever comes and goes */

static void replace_all(struct shown *shown)
{
	struct t_scene *s = shown->s;

	for (uint64_t id = 1; id <= 3; id++) {
		T_OK(peer_retire(s->holder, id));
		t_add(&s->world, s->reg, 10 + id);
		T_OK(segreg_retire(s->reg, 10 + id));
		t_expect_sweep(s->reg, 1, id);
	}
}

static void replace_at_point(void *arg, const char *point)
{
	(void)point;
	replace_all(arg);
}

static void exact(enum peer_kind kind)
{
	for (int in_callback = 0; in_callback < 2; in_callback++)
		for (enum segreg_order order = SEGREG_BY_ID; order <= SEGREG_BY_PATH; order++) {
			struct t_scene s = t_scene(kind);
			struct segreg_snapshot snapshot = t_take(s.reg, SEGREG_SNAPSHOT);
			struct shown shown = { .s = &s, .meanwhile = in_callback ? replace_all : NULL };

			if (!in_callback)
				t_at_point("snapshot.collected", 1, replace_at_point, &shown);
			T_OK(segreg_snapshot_list(s.reg, &snapshot, order, show, &shown));
			T_EQ(set_of(&shown), T_BIT(1) | T_BIT(2) | T_BIT(3));
			T_EQ(t_stats(s.reg).version, 12);
			t_release(s.reg, &snapshot);
			t_expect_sweep(s.reg, 3, 0);
			t_strike(&s);
		}
}

static void exact_across_processes(void)
{
	exact(PEER_PROCESS);
}

static void exact_in_one_process(void)
{
	exact(PEER_THREAD);
}

static void remove_by_force(struct shown *shown)
{
	T_OK(segreg_force_remove(shown->s->reg, 2, SEGREG_FORCE));
	T_OK(segreg_force_remove(shown->s->reg, 1, SEGREG_FORCE));
	T_OK(segreg_register(shown->s->reg, 2, "seg-2")); /* as a later segment, in a slot of the snapshot's */
}

static void removed_by_force(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_snapshot snapshot = t_take(s.reg, SEGREG_SNAPSHOT);
	struct segreg_entry entry = { .size = sizeof(entry) };
	struct shown shown = { .s = &s, .meanwhile = remove_by_force };

	T_OK(segreg_snapshot_list(s.reg, &snapshot, SEGREG_BY_ID, show, &shown));
	T_EQ(set_of(&shown), T_BIT(1) | T_BIT(3)); /* 1 was shown before */
	T_ERR(SEGREG_E_NOENT, segreg_snapshot_find(s.reg, &snapshot, 1, &entry));
	T_ERR(SEGREG_E_NOENT, segreg_snapshot_find(s.reg, &snapshot, 2, &entry));
	t_strike(&s);
}

static void stands_in_a_commit(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_snapshot snapshot = t_take(s.reg, SEGREG_SNAPSHOT);
	struct segreg_open_options options = { .size = sizeof(options), .timeout_ms = 20 };
	struct segreg_entry entry = { .size = sizeof(entry) };
	struct shown shown = { .s = &s };
	struct segreg *hasty = t_open_with(&s.world, options);
	struct segreg_snapshot held = t_take(hasty, SEGREG_SNAPSHOT);
	const uint64_t id = 1;

	/* It has both locks. */
	peer_run_to(s.holder, "change.applied", peer_do_retire, &id, sizeof(id));
	T_OK(segreg_snapshot_list(s.reg, &snapshot, SEGREG_BY_PATH, show, &shown));
	T_EQ(set_of(&shown), T_BIT(1) | T_BIT(2) | T_BIT(3));
	for (uint64_t each = 1; each <= 3; each++)
		T_OK(segreg_snapshot_find(hasty, &held, each, &entry));
	T_ERR(SEGREG_E_TIMEDOUT, segreg_snapshot_find(hasty, &held, 4, &entry));
	peer_go_on(s.holder);
	T_OK(peer_end(s.holder, NULL));
	T_ERR(SEGREG_E_NOENT, segreg_snapshot_find(hasty, &held, 4, &entry));
	t_close(hasty);
	t_strike(&s);
}

/* ---------------------------------------------------------------- what ends a list */

static void let_go(struct shown *shown)
{
	t_release(shown->s->reg, shown->snapshot);
}

static int evict_holder(void *arg, const struct segreg_holder *holder)
{
	return holder->snapshots ? segreg_evict(arg, holder->lane, holder->epoch, NULL) : 0;
}

/* Evict the handle that has the snapshot, and delete all that the snapshot held. */
static void evict(struct shown *shown)
{
	struct segreg *other = t_open(&shown->s->world);

	T_OK(segreg_lanes(other, evict_holder, other));
	for (uint64_t id = 1; id <= 3; id++)
		T_OK(segreg_retire(other, id));
	t_expect_sweep(other, 3, 0);
	t_close(other);
}

static void evict_at_point(void *arg, const char *point)
{
	(void)point;
	evict(arg);
}

static void ends(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_snapshot snapshot = t_take(s.reg, SEGREG_SNAPSHOT);
	struct shown shown = { .s = &s, .stop_at = 2 }, last = { .s = &s, .stop_at = 3 };
	struct shown released = { .s = &s, .meanwhile = let_go, .snapshot = &snapshot }, none = { .s = &s };

	T_EQ(segreg_snapshot_list(s.reg, &snapshot, SEGREG_BY_ID, show, &shown), 77);
	T_EQ(shown.n, 2);
	T_EQ(segreg_snapshot_list(s.reg, &snapshot, SEGREG_BY_PATH, show, &last), 77);
	T_EQ(last.n, 3);
	T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_list(s.reg, &snapshot, SEGREG_BY_ID, show, &released));
	T_EQ(released.n, 1);
	T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_list(s.reg, &snapshot, SEGREG_BY_ID, show, &none));
	T_EQ(none.n, 0);
	t_strike(&s);
}

/* An evicted handle's segments go. No walk, list or look-up takes that for a version that has fewer. */
static void evicted(void)
{
	static const char *const points[] = { "snapshot.collected", "snapshot.walked", "snapshot.finding" };

	for (int i = -1; i < 3; i++) {
		struct t_scene s = t_scene(PEER_PROCESS);
		struct segreg_snapshot snapshot = t_take(s.reg, SEGREG_SNAPSHOT);
		struct segreg_entry entry = { .size = sizeof(entry) };
		struct shown shown = { .s = &s, .meanwhile = i < 0 ? evict : NULL };

		for (int n = 0; i == 1 && n < 3; n++)
			T_EQ(segreg_snapshot_next(s.reg, &snapshot, &entry), 1);
		if (i >= 0)
			t_at_point(points[i], 1, evict_at_point, &shown);
		T_ERR(SEGREG_E_EVICTED, i == 2   ? segreg_snapshot_find(s.reg, &snapshot, 2, &entry)
					: i == 1 ? segreg_snapshot_next(s.reg, &snapshot, &entry)
						 : segreg_snapshot_list(s.reg, &snapshot, SEGREG_BY_ID, show, &shown));
		T_EQ(shown.n, i < 0);
		t_strike(&s);
	}
}

static void without_memory(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_snapshot snapshot = t_take(s.reg, SEGREG_SNAPSHOT);
	struct segreg_entry entry = { .size = sizeof(entry) };
	struct shown shown = { .s = &s };

	for (unsigned nth = 1; nth <= 2; nth++) {
		t_fail_call("malloc", nth, ENOMEM);
		T_ERR(SEGREG_E_NOMEM, segreg_snapshot_list(s.reg, &snapshot, SEGREG_BY_PATH, show, &shown));
		T_EQ(t_failed_calls(), 1);
	}
	t_fail_call("malloc", 0, ENOMEM);
	T_ERR(SEGREG_E_NOMEM, segreg_snapshot_list(s.reg, &snapshot, SEGREG_BY_ID, show, &shown));
	T_EQ(shown.n, 0);
	T_OK(segreg_snapshot_find(s.reg, &snapshot, 2, &entry)); /* allocates nothing */
	t_fail_call(NULL, 0, 0);
	t_strike(&s);
}

static void not_in_a_child(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_snapshot snapshot = t_take(s.reg, SEGREG_SNAPSHOT);
	struct segreg_entry entry = { .size = sizeof(entry) };
	struct shown shown = { .s = &s };
	pid_t child = T_SYS(fork());
	int status;

	if (child == 0) {
		T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_list(s.reg, &snapshot, SEGREG_BY_ID, show, &shown));
		T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_find(s.reg, &snapshot, 1, &entry));
		_exit(segreg_close(s.reg, NULL) != 0);
	}
	T_SYS(waitpid(child, &status, 0));
	T_EQ(status, 0);
	T_OK(segreg_snapshot_find(s.reg, &snapshot, 1, &entry));
	t_strike(&s);
}

/* ---------------------------------------------------------------- one segment */

static void finds_one(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_entry entry = { .size = sizeof(entry), .cursor = 5 }, before;
	struct segreg_snapshot snapshot;

	T_OK(segreg_retire(s.reg, 1));
	t_make_file(&s.world, "file", 1);
	T_OK(segreg_register(s.reg, 5, "file"));
	snapshot = t_take(s.reg, SEGREG_SNAPSHOT);
	t_add(&s.world, s.reg, 4);
	T_OK(segreg_retire(s.reg, 2));
	t_expect_sweep(s.reg, 1, 1);
	T_OK(segreg_snapshot_find(s.reg, &snapshot, 2, &entry));
	T_EQ(entry.id, 2);
	T_EQ(entry.born, 2);
	T_EQ(entry.is_directory, 1);
	T_EQ(entry.cursor, 5);
	T_EQ(entry.size, sizeof(entry));
	T_STR(entry.path, "seg-2");
	T_OK(segreg_snapshot_find(s.reg, &snapshot, 5, &entry));
	T_EQ(entry.born, 5);
	T_EQ(entry.is_directory, 0);
	T_STR(entry.path, "file");
	before = entry;
	T_ERR(SEGREG_E_NOENT, segreg_snapshot_find(s.reg, &snapshot, 1, &entry)); /* retired before */
	T_ERR(SEGREG_E_NOENT, segreg_snapshot_find(s.reg, &snapshot, 4, &entry)); /* registered later */
	T_HAS(segreg_last_error(), "version 5 has no segment 4");
	T_ERR(SEGREG_E_NOENT, segreg_snapshot_find(s.reg, &snapshot, 99, &entry));
	T_EQ(memcmp(&entry, &before, sizeof(entry)), 0);
	t_strike(&s);
}

T_SUITE(ordered, { "a list by id, and by path, is in that order", orders },
	{ "lists of none and of 3,000 are whole and in order", many },
	{ "a list is exactly its version, whatever comes and goes, across processes", exact_across_processes },
	{ "a list is exactly its version, whatever comes and goes, in one process", exact_in_one_process },
	{ "what is unregistered by force during a list is not shown, and not found", removed_by_force },
	{ "lists and hits take no lock, and only a miss waits", stands_in_a_commit },
	{ "a list ends when its callback says so, and when the snapshot is released", ends },
	{ "an evicted handle's walk, list and look-up fail, and show no smaller version", evicted },
	{ "a list fails without memory, and a look-up needs none", without_memory },
	{ "a child has not its parent's snapshot to list", not_in_a_child },
	{ "a look-up finds what its version has, and nothing else", finds_one });
