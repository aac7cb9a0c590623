/*
 * relaxed.c - discards that do not wait for the disk: who makes them durable, and names that are used again before
 * that.
 */
#include "discard.h"
#include "harness.h"
#include "peer.h"
#include "registry/sr_discards.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- who makes them durable */

static void the_next_edit_of_any_process(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *other = peer_start(&w, PEER_PROCESS);
	struct segreg_snapshot before;
	uint64_t commits;

	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	t_make_file(&w, "a", SIZE);
	T_OK(peer_open(other));
	T_OK(segreg_snapshot_take(reg, SEGREG_HORIZON, &before));
	commits = t_stats(reg).commits;
	T_OK(relaxed(reg, "a"));
	T_OK(relaxed(reg, "seg-2"));
	T_OK(relaxed(reg, "nothing"));
	T_EQ(t_stats(reg).commits, commits);
	T_EQ(state_of(reg, "a"), SEGREG_E_NOENT);
	T_EQ(t_state(reg, 2), SEGREG_LIVE);
	T_OK(peer_retire(other, 1));
	T_EQ(t_stats(reg).commits, commits + 1);
	T_EQ(state_of(reg, "a"), SEGREG_PENDING);
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	T_EQ(t_state(reg, 2), SEGREG_PENDING);
	T_EQ(t_sweep(reg).held, 3);
	T_OK(segreg_snapshot_release(reg, &before));
	T_EQ(t_sweep(reg).deleted, 3);
	T_CHECK(!t_exists(&w, "a"));
	T_OK(segreg_check(reg, 0, any_difference, NULL));
	peer_exit(other);
	t_close(reg);
}

static void a_flush_and_a_close(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *other = peer_start(&w, PEER_PROCESS);
	char b[] = "b";
	uint64_t version;

	for (const char *name = "a\0b\0c\0"; *name; name += 2)
		t_make_file(&w, name, SIZE);
	T_OK(relaxed(reg, "a"));
	T_OK(segreg_discard(reg, NULL, 0, SEGREG_DISCARD_RELAXED));
	T_EQ(state_of(reg, "a"), SEGREG_E_NOENT);
	T_OK(flush(reg));
	T_EQ(state_of(reg, "a"), SEGREG_PENDING);
	version = t_version(reg);
	T_OK(flush(reg));
	T_EQ(t_version(reg), version);

	T_OK(peer_open(other));
	T_OK(peer_call(other, do_relaxed, b, sizeof(b)));
	T_OK(peer_close(other, NULL));
	T_EQ(state_of(reg, "b"), SEGREG_PENDING);
	peer_exit(other);

	T_OK(relaxed(reg, "c"));
	t_close(reg);
	reg = t_open(&w);
	T_EQ(state_of(reg, "c"), SEGREG_PENDING);
	T_EQ(t_sweep(reg).deleted, 3);
	t_close(reg);
}

static void a_sweep_that_is_woken(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	uint32_t ticket = 0;

	t_make_file(&w, "a", SIZE);
	t_make_file(&w, "b", SIZE);
	T_OK(segreg_sweep_wait(reg, &ticket, 0));
	T_ERR(SEGREG_E_TIMEDOUT, segreg_sweep_wait(reg, &ticket, 0));
	T_OK(relaxed(reg, "a"));
	T_OK(segreg_sweep_wait(reg, &ticket, 0));
	T_OK(relaxed(reg, "b")); /* the sweeper that was woken will find both */
	T_ERR(SEGREG_E_TIMEDOUT, segreg_sweep_wait(reg, &ticket, 0));
	T_EQ(t_sweep(reg).deleted, 2);
	T_CHECK(!t_exists(&w, "a") && !t_exists(&w, "b"));
	t_close(reg);
}

/* A leader has looked at the ring before another discard comes. It wakes the sweepers again. */
static void what_a_leader_leaves(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *leader = peer_start(&w, PEER_PROCESS), *other = peer_start(&w, PEER_PROCESS);
	uint32_t ticket = 0;

	t_make_file(&w, "a", SIZE);
	t_make_file(&w, "b", SIZE);
	T_OK(peer_open(leader));
	T_OK(peer_open(other));
	T_OK(relaxed(reg, "a"));
	peer_run_to(leader, "group.planned", do_flush, NULL, 0);
	T_OK(relaxed(reg, "b"));
	T_OK(segreg_sweep_wait(reg, &ticket, 0));
	peer_begin(other, do_flush, NULL, 0); /* waits for the leader, and is not content with what it commits */
	peer_go_on(leader);
	T_OK(peer_end(leader, NULL));
	T_OK(segreg_sweep_wait(reg, &ticket, 0));
	T_OK(peer_end(other, NULL));
	T_EQ(state_of(reg, "a"), SEGREG_PENDING);
	T_EQ(state_of(reg, "b"), SEGREG_PENDING);
	peer_exit(leader);
	peer_exit(other);
	T_EQ(t_sweep(reg).deleted, 2);
	t_close(reg);
}

#define MANY_FILES 2500u

static void a_sweep_that_is_deleting(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *sweeper = peer_start(&w, PEER_PROCESS);

	t_make_dir(&w, "big", 0);
	for (unsigned i = 0; i < MANY_FILES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "big/%u", i);
		t_make_file(&w, name, 0);
	}
	t_make_file(&w, "a", SIZE);
	T_OK(segreg_discard(reg, (const char *const[]){ "big" }, 1, 0));
	T_OK(peer_open(sweeper));
	peer_run_to(sweeper, "trash.renamed", peer_do_sweep, NULL, 0);
	T_OK(relaxed(reg, "a"));
	peer_go_on(sweeper);
	T_OK(peer_end(sweeper, NULL));
	T_EQ(state_of(reg, "a"), SEGREG_PENDING);
	peer_exit(sweeper);
	t_close(reg);
}

/* ---------------------------------------------------------------- what cannot wait */

static void a_full_ring_and_a_long_path(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	char name[SR_DISCARD_PATH + 2];
	uint64_t commits = t_stats(reg).commits;

	for (unsigned i = 0; i <= SR_DISCARDS; i++) {
		snprintf(name, sizeof(name), "%u", i);
		t_make_file(&w, name, 0);
		T_EQ(t_stats(reg).commits, commits);
		T_OK(relaxed(reg, name));
	}
	T_EQ(t_stats(reg).commits, commits + 1);
	T_EQ(t_stats(reg).pending, SR_DISCARDS + 1);
	T_EQ(t_sweep(reg).deleted, SR_DISCARDS + 1);

	/* The ring is used again from another place on. */
	for (unsigned i = 0; i < 3 * SR_DISCARDS / 2; i++) {
		snprintf(name, sizeof(name), "%u", i);
		t_make_file(&w, name, 0);
		T_OK(relaxed(reg, name));
		if (i == SR_DISCARDS / 2)
			T_OK(flush(reg));
	}
	T_OK(flush(reg));
	T_EQ(t_sweep(reg).deleted, 3 * SR_DISCARDS / 2);

	commits = t_stats(reg).commits;
	memset(name, 'x', SR_DISCARD_PATH);
	name[SR_DISCARD_PATH] = '\0';
	t_make_file(&w, name, 0);
	T_OK(relaxed(reg, name));
	T_EQ(t_stats(reg).commits, commits);
	name[SR_DISCARD_PATH] = 'x';
	name[SR_DISCARD_PATH + 1] = '\0';
	t_make_file(&w, name, 0);
	T_OK(relaxed(reg, name));
	T_EQ(t_stats(reg).commits, commits + 1);
	T_EQ(t_sweep(reg).deleted, 2);
	t_close(reg);
}

/* Where an inode number is all that is known, a new file may have the same one. */
static void a_weak_identity(void)
{
	struct sr_record record = { .ino = 7, .path_length = 1, .path = "a" };

	T_CHECK(!sr_discards_may_have(&record));
	record.btime = 1;
	T_CHECK(sr_discards_may_have(&record));
	record.btime = 0;
	record.fid = 1;
	T_CHECK(sr_discards_may_have(&record));
	record.ino = record.fid = 0; /* nothing was there */
	T_CHECK(sr_discards_may_have(&record));
}

static void bad_paths(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_make_file(&w, "a", SIZE);
	T_SYS(symlink("/etc", t_path(&w, "link")));
	T_ERR(SEGREG_E_PATH, segreg_discard(reg, (const char *const[]){ "a", "../b" }, 2, SEGREG_DISCARD_RELAXED));
	T_ERR(SEGREG_E_PATH,
	      segreg_discard(reg, (const char *const[]){ "a", "link/passwd" }, 2, SEGREG_DISCARD_RELAXED));
	T_ERR(SEGREG_E_INVAL, segreg_discard(reg, (const char *const[]){ "a", NULL }, 2, SEGREG_DISCARD_RELAXED));
	T_ERR(SEGREG_E_INVAL, segreg_discard(reg, (const char *const[]){ "a" }, 1, SEGREG_DISCARD_RELAXED | 2));
	T_OK(flush(reg));
	T_EQ(t_version(reg), 0);
	T_EQ(t_sweep(reg).deleted, 0);
	T_CHECK(t_exists(&w, "a"));
	t_close(reg);
}

/* ---------------------------------------------------------------- names that are used again */

static void another_file_stays(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_make_file(&w, "log", SIZE);
	T_OK(relaxed(reg, "log"));
	replace(&w, "log", SIZE);
	T_OK(flush(reg));
	T_EQ(state_of(reg, "log"), SEGREG_E_NOENT);

	/* Made by hand where another was unlinked: it may have the same inode number. */
	for (int i = 0; i < 20; i++) {
		T_OK(relaxed(reg, "log"));
		T_SYS(unlink(t_path(&w, "log")));
		t_make_file(&w, "log", SIZE);
		T_EQ(t_sweep(reg).deleted, 0);
		T_CHECK(t_exists(&w, "log"));
	}

	/* Nothing was there, and then something is, registered or not. */
	T_OK(relaxed(reg, "new"));
	T_OK(relaxed(reg, "new2"));
	t_make_file(&w, "new", SIZE);
	t_make_file(&w, "new2", SIZE);
	T_OK(segreg_register(reg, 1, "new"));
	T_OK(flush(reg));
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	T_EQ(t_sweep(reg).deleted, 0);
	T_CHECK(t_exists(&w, "new") && t_exists(&w, "new2"));
	t_close(reg);
}

static void a_writer_that_vacates(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	int fd, old;

	t_make_file(&w, "000283.log", SIZE);
	old = T_SYS(open(t_path(&w, "000283.log"), O_RDONLY));
	T_OK(relaxed(reg, "000283.log"));
	T_OK(segreg_vacate(reg, "000283.log"));
	fd = T_SYS(open(t_path(&w, "000283.log"), O_CREAT | O_TRUNC | O_WRONLY, 0644));
	T_EQ(write(fd, "new", 3), 3);
	T_CHECK(t_fd_has_pattern(old, SIZE));
	T_OK(flush(reg));
	T_EQ(t_sweep(reg).deleted, 0);
	T_CHECK(t_exists(&w, "000283.log"));
	close(fd);
	close(old);
	t_close(reg);
}

/* A discard comes before the later edits of its process, as a durable one does. */
static void registered_before_and_after(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_make_file(&w, "after", SIZE);
	t_make_file(&w, "before", SIZE);
	t_make_file(&w, "kept", SIZE);
	T_OK(segreg_register(reg, 1, "before"));
	T_OK(relaxed(reg, "before"));
	T_OK(relaxed(reg, "after"));
	T_ERR(SEGREG_E_EXISTS, segreg_register(reg, 1, "before"));
	T_ERR(SEGREG_E_EXISTS, segreg_register(reg, 2, "after"));
	T_EQ(t_sweep(reg).deleted, 2);
	T_OK(segreg_register(reg, 3, "kept"));
	T_OK(relaxed(reg, "kept"));
	T_OK(segreg_force_remove(reg, 3, 0));
	T_OK(flush(reg));
	T_EQ(t_sweep(reg).deleted, 0);
	T_CHECK(t_exists(&w, "kept"));
	t_close(reg);
}

static void what_is_void_hinders_nothing(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	t_make_dir(&w, "above", SIZE);
	T_OK(segreg_register(reg, 2, "above/data"));
	T_OK(segreg_reserve(reg, 3, "reserved"));
	t_make_file(&w, "reserved", SIZE);
	t_make_file(&w, "a", SIZE);
	T_OK(segreg_discard(reg, (const char *const[]){ "seg-1/data", "above", "reserved", "a" }, 4,
			    SEGREG_DISCARD_RELAXED));
	T_OK(segreg_retire(reg, 2));
	T_EQ(state_of(reg, "a"), SEGREG_PENDING);
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	T_EQ(t_state(reg, 3), SEGREG_BUILDING);
	T_EQ(t_stats(reg).pending, 2);
	T_OK(flush(reg));
	t_close(reg);
}

T_SUITE(relaxed, { "the next edit of any process makes them durable, in its own commit", the_next_edit_of_any_process },
	{ "so does a call without paths, and a close", a_flush_and_a_close },
	{ "so does a sweep, which is woken once", a_sweep_that_is_woken },
	{ "what a leader leaves wakes the sweepers, and a flush waits for more than its commit", what_a_leader_leaves },
	{ "a sweep that is deleting makes them durable meanwhile", a_sweep_that_is_deleting },
	{ "when the ring is full, and with a long path, the call commits", a_full_ring_and_a_long_path },
	{ "where an inode number is all that is known, the call commits", a_weak_identity },
	{ "bad paths are refused at once, and none is discarded", bad_paths },
	{ "another file at the path stays", another_file_stays },
	{ "a writer that vacates the path gets a file of its own", a_writer_that_vacates },
	{ "what the process does later comes after its discard", registered_before_and_after },
	{ "a discard that is void hinders nothing", what_is_void_hinders_nothing });
