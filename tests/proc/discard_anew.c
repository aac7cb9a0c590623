/*
 * discard_anew.c - a path where another file was made: the discard of that one, and making way for it by vacating.
 */
#include "discard.h"
#include "harness.h"
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static ino_t inode_of(const struct t_world *w, const char *path)
{
	struct stat st;

	T_SYS(stat(t_path(w, "%s", path), &st));
	return st.st_ino;
}

/* ---------------------------------------------------------------- something else is at the path */

static void the_file_made_anew_is_discarded(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_snapshot before = hold(reg, SEGREG_HORIZON), between;
	uint64_t first;

	t_make_file(&w, "log", SIZE);
	T_OK(discard(reg, "log"));
	first = id_of(reg, "log");
	replace(&w, "log", 2 * SIZE);
	T_EQ(t_sweep(reg).held, 1);
	between = hold(reg, SEGREG_HORIZON);
	T_OK(discard(reg, "log"));
	T_CHECK(id_of(reg, "log") != first);
	T_EQ(t_state(reg, first), SEGREG_E_NOENT);
	T_EQ(forgotten(reg), 1);
	T_OK(segreg_snapshot_release(reg, &before));
	T_EQ(t_sweep(reg).held, 1);
	T_OK(segreg_snapshot_release(reg, &between));
	T_EQ(t_sweep(reg).deleted, 1);
	T_CHECK(!t_exists(&w, "log") && t_exists(&w, "log.kept"));
	T_OK(segreg_check(reg, 0, any_finding, NULL));
	t_close(reg);
}

/* The sweep found the other file, and failed with ESTALE. */
static void a_failed_deletion_is_displaced(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_pin pin;

	t_make_file(&w, "log", SIZE);
	T_OK(segreg_register(reg, 7, "log"));
	T_OK(segreg_pin(reg, 7, 0, &pin));
	T_OK(discard(reg, "log"));
	replace(&w, "log", SIZE);
	T_OK(segreg_unpin(reg, &pin));
	T_EQ(t_sweep(reg).failed, 1);
	T_EQ(t_info(reg, 7).error, ESTALE);
	T_OK(discard(reg, "log"));
	T_EQ(t_state(reg, 7), SEGREG_E_NOENT);
	T_EQ(t_stats(reg).failed, 0);
	T_EQ(t_sweep(reg).deleted, 1);
	T_CHECK(!t_exists(&w, "log"));
	t_close(reg);
}

/* Its record is needed as long as the trash has something of it. */
static void what_is_in_the_trash_is_not_displaced(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *sweeper = peer_start(&w, PEER_PROCESS);

	t_make_dir(&w, "dir", SIZE);
	T_OK(discard(reg, "dir"));
	T_OK(peer_open(sweeper));
	peer_run_to(sweeper, "trash.renamed", peer_do_sweep, NULL, 0);
	t_make_dir(&w, "dir", SIZE);
	T_ERR(SEGREG_E_EXISTS, discard(reg, "dir"));
	T_EQ(state_of(reg, "dir"), SEGREG_DELETING);
	peer_kill(sweeper);
	T_OK(segreg_vacate(reg, "dir"));
	T_EQ(state_of(reg, "dir"), SEGREG_DELETING);
	T_EQ(t_sweep(reg).deleted, 1);
	T_CHECK(t_exists(&w, "dir/data"));
	T_EQ(t_count_entries(&w, T_TRASH), 0);
	T_OK(discard(reg, "dir"));
	T_EQ(t_sweep(reg).deleted, 1);
	T_CHECK(!t_exists(&w, "dir"));
	t_close(reg);
}

/* The caller looked at the path, and before its edit is planned another file of another segment is there. */
static void a_late_discard_displaces_nothing(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *peer = peer_start(&w, PEER_PROCESS);
	char log[] = "log";

	t_make_file(&w, log, SIZE);
	T_OK(segreg_register(reg, 7, log));
	replace(&w, log, SIZE);
	T_OK(peer_open(peer));
	peer_run_to(peer, "group.leading", do_discard, log, sizeof(log)); /* of the file that replaced it */
	T_SYS(rename(t_path(&w, "log.kept"), t_path(&w, "log")));
	peer_go_on(peer);
	T_OK(peer_end(peer, NULL));
	T_EQ(t_state(reg, 7), SEGREG_LIVE);
	T_EQ(id_of(reg, log), 7);
	peer_exit(peer);
	t_close(reg);
}

/* ---------------------------------------------------------------- a name is used again */

static int create(const struct t_world *w, struct segreg *reg, const char *path)
{
	T_OK(segreg_vacate(reg, path));
	return T_SYS(open(t_path(w, "%s", path), O_CREAT | O_TRUNC | O_RDWR, 0644));
}

static void the_writer_gets_a_file_of_its_own(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_snapshot before = hold(reg, SEGREG_HORIZON);
	struct stat st;
	int old, new;

	t_make_file(&w, "000283.log", SIZE);
	old = T_SYS(open(t_path(&w, "000283.log"), O_RDONLY));
	T_OK(discard(reg, "000283.log"));
	new = create(&w, reg, "000283.log");
	T_EQ(write(new, "new", 3), 3);
	T_CHECK(t_fd_has_pattern(old, SIZE));
	T_EQ(state_of(reg, "000283.log"), SEGREG_E_NOENT);
	T_EQ(forgotten(reg), 1);
	T_OK(segreg_snapshot_release(reg, &before));
	T_EQ(t_sweep(reg).deleted, 0);
	T_SYS(fstat(new, &st));
	T_EQ(inode_of(&w, "000283.log"), st.st_ino);
	T_OK(discard(reg, "000283.log"));
	T_EQ(t_sweep(reg).deleted, 1);
	close(old);
	close(new);
	t_close(reg);
}

static void vacates_what_is_retired_alone(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_pin pin;
	uint64_t version;

	T_OK(segreg_vacate(reg, "nothing"));
	t_make_file(&w, "stranger", SIZE);
	T_OK(segreg_vacate(reg, "stranger"));
	T_CHECK(t_exists(&w, "stranger"));
	t_make_file(&w, "live", SIZE);
	T_OK(segreg_register(reg, 1, "live"));
	T_OK(segreg_reserve(reg, 2, "building"));
	t_make_file(&w, "building", SIZE);
	version = t_version(reg);
	T_ERR(SEGREG_E_EXISTS, segreg_vacate(reg, "live"));
	T_ERR(SEGREG_E_EXISTS, segreg_vacate(reg, "building"));
	T_EQ(t_version(reg), version);
	T_CHECK(t_exists(&w, "live") && t_exists(&w, "building"));

	/* It is forgotten although it is pinned, as with SEGREG_FORCE; a directory stays. */
	T_OK(segreg_pin(reg, 1, 0, &pin));
	T_OK(segreg_retire_path(reg, "live"));
	T_OK(segreg_vacate(reg, "live"));
	T_CHECK(!t_exists(&w, "live"));
	T_EQ(t_state(reg, 1), SEGREG_E_NOENT);
	T_OK(segreg_unpin(reg, &pin));
	t_make_dir(&w, "dir", SIZE);
	T_OK(discard(reg, "dir"));
	T_OK(segreg_vacate(reg, "dir"));
	T_CHECK(t_exists(&w, "dir/data"));
	T_EQ(state_of(reg, "dir"), SEGREG_E_NOENT);

	/* What is at the path is not what was discarded: it stays, and no sweep takes offence. */
	t_make_file(&w, "log", SIZE);
	T_OK(discard(reg, "log"));
	replace(&w, "log", SIZE);
	T_OK(segreg_vacate(reg, "log"));
	T_CHECK(t_exists(&w, "log"));
	T_EQ(t_sweep(reg).failed, 0);
	T_EQ(t_stats(reg).pending + t_stats(reg).deleting, 0);
	t_close(reg);
}

static void waits_for_a_sweep_that_is_about_to_delete_it(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open_with(&w, (struct segreg_open_options){ .timeout_ms = 20 });
	struct peer *sweeper = peer_start(&w, PEER_PROCESS), *writer = peer_start(&w, PEER_PROCESS);
	char log[] = "log";

	t_make_file(&w, log, SIZE);
	T_OK(discard(reg, log));
	T_OK(peer_open(sweeper));
	T_OK(peer_open(writer));
	peer_run_to(sweeper, "sweep.committed", peer_do_sweep, NULL, 0);
	T_ERR(SEGREG_E_BUSY, segreg_vacate(reg, log));
	T_CHECK(t_exists(&w, log));
	peer_begin(writer, do_vacate, log, sizeof(log));
	peer_go_on(sweeper);
	T_OK(peer_end(sweeper, NULL));
	T_OK(peer_end(writer, NULL));
	T_CHECK(!t_exists(&w, log));
	T_EQ(forgotten(reg), 0);

	/* A sweeper that died keeps nobody waiting. */
	t_make_file(&w, log, SIZE);
	T_OK(discard(reg, log));
	peer_run_to(sweeper, "sweep.committed", peer_do_sweep, NULL, 0);
	peer_kill(sweeper);
	T_OK(segreg_vacate(reg, log));
	T_CHECK(!t_exists(&w, log));
	T_EQ(forgotten(reg), 1);
	peer_exit(writer);
	t_close(reg);
}

/* ---------------------------------------------------------------- killed */

static void killed_while_discarding(void)
{
	static const char *const points[] = {
		"group.leading",  "group.planned",   "edit.prepared",  "change.committing",
		"change.durable", "edit.publishing", "change.applied",
	};

	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
		struct t_world w = t_world(T_MEMORY);
		struct segreg *reg = t_open(&w);
		struct peer *peer = peer_start(&w, PEER_PROCESS);
		bool done = i >= 4;
		uint64_t old;
		char log[] = "log";

		t_make_file(&w, log, SIZE);
		T_OK(discard(reg, log));
		old = id_of(reg, log);
		replace(&w, log, SIZE);
		T_OK(peer_open(peer));
		peer_run_to(peer, points[i], do_discard, log, sizeof(log));
		peer_kill(peer);
		T_EQ(id_of(reg, log) != old, done);
		T_EQ(t_state(reg, old), done ? SEGREG_E_NOENT : SEGREG_PENDING);
		T_OK(segreg_check(reg, 0, any_difference, NULL));
		T_EQ(t_stats(reg).pending, 1);
		T_OK(discard(reg, log));
		T_EQ(t_sweep(reg).deleted, 1);
		T_CHECK(!t_exists(&w, log));
		t_close(reg);
	}
}

static void killed_while_vacating(void)
{
	static const char *const points[] = { "vacate.unlinked", "change.committing", "change.durable",
					      "change.applied" };

	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
		struct t_world w = t_world(T_MEMORY);
		struct segreg *reg = t_open(&w);
		struct peer *peer = peer_start(&w, PEER_PROCESS);
		char log[] = "log";

		t_make_file(&w, log, SIZE);
		T_OK(discard(reg, log));
		T_OK(peer_open(peer));
		peer_run_to(peer, points[i], do_vacate, log, sizeof(log));
		peer_kill(peer);
		T_CHECK(!t_exists(&w, log));
		T_EQ(state_of(reg, log), i < 2 ? SEGREG_PENDING : SEGREG_E_NOENT);
		T_EQ(t_sweep(reg).failed, 0);
		T_EQ(state_of(reg, log), SEGREG_E_NOENT);
		T_OK(segreg_check(reg, 0, any_difference, NULL));
		t_close(reg);
	}
}

static void in_a_discarded_directory(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_make_dir(&w, "db", SIZE);
	T_OK(discard(reg, "db"));
	T_ERR(SEGREG_E_EXISTS, segreg_vacate(reg, "db/data"));
	T_OK(segreg_vacate(reg, "db"));
	T_OK(segreg_vacate(reg, "db/data"));
	T_EQ(t_sweep(reg).deleted, 0);
	T_CHECK(t_exists(&w, "db/data"));
	t_close(reg);
}

T_SUITE(discard_anew,
	{ "the file that was made anew is discarded, and the old one forgotten", the_file_made_anew_is_discarded },
	{ "a deletion that failed because of the new file is forgotten with it", a_failed_deletion_is_displaced },
	{ "what is in the trash keeps its record", what_is_in_the_trash_is_not_displaced },
	{ "a discard that comes late displaces nothing", a_late_discard_displaces_nothing },
	{ "the writer gets a file of its own, and the reader keeps the old one", the_writer_gets_a_file_of_its_own },
	{ "only what is retired is vacated", vacates_what_is_retired_alone },
	{ "a vacation waits for a sweep that is about to delete", waits_for_a_sweep_that_is_about_to_delete_it },
	{ "killed while discarding what displaces a segment", killed_while_discarding },
	{ "killed while vacating", killed_while_vacating },
	{ "a file in a discarded directory is not the caller's before the directory is", in_a_discarded_directory });
