/*
 * reused.c - a name is used again before the registry knows that the files of its segment are gone.
 */
#include "discard.h"
#include "harness.h"
#include "peer.h"
#include "registry/sr_registry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_file_handles(struct segreg *reg)
{
	return reg->registry->base.fid != 0;
}

/* A sweeper dies at point, while it deletes the segment at path. */
static void kill_a_sweeper(const struct t_world *w, const char *point)
{
	struct peer *sweeper = peer_start(w, PEER_PROCESS);

	T_OK(peer_open(sweeper));
	peer_run_to(sweeper, point, peer_do_sweep, NULL, 0);
	peer_kill(sweeper);
}

static int count_reused(void *arg, const struct segreg_sweep_event *event)
{
	*(unsigned *)arg += event->action == SEGREG_SWEEP_DELETED && strstr(event->reason, "something else");
	return 0;
}

static void expect_forgotten(const struct t_world *w, struct segreg *reg, const char *path)
{
	unsigned reused = 0;
	struct segreg_sweep_options options = { .size = sizeof(options), .fn = count_reused, .arg = &reused };
	struct segreg_sweep_result swept = { .size = sizeof(swept) };

	T_OK(segreg_sweep(reg, &options, &swept));
	T_EQ(swept.failed, 0);
	T_EQ(swept.deleted, 1);
	T_EQ(swept.bytes_freed, 0);
	T_EQ(reused, 1);
	T_EQ(state_of(reg, path), SEGREG_E_NOENT);
	T_CHECK(t_exists(w, path));
}

static void after_a_sweeper_that_was_killed(void)
{
	static const char *const points[] = { "sweep.removed", "sweep.synced" };
	static const char *const paths[] = { "log", "db/log" };

	for (int i = 0; i < 16; i++) {
		struct t_world w = t_world(T_MEMORY);
		struct segreg *reg = t_open(&w);
		const char *path = paths[i >> 1 & 1];
		bool is_directory = i & 4, everyone = i & 8;

		if (!has_file_handles(reg))
			T_SKIP("%s is on a file system without file handles", w.base);
		T_SYS(mkdir(t_path(&w, "db"), 0755));
		is_directory ? t_make_dir(&w, path, SIZE) : t_make_file(&w, path, SIZE);
		T_OK(segreg_register(reg, 1, path));
		T_OK(segreg_retire(reg, 1));
		kill_a_sweeper(&w, points[i & 1]);
		T_CHECK(!t_exists(&w, path));
		if (everyone) {
			t_close(reg);
			reg = t_open(&w);
		}
		t_make_file(&w, path, SIZE);
		T_EQ(t_state(reg, 1), SEGREG_DELETING);
		T_ERR(SEGREG_E_EXISTS, segreg_register(reg, 2, path));
		expect_forgotten(&w, reg, path);
		T_OK(segreg_register(reg, 2, path));
		T_EQ(t_sweep(reg).deleted, 0);
		T_CHECK(t_exists(&w, path));
		t_close(reg);
	}
}

/* It was no segment before, and its program puts another file there: by itself, or after it died while vacating. */
static void of_what_was_only_discarded(void)
{
	for (int vacates = 0; vacates < 2; vacates++) {
		struct t_world w = t_world(T_MEMORY);
		struct segreg *reg = t_open(&w);
		struct peer *writer = peer_start(&w, PEER_PROCESS);
		char log[] = "log";

		if (!has_file_handles(reg))
			T_SKIP("%s is on a file system without file handles", w.base);
		t_make_file(&w, log, SIZE);
		T_OK(discard(reg, log));
		if (vacates) {
			T_OK(peer_open(writer));
			peer_run_to(writer, "vacate.unlinked", do_vacate, log, sizeof(log));
			peer_kill(writer);
			T_CHECK(!t_exists(&w, log));
			T_OK(segreg_vacate(reg, log));
			t_make_file(&w, log, SIZE);
		} else {
			peer_exit(writer);
			t_make_file(&w, "log.new", SIZE);
			T_SYS(rename(t_path(&w, "log.new"), t_path(&w, "log")));
		}
		T_EQ(state_of(reg, log), SEGREG_PENDING);
		expect_forgotten(&w, reg, log);
		t_close(reg);
	}
}

static void expect_told(const struct t_world *w, struct segreg *reg, const char *path)
{
	for (int again = 0; again < 2; again++) {
		struct segreg_sweep_options options = { .size = sizeof(options), .flags = SEGREG_SWEEP_RETRY_NOW };
		struct segreg_sweep_result swept = { .size = sizeof(swept) };

		T_OK(segreg_sweep(reg, &options, &swept));
		T_EQ(swept.failed, 1);
		T_EQ(t_info(reg, 1).error, ESTALE);
		T_CHECK(t_exists(w, path));
	}
}

/* A registered segment whose file was exchanged while no sweep was at work: an operator should know. */
static void a_registered_file_that_was_exchanged(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_make_file(&w, "log", SIZE);
	T_OK(segreg_register(reg, 1, "log"));
	T_OK(segreg_retire(reg, 1));
	T_SYS(rename(t_path(&w, "log"), t_path(&w, "aside")));
	t_make_file(&w, "log", SIZE);
	expect_told(&w, reg, "log");
	t_close(reg);
}

/* The sweeper had not come to it. In a copy of its directory, its copy is not taken for a new file of that name. */
static void in_a_copy_of_its_directory(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	T_SYS(mkdir(t_path(&w, "db"), 0755));
	t_make_file(&w, "db/log", SIZE);
	T_OK(segreg_register(reg, 1, "db/log"));
	T_OK(segreg_retire(reg, 1));
	kill_a_sweeper(&w, "sweep.committed");
	T_SYS(rename(t_path(&w, "db"), t_path(&w, "original")));
	T_SYS(mkdir(t_path(&w, "db"), 0755));
	t_make_file(&w, "db/log", SIZE);
	expect_told(&w, reg, "db/log");
	t_remove_tree(t_path(&w, "db"));
	T_SYS(rename(t_path(&w, "original"), t_path(&w, "db")));
	T_EQ(t_sweep(reg).deleted + t_sweep(reg).waiting, 1);
	t_close(reg);
}

/* An inode number may be given out again, and a birth time may be set back: neither proves that the segment is gone. */
static void without_file_handles(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	reg->registry->base.has_file_ids = false;
	t_make_file(&w, "log", SIZE);
	T_OK(segreg_register(reg, 1, "log"));
	reg->registry->base.has_file_ids = true; /* by a later kernel */
	T_OK(segreg_retire(reg, 1));
	kill_a_sweeper(&w, "sweep.removed");
	T_CHECK(!t_exists(&w, "log"));
	t_make_file(&w, "log", SIZE);
	expect_told(&w, reg, "log");
	T_OK(segreg_vacate(reg, "log"));
	T_EQ(t_state(reg, 1), SEGREG_E_NOENT);
	t_close(reg);
}

/* ---------------------------------------------------------------- in a directory that a sweep deletes */

static void new_in_a_discarded_directory(void)
{
	for (int relaxed = 0; relaxed < 2; relaxed++) {
		struct t_world w = t_world(T_MEMORY);
		struct segreg *reg = t_open(&w);

		t_make_dir(&w, "db", SIZE);
		T_SYS(mkdir(t_path(&w, "db/a"), 0755));
		T_SYS(mkdir(t_path(&w, "db2"), 0755));
		T_OK(segreg_discard(reg, (const char *const[]){ "db" }, 1, relaxed ? SEGREG_DISCARD_RELAXED : 0));
		T_OK(segreg_vacate(reg, "new"));
		T_OK(segreg_vacate(reg, "db2/new"));
		T_OK(segreg_vacate(reg, "d/new"));
		T_ERR(SEGREG_E_EXISTS, segreg_vacate(reg, "db/new"));
		T_HAS(segreg_last_error(), "db/new lies in db, which is segment");
		T_ERR(SEGREG_E_EXISTS, segreg_vacate(reg, "db/a/new"));
		T_ERR(SEGREG_E_EXISTS, segreg_vacate(reg, "db/absent/new"));
		T_OK(segreg_vacate(reg, "db"));
		T_OK(segreg_vacate(reg, "db/new"));
		T_OK(segreg_vacate(reg, "db/a/new"));
		T_EQ(t_sweep(reg).deleted, 0);
		T_CHECK(t_exists(&w, "db/data"));
		t_close(reg);
	}
}

/* Only what is retired is deleted. What is given up before it was published counts as retired. */
static void new_in_other_directories(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_make_dir(&w, "live", SIZE);
	t_make_dir(&w, "retired", SIZE);
	T_OK(segreg_register(reg, 1, "live"));
	T_OK(segreg_register(reg, 2, "retired"));
	T_OK(segreg_reserve(reg, 3, "building"));
	T_OK(segreg_reserve(reg, 4, "given-up"));
	t_make_dir(&w, "building", SIZE);
	t_make_dir(&w, "given-up", SIZE);
	T_OK(segreg_vacate(reg, "given-up/new"));
	T_OK(segreg_unreserve(reg, 4));
	T_OK(segreg_vacate(reg, "live/new"));
	T_OK(segreg_vacate(reg, "building/new"));
	T_ERR(SEGREG_E_EXISTS, segreg_vacate(reg, "given-up/new"));
	T_OK(segreg_vacate(reg, "retired/new"));
	T_OK(segreg_retire(reg, 2));
	T_ERR(SEGREG_E_EXISTS, segreg_vacate(reg, "retired/new"));
	T_EQ(t_sweep(reg).deleted, 2);
	T_OK(segreg_vacate(reg, "given-up/new"));
	T_OK(segreg_vacate(reg, "retired/new"));
	t_close(reg);
}

static int do_retire(struct peer_self *self, void *arg)
{
	return segreg_retire(self->reg, *(const uint64_t *)arg);
}

/* The sweeper has not moved the directory away, and then it has: a new directory of that name is nobody's but the
 * caller's. */
static void while_a_sweep_deletes_it(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open_with(&w, (struct segreg_open_options){ .timeout_ms = 20 });
	struct peer *sweeper = peer_start(&w, PEER_PROCESS);

	t_make_dir(&w, "db", SIZE);
	T_OK(discard(reg, "db"));
	T_OK(peer_open(sweeper));
	peer_run_to(sweeper, "sweep.committed", peer_do_sweep, NULL, 0);
	T_ERR(SEGREG_E_EXISTS, segreg_vacate(reg, "db/new"));
	peer_go_on(sweeper);
	T_OK(peer_end(sweeper, NULL));
	t_make_dir(&w, "db", SIZE);
	T_OK(discard(reg, "db"));
	peer_run_to(sweeper, "trash.renamed", peer_do_sweep, NULL, 0);
	T_OK(segreg_vacate(reg, "db"));
	T_SYS(mkdir(t_path(&w, "db"), 0755));
	T_OK(segreg_vacate(reg, "db/new"));
	t_make_file(&w, "db/new", SIZE);
	peer_go_on(sweeper);
	T_OK(peer_end(sweeper, NULL));
	T_CHECK(t_exists(&w, "db/new"));
	T_EQ(t_sweep(reg).deleted, 0);
	peer_exit(sweeper);
	t_close(reg);
}

/* As long as no directory is retired, a new file waits for no process. A repair counts the directories anew. */
static void without_a_lock(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open_with(&w, (struct segreg_open_options){ .timeout_ms = 20 });
	struct peer *editor = peer_start(&w, PEER_PROCESS);
	const uint64_t id = 1;

	t_add(&w, reg, id);
	t_make_file(&w, "file", SIZE);
	T_OK(discard(reg, "file"));
	T_OK(peer_open(editor));
	peer_run_to(editor, "group.leading", do_retire, &id, sizeof(id));
	T_OK(segreg_vacate(reg, "db/new"));
	peer_go_on(editor);
	T_OK(peer_end(editor, NULL));
	T_EQ(reg->region.header->retired_trees, 1);
	peer_run_to(editor, "sweep.committed", peer_do_sweep, NULL, 0);
	peer_kill(editor);
	T_EQ(reg->region.header->retired_trees, 1);
	T_ERR(SEGREG_E_EXISTS, segreg_vacate(reg, "seg-1/new"));
	T_EQ(t_sweep(reg).deleted, 2);
	T_EQ(reg->region.header->retired_trees, 0);
	t_add(&w, reg, id);
	t_make_dir(&w, "db", SIZE);
	T_OK(discard(reg, "db"));
	editor = peer_start(&w, PEER_PROCESS);
	T_OK(peer_open(editor));
	peer_run_to(editor, "edit.publishing", do_retire, &id, sizeof(id));
	peer_kill(editor);
	T_EQ(t_stats(reg).pending, 2);
	T_EQ(reg->region.header->retired_trees, 2);
	t_close(reg);
	reg = t_open(&w);
	T_EQ(reg->region.header->retired_trees, 2);
	T_ERR(SEGREG_E_EXISTS, segreg_vacate(reg, "seg-1/new"));
	T_EQ(t_sweep(reg).deleted, 2);
	T_EQ(reg->region.header->retired_trees, 0);
	t_close(reg);
}

T_SUITE(reused,
	{ "after the death of a sweeper that had deleted it, the segment is gone", after_a_sweeper_that_was_killed },
	{ "what was only discarded is gone when another file has its name", of_what_was_only_discarded },
	{ "a registered file that was exchanged is reported", a_registered_file_that_was_exchanged },
	{ "without file handles, something else at the path is reported", without_file_handles },
	{ "no new file is made in a directory that was discarded", new_in_a_discarded_directory },
	{ "nor in one that is retired or given up; in any other it is", new_in_other_directories },
	{ "a directory made anew while a sweep deletes the old one is the caller's", while_a_sweep_deletes_it },
	{ "as long as no directory is retired, the call takes no lock", without_a_lock },
	{ "a copy of the directory is not taken for a name used again", in_a_copy_of_its_directory });
