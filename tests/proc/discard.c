/*
 * discard.c - deleting by path: what is discarded stays while an older horizon is held, and all paths go or none.
 */
#include "discard.h"
#include "harness.h"
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------------------------------------------------------- what holds it */

static void older_horizons_hold_it(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_snapshot before = hold(reg, SEGREG_HORIZON), after;

	t_make_file(&w, "000001.sst", SIZE);
	T_OK(discard(reg, "000001.sst"));
	T_EQ(state_of(reg, "000001.sst"), SEGREG_PENDING);
	after = hold(reg, SEGREG_HORIZON);
	T_EQ(t_sweep(reg).held, 1);
	T_CHECK(t_exists(&w, "000001.sst"));
	T_OK(segreg_snapshot_release(reg, &before));
	T_EQ(t_sweep(reg).deleted, 1);
	T_CHECK(!t_exists(&w, "000001.sst"));
	T_EQ(state_of(reg, "000001.sst"), SEGREG_E_NOENT);
	T_OK(segreg_snapshot_release(reg, &after));
	T_OK(segreg_check(reg, 0, any_finding, NULL));
	t_close(reg);
}

/* A snapshot has the segments that were live in its version. A file that was no segment is none of them. */
static void snapshots_do_not_hold_what_was_no_segment(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_snapshot snapshot;
	struct segreg_entry entry = { .size = sizeof(entry) };

	t_add(&w, reg, 1);
	snapshot = hold(reg, SEGREG_SNAPSHOT);
	t_make_file(&w, "file", SIZE);
	T_OK(discard(reg, "file"));
	T_OK(discard(reg, "seg-1"));
	T_EQ(segreg_snapshot_next(reg, &snapshot, &entry), 1);
	T_EQ(entry.id, 1);
	T_EQ(segreg_snapshot_next(reg, &snapshot, &entry), 0);
	T_EQ(t_sweep(reg).deleted, 1);
	T_CHECK(!t_exists(&w, "file") && t_exists(&w, "seg-1"));
	T_OK(segreg_snapshot_release(reg, &snapshot));
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

static void segments_are_retired(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_pin pin;

	t_add(&w, reg, 1);
	T_OK(segreg_pin(reg, 1, 0, &pin));
	T_OK(discard(reg, "seg-1"));
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	T_EQ(t_sweep(reg).held, 1);
	T_OK(segreg_unpin(reg, &pin));
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

static void survives_a_restart(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	uint64_t id;

	t_make_file(&w, "a", SIZE);
	t_make_dir(&w, "b", SIZE);
	T_OK(segreg_discard(reg, (const char *const[]){ "a", "b" }, 2, 0));
	id = id_of(reg, "a");
	t_close(reg);
	reg = t_open(&w);
	T_EQ(id_of(reg, "a"), id);
	T_EQ(state_of(reg, "b"), SEGREG_PENDING);
	T_EQ(t_sweep(reg).deleted, 2);
	T_CHECK(!t_exists(&w, "a") && !t_exists(&w, "b"));
	t_close(reg);
}

/* ---------------------------------------------------------------- all or none, and again */

static void one_version_for_all(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	const char *const paths[] = { "a", "seg-1", "absent", "dir", "a" };
	uint64_t version;

	t_add(&w, reg, 1);
	t_make_file(&w, "a", SIZE);
	t_make_dir(&w, "dir", SIZE);
	version = t_version(reg);
	T_OK(segreg_discard(reg, paths, 5, 0));
	T_EQ(t_version(reg), version + 1);
	T_EQ(t_stats(reg).pending, 3);
	T_OK(segreg_discard(reg, paths, 5, 0));
	T_OK(segreg_discard(reg, NULL, 0, 0));
	T_EQ(t_version(reg), version + 1);
	T_EQ(t_sweep(reg).deleted, 3);
	T_OK(segreg_discard(reg, paths, 5, 0));
	T_EQ(t_version(reg), version + 1);
	t_close(reg);
}

static void one_bad_path_and_none_is_discarded(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	uint64_t version;

	t_make_file(&w, "a", SIZE);
	t_make_dir(&w, "dir", SIZE);
	t_make_dir(&w, "reserved", 0);
	t_add(&w, reg, 1);
	T_OK(segreg_reserve(reg, 2, "building"));
	t_make_file(&w, "building", 0);
	version = t_version(reg);
	T_ERR(SEGREG_E_PATH, segreg_discard(reg, (const char *const[]){ "a", "../b" }, 2, 0));
	T_ERR(SEGREG_E_EXISTS, segreg_discard(reg, (const char *const[]){ "a", "seg-1/data" }, 2, 0));
	T_HAS(segreg_last_error(), "seg-1/data");
	T_ERR(SEGREG_E_EXISTS, segreg_discard(reg, (const char *const[]){ "dir/data", "dir" }, 2, 0));
	T_ERR(SEGREG_E_EXISTS, segreg_discard(reg, (const char *const[]){ "dir", "dir/data" }, 2, 0));
	T_ERR(SEGREG_E_EXISTS, segreg_discard(reg, (const char *const[]){ "a", "building" }, 2, 0));
	T_ERR(SEGREG_E_INVAL, segreg_discard(reg, (const char *const[]){ "a", NULL }, 2, 0));
	T_ERR(SEGREG_E_INVAL, segreg_discard(reg, NULL, 1, 0));
	T_ERR(SEGREG_E_INVAL, segreg_discard(reg, (const char *const[]){ "a" }, 1, 1u << 31));
	T_EQ(t_version(reg), version);
	T_EQ(t_stats(reg).pending, 0);
	T_EQ(state_of(reg, "a"), SEGREG_E_NOENT);
	T_OK(segreg_check(reg, 0, any_difference, NULL));
	t_close(reg);
}

#define MANY 5000u

static void thousands_at_once(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	char **paths = malloc(MANY * sizeof(*paths));
	struct segreg_snapshot before = hold(reg, SEGREG_HORIZON);

	T_CHECK(paths != NULL);
	T_SYS(mkdir(t_path(&w, "d"), 0755));
	for (unsigned i = 0; i < MANY; i++) {
		T_CHECK(asprintf(&paths[i], "d/%06u.sst", i) > 0);
		t_make_file(&w, paths[i], 0);
	}
	T_OK(segreg_discard(reg, (const char *const *)paths, MANY, 0));
	T_EQ(t_stats(reg).pending, MANY);
	T_EQ(t_sweep(reg).held, MANY);
	T_OK(segreg_snapshot_release(reg, &before));
	T_EQ(t_sweep(reg).deleted, MANY);
	T_EQ(t_count_entries(&w, "d"), 0);
	for (unsigned i = 0; i < MANY; i++)
		free(paths[i]);
	free(paths);
	t_close(reg);
}

/* Both pay for the disk once: the second edit travels with the first. */
static void a_discard_travels(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *leader = peer_start(&w, PEER_PROCESS), *rider = peer_start(&w, PEER_PROCESS);
	char a[] = "a", b[] = "b", c[] = "c";
	uint64_t commits;

	t_make_file(&w, a, SIZE);
	t_make_file(&w, b, SIZE);
	T_OK(peer_open(leader));
	T_OK(peer_open(rider));
	commits = t_stats(reg).commits;
	peer_run_to(leader, "group.leading", do_discard, a, sizeof(a));
	peer_run_to(rider, "letter.posted", do_discard, b, sizeof(b));
	peer_go_on(rider);
	peer_go_on(leader);
	T_OK(peer_end(leader, NULL));
	T_OK(peer_end(rider, NULL));
	T_EQ(t_stats(reg).commits, commits + 1);
	T_CHECK(id_of(reg, a) != id_of(reg, b));
	T_EQ(state_of(reg, b), SEGREG_PENDING);

	/* A refusal travels back with its text. */
	t_add(&w, reg, 1);
	t_make_file(&w, c, SIZE);
	peer_run_to(leader, "group.leading", do_discard, c, sizeof(c));
	peer_run_to(rider, "letter.posted", do_discard, "seg-1/data", 11);
	peer_go_on(rider);
	peer_go_on(leader);
	T_OK(peer_end(leader, NULL));
	T_ERR(SEGREG_E_EXISTS, peer_end(rider, NULL));
	T_HAS(t_last_text(), "seg-1/data");
	T_EQ(state_of(reg, c), SEGREG_PENDING);
	peer_exit(leader);
	peer_exit(rider);
	T_EQ(t_sweep(reg).deleted, 3);
	t_close(reg);
}

/* ---------------------------------------------------------------- paths */

static void absolute_and_untidy_paths(void)
{
	struct t_world w = t_world(T_MEMORY), elsewhere = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	char *alias = strdup(t_path(&elsewhere, "alias"));
	char through[600];

	T_SYS(symlink(w.base, alias));
	T_SYS(mkdir(t_path(&w, "db"), 0755));
	for (int i = 1; i <= 5; i++) {
		char name[16];

		snprintf(name, sizeof(name), "db/%d", i);
		t_make_file(&w, name, SIZE);
	}
	T_OK(discard(reg, "./db//1"));
	T_OK(discard(reg, t_path(&w, "db/2")));
	T_OK(discard(reg, t_path(&w, "/./db/./3/")));
	snprintf(through, sizeof(through), "%s/db/4", alias);
	T_OK(discard(reg, through));
	snprintf(through, sizeof(through), "%s/db/.//5//", alias);
	T_OK(discard(reg, through));
	for (int i = 1; i <= 5; i++) {
		char name[16];

		snprintf(name, sizeof(name), "db/%d", i);
		T_EQ(state_of(reg, name), SEGREG_PENDING);
		snprintf(through, sizeof(through), "%s/./%s", alias, name);
		T_EQ(state_of(reg, through), SEGREG_PENDING);
	}
	T_EQ(t_sweep(reg).deleted, 5);
	free(alias);
	t_close(reg);
}

static void hostile_paths(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	char longest[SEGREG_PATH_MAX + 2];
	const char *const paths[] = {
		"",
		"/",
		".",
		"./",
		"..",
		"../x",
		"a/../b",
		"/etc/passwd",
		"/nowhere/x",
		".segreg",
		".segreg-trash",
		".segreg-trash/x",
		"registry",
		"registry/registry.mdb",
		"link",
		"link/x",
		"fifo",
		w.base,
		t_path(&w, "../x"),
		t_path(&w, ".segreg"),
		longest,
		"/proc/self/root/etc/passwd",
	};

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	T_SYS(symlink("/etc", t_path(&w, "link")));
	T_SYS(mkfifo(t_path(&w, "fifo"), 0644));
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		T_ERR(SEGREG_E_PATH, discard(reg, paths[i]));
		if (strcmp(paths[i], "fifo") && strcmp(paths[i], "link") && strcmp(paths[i], "link/x")) {
			T_ERR(SEGREG_E_PATH, segreg_retire_path(reg, paths[i]));
			T_ERR(SEGREG_E_PATH, segreg_find(reg, paths[i], NULL, NULL));
		}
		T_ERR(SEGREG_E_PATH, segreg_vacate(reg, paths[i]));
	}
	longest[SEGREG_PATH_MAX] = '\0';
	T_EQ(state_of(reg, longest), SEGREG_E_NOENT);
	T_EQ(t_version(reg), 0);
	t_close(reg);
}

/* ---------------------------------------------------------------- in an edit */

static void in_an_edit(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_edit *edit;
	uint64_t version;

	t_add(&w, reg, 1);
	t_make_file(&w, "old", SIZE);
	t_make_file(&w, "new", SIZE);
	T_OK(segreg_version(reg, &version));
	for (int i = 0; i < 2; i++) {
		T_OK(segreg_edit_begin(reg, &edit));
		T_ERR(SEGREG_E_INVAL, segreg_edit_discard(edit, NULL));
		T_ERR(SEGREG_E_INVAL, segreg_edit_retire_path(edit, NULL));
		T_ERR(SEGREG_E_PATH, segreg_edit_discard(edit, "../old"));
		T_ERR(SEGREG_E_PATH, segreg_edit_retire_path(edit, "../old"));
		T_OK(segreg_edit_add(edit, SEGREG_ID_NEXT, "new"));
		T_OK(segreg_edit_discard(edit, "old"));
		T_OK(segreg_edit_retire_path(edit, "./seg-1"));
		T_OK(segreg_edit_expect_live(edit));
		T_OK(segreg_edit_expect(edit, version));
		if (!i)
			T_OK(segreg_edit_commit(edit, NULL));
		else
			T_ERR(SEGREG_E_CONFLICT, segreg_edit_commit(edit, NULL));
	}
	T_OK(segreg_edit_begin(reg, &edit));
	T_OK(segreg_edit_retire_path(edit, "seg-1"));
	T_OK(segreg_edit_expect_live(edit));
	T_ERR(SEGREG_E_CONFLICT, segreg_edit_commit(edit, NULL));
	T_OK(segreg_edit_begin(reg, &edit));
	T_OK(segreg_edit_discard(edit, "seg-1")); /* a discard expects it as well */
	T_OK(segreg_edit_expect_live(edit));
	T_ERR(SEGREG_E_CONFLICT, segreg_edit_commit(edit, NULL));
	T_OK(segreg_edit_begin(reg, &edit));
	T_OK(segreg_edit_discard(edit, "nothing"));
	T_OK(segreg_edit_expect_live(edit));
	T_ERR(SEGREG_E_NOENT, segreg_edit_commit(edit, NULL));
	T_EQ(t_version(reg), version + 1);
	T_EQ(state_of(reg, "new"), SEGREG_LIVE);
	T_EQ(t_sweep(reg).deleted, 2);
	T_CHECK(t_exists(&w, "new") && !t_exists(&w, "old"));
	t_close(reg);
}

/* ---------------------------------------------------------------- by path */

static void retires_and_finds_by_path(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	enum segreg_state state;
	uint64_t id = 0;

	t_add(&w, reg, 1);
	T_OK(segreg_find(reg, "seg-1", &id, &state));
	T_EQ(id, 1);
	T_EQ(state, SEGREG_LIVE);
	id = 77;
	T_ERR(SEGREG_E_NOENT, segreg_find(reg, "seg", &id, &state));
	T_ERR(SEGREG_E_NOENT, segreg_find(reg, "seg-1/data", &id, &state));
	T_EQ(id, 77);
	T_ERR(SEGREG_E_NOENT, segreg_retire_path(reg, "seg-1/data"));
	T_HAS(segreg_last_error(), "seg-1/data");
	T_OK(segreg_retire_path(reg, t_path(&w, "seg-1")));
	T_OK(segreg_retire_path(reg, "seg-1"));
	T_OK(segreg_find(reg, "seg-1", NULL, &state));
	T_EQ(state, SEGREG_PENDING);
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

T_SUITE(discard,
	{ "a horizon from before holds what is discarded, and one from after does not", older_horizons_hold_it },
	{ "a snapshot does not hold what was no segment", snapshots_do_not_hold_what_was_no_segment },
	{ "a segment is retired, and its pins hold it", segments_are_retired },
	{ "what is discarded survives a restart", survives_a_restart },
	{ "all paths make one version; again, they make none", one_version_for_all },
	{ "with one bad path none is discarded", one_bad_path_and_none_is_discarded },
	{ "thousands of paths in one call", thousands_at_once },
	{ "a discard travels with another process's commit, and so does its refusal", a_discard_travels },
	{ "absolute paths, untidy ones, and those through a link to base", absolute_and_untidy_paths },
	{ "hostile paths are refused", hostile_paths }, { "discards and retirements by path in an edit", in_an_edit },
	{ "segments are found and retired by path", retires_and_finds_by_path });
