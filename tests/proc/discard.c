/*
 * discard.c - deleting by path: what is discarded stays while an older horizon is held, and names are used again.
 */
#include "harness.h"
#include "peer.h"
#include "reboot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE 4096

static int discard(struct segreg *reg, const char *path)
{
	return segreg_discard(reg, &path, 1, 0);
}

static struct segreg_snapshot hold(struct segreg *reg, enum segreg_snapshot_kind kind)
{
	struct segreg_snapshot snapshot;

	T_OK(segreg_snapshot_take(reg, kind, &snapshot));
	return snapshot;
}

static int state_of(struct segreg *reg, const char *path)
{
	enum segreg_state state;
	uint64_t id;
	int rc = segreg_find(reg, path, &id, &state);

	return rc ? rc : (int)state;
}

static uint64_t id_of(struct segreg *reg, const char *path)
{
	uint64_t id = 0;

	T_OK(segreg_find(reg, path, &id, NULL));
	return id;
}

static uint64_t version_of(struct segreg *reg)
{
	uint64_t version;

	T_OK(segreg_version(reg, &version));
	return version;
}

static ino_t inode_of(const struct t_world *w, const char *path)
{
	struct stat st;

	T_SYS(stat(t_path(w, "%s", path), &st));
	return st.st_ino;
}

/* Another file takes the place of the one at path, while that is kept: so it has another inode. */
static void replace(const struct t_world *w, const char *path, size_t size)
{
	T_SYS(rename(t_path(w, "%s", path), t_path(w, "%s.kept", path)));
	t_make_file(w, path, size);
}

static int any_finding(void *arg, const struct segreg_finding *finding)
{
	(void)arg;
	if (finding->kind != SEGREG_FOUND_STRANGER)
		T_FAIL("%s: %s", finding->path, finding->reason);
	return 0;
}

static int any_difference(void *arg, const struct segreg_finding *finding)
{
	(void)arg;
	if (finding->kind == SEGREG_FOUND_DIFFERENCE)
		T_FAIL("%s: %s", finding->path, finding->reason);
	return 0;
}

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
	version = version_of(reg);
	T_OK(segreg_discard(reg, paths, 5, 0));
	T_EQ(version_of(reg), version + 1);
	T_EQ(t_stats(reg).pending, 3);
	T_OK(segreg_discard(reg, paths, 5, 0));
	T_OK(segreg_discard(reg, NULL, 0, 0));
	T_EQ(version_of(reg), version + 1);
	T_EQ(t_sweep(reg).deleted, 3);
	T_OK(segreg_discard(reg, paths, 5, 0));
	T_EQ(version_of(reg), version + 1);
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
	version = version_of(reg);
	T_ERR(SEGREG_E_PATH, segreg_discard(reg, (const char *const[]){ "a", "../b" }, 2, 0));
	T_ERR(SEGREG_E_EXISTS, segreg_discard(reg, (const char *const[]){ "a", "seg-1/data" }, 2, 0));
	T_HAS(segreg_last_error(), "seg-1/data");
	T_ERR(SEGREG_E_EXISTS, segreg_discard(reg, (const char *const[]){ "dir/data", "dir" }, 2, 0));
	T_ERR(SEGREG_E_EXISTS, segreg_discard(reg, (const char *const[]){ "dir", "dir/data" }, 2, 0));
	T_ERR(SEGREG_E_EXISTS, segreg_discard(reg, (const char *const[]){ "a", "building" }, 2, 0));
	T_ERR(SEGREG_E_INVAL, segreg_discard(reg, (const char *const[]){ "a", NULL }, 2, 0));
	T_ERR(SEGREG_E_INVAL, segreg_discard(reg, NULL, 1, 0));
	T_ERR(SEGREG_E_INVAL, segreg_discard(reg, (const char *const[]){ "a" }, 1, 1u << 31));
	T_EQ(version_of(reg), version);
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
static int do_discard(struct peer_self *self, void *arg)
{
	return discard(self->reg, arg);
}

static int do_vacate(struct peer_self *self, void *arg)
{
	return segreg_vacate(self->reg, arg);
}

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
	T_EQ(version_of(reg), 0);
	t_close(reg);
}

/* ---------------------------------------------------------------- something else is at the path */

static int count_forgotten(void *arg, const struct segreg_log_entry *entry)
{
	*(unsigned *)arg += entry->kind == SEGREG_LOG_FORGOTTEN;
	return 0;
}

static unsigned forgotten(struct segreg *reg)
{
	unsigned n = 0;

	T_OK(segreg_log(reg, 0, count_forgotten, &n));
	return n;
}

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
	version = version_of(reg);
	T_ERR(SEGREG_E_EXISTS, segreg_vacate(reg, "live"));
	T_ERR(SEGREG_E_EXISTS, segreg_vacate(reg, "building"));
	T_EQ(version_of(reg), version);
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
	T_EQ(version_of(reg), version + 1);
	T_EQ(state_of(reg, "new"), SEGREG_LIVE);
	T_EQ(t_sweep(reg).deleted, 2);
	T_CHECK(t_exists(&w, "new") && !t_exists(&w, "old"));
	t_close(reg);
}

/* ---------------------------------------------------------------- ids and paths */

#define CHOSEN (1ull << 63)

static void the_registry_chooses_ids(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_edit *edit;

	for (int i = 1; i <= 6; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		t_make_file(&w, name, SIZE);
	}
	T_OK(segreg_register(reg, SEGREG_ID_NEXT, "1"));
	T_EQ(id_of(reg, "1"), CHOSEN);
	T_OK(segreg_register(reg, CHOSEN + 1, "2")); /* a caller's, in the way */
	T_OK(segreg_edit_begin(reg, &edit));
	T_OK(segreg_edit_add(edit, SEGREG_ID_NEXT, "3"));
	T_OK(segreg_edit_add(edit, SEGREG_ID_NEXT, "4"));
	T_OK(segreg_edit_commit(edit, NULL));
	T_EQ(id_of(reg, "3"), CHOSEN + 2);
	T_EQ(id_of(reg, "4"), CHOSEN + 3);

	/* Again: the segment keeps its id. */
	T_OK(segreg_register(reg, SEGREG_ID_NEXT, "3"));
	T_EQ(id_of(reg, "3"), CHOSEN + 2);

	/* Not even after it is gone, and after a restart, is an id given again. */
	T_OK(segreg_retire_path(reg, "4"));
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
	reg = t_open(&w);
	T_OK(segreg_register(reg, SEGREG_ID_NEXT, "5"));
	T_EQ(id_of(reg, "5"), CHOSEN + 4);
	T_OK(discard(reg, "6"));
	T_EQ(id_of(reg, "6"), CHOSEN + 5);

	/* A reservation, which is published under the same name. */
	T_OK(segreg_reserve(reg, SEGREG_ID_NEXT, "7"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(reg, SEGREG_ID_NEXT, "7"));
	T_EQ(state_of(reg, "7"), SEGREG_BUILDING);
	t_make_file(&w, "7", SIZE);
	T_ERR(SEGREG_E_NOENT, segreg_retire_path(reg, "7"));
	T_OK(segreg_register(reg, SEGREG_ID_NEXT, "7"));
	T_EQ(state_of(reg, "7"), SEGREG_LIVE);
	T_EQ(id_of(reg, "7"), CHOSEN + 6);
	t_close(reg);
}

/* What a refused edit asked for, it asks for again, and so do riders. */
static int do_register_next(struct peer_self *self, void *arg)
{
	return segreg_register(self->reg, SEGREG_ID_NEXT, arg);
}

static void ids_are_chosen_for_riders(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *leader = peer_start(&w, PEER_PROCESS), *rider = peer_start(&w, PEER_PROCESS);
	char a[] = "a", b[] = "b";

	t_make_file(&w, a, SIZE);
	t_make_file(&w, b, SIZE);
	T_OK(peer_open(leader));
	T_OK(peer_open(rider));
	peer_run_to(leader, "group.leading", do_register_next, a, sizeof(a));
	peer_run_to(rider, "letter.posted", do_register_next, b, sizeof(b));
	peer_go_on(rider);
	peer_go_on(leader);
	T_OK(peer_end(leader, NULL));
	T_OK(peer_end(rider, NULL));
	T_EQ(id_of(reg, a), CHOSEN);
	T_EQ(id_of(reg, b), CHOSEN + 1);
	peer_exit(leader);
	peer_exit(rider);
	t_close(reg);
}

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
	{ "hostile paths are refused", hostile_paths },
	{ "the file that was made anew is discarded, and the old one forgotten", the_file_made_anew_is_discarded },
	{ "a deletion that failed because of the new file is forgotten with it", a_failed_deletion_is_displaced },
	{ "what is in the trash keeps its record", what_is_in_the_trash_is_not_displaced },
	{ "a discard that comes late displaces nothing", a_late_discard_displaces_nothing },
	{ "the writer gets a file of its own, and the reader keeps the old one", the_writer_gets_a_file_of_its_own },
	{ "only what is retired is vacated", vacates_what_is_retired_alone },
	{ "a vacation waits for a sweep that is about to delete", waits_for_a_sweep_that_is_about_to_delete_it },
	{ "killed while discarding what displaces a segment", killed_while_discarding },
	{ "killed while vacating", killed_while_vacating },
	{ "a file in a discarded directory is not the caller's before the directory is", in_a_discarded_directory },
	{ "discards and retirements by path in an edit", in_an_edit },
	{ "the registry chooses ids, and none twice", the_registry_chooses_ids },
	{ "the registry chooses ids for riders", ids_are_chosen_for_riders },
	{ "segments are found and retired by path", retires_and_finds_by_path });
