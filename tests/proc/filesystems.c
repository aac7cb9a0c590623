/*
 * filesystems.c - what a registry is for, on each kind of file system: register, replace, delete, crash, parent moved.
 *
 * ROUNDS=10000 in the environment makes the rounds of "replaced" as many; without it there are 100. Root only.
 */
#include "harness.h"
#include "mounts.h"
#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int count_findings(void *arg, const struct segreg_finding *finding)
{
	if (finding->kind == SEGREG_FOUND_STRANGER) /* directories of the test, and lost+found */
		return 0;
	fprintf(stderr, "%s: %s\n", finding->path, finding->reason);
	++*(int *)arg;
	return 0;
}

static void check_clean(struct segreg *reg)
{
	int found = 0;

	T_OK(segreg_check(reg, 0, count_findings, &found));
	T_EQ(found, 0);
}

static struct segreg_sweep_result sweep_again(struct segreg *reg)
{
	struct segreg_sweep_options options = { .size = sizeof(options), .flags = SEGREG_SWEEP_RETRY_NOW };
	struct segreg_sweep_result result = { .size = sizeof(result) };

	T_OK(segreg_sweep(reg, &options, &result));
	return result;
}

static void register_and_delete(const struct t_world *w, struct segreg *reg, bool is_weak)
{
	struct segreg_pin pin;

	T_SYS(mkdir(t_path(w, "2026"), 0700));
	t_make_dir(w, "2026/directory", 5000);
	t_make_file(w, "2026/file", 5000);
	t_make_file(w, "plain", 5000);
	T_OK(segreg_register(reg, 1, "2026/directory"));
	T_OK(segreg_register(reg, 2, "2026/file"));
	T_OK(segreg_register(reg, 3, "plain"));
	T_OK(segreg_register(reg, 3, "plain")); /* once more, and it is still the same */
	T_OK(segreg_reserve(reg, 4, "2026/reserved"));
	t_make_dir(w, "2026/reserved", 10);
	T_OK(segreg_register(reg, 4, "2026/reserved"));
	for (uint64_t id = 1; id <= 4; id++)
		T_EQ(t_info(reg, id).is_weakly_identified, is_weak);
	T_OK(segreg_pin(reg, 1, 0, &pin));
	for (uint64_t id = 1; id <= 4; id++)
		T_OK(segreg_retire(reg, id));
	T_EQ(t_sweep(reg).deleted, 3);
	T_CHECK(t_exists(w, "2026/directory/data"));
	T_OK(segreg_unpin(reg, &pin));
	T_EQ(t_sweep(reg).deleted, 1);
	T_EQ(t_count_entries(w, "2026"), 0);
	T_CHECK(!t_exists(w, "plain"));
	T_EQ(t_count_entries(w, T_TRASH), 0);
	check_clean(reg);
}

/* Made, registered, removed and made anew as fast as possible: the number may be the same, and so may the clock. */
static void replace(const struct t_world *w, struct segreg *reg)
{
	const char *asked = getenv("ROUNDS");
	unsigned rounds = asked ? (unsigned)strtoul(asked, NULL, 10) : 100, replaced = 0;

	for (unsigned i = 0; i < rounds; i++) {
		uint64_t id = 1000 + i;
		bool is_directory = i % 4 == 3;
		struct stat before, after;

		if (is_directory)
			T_SYS(mkdir(t_path(w, "victim"), 0700));
		else
			t_make_file(w, "victim", 0);
		T_SYS(stat(t_path(w, "victim"), &before));
		T_OK(segreg_register(reg, id, "victim"));
		if (is_directory)
			T_SYS(rmdir(t_path(w, "victim")));
		else
			T_SYS(unlink(t_path(w, "victim")));
		if (is_directory)
			T_SYS(mkdir(t_path(w, "victim"), 0700));
		else
			t_make_file(w, "victim", 0);
		T_SYS(stat(t_path(w, "victim"), &after));
		replaced += before.st_ino == after.st_ino;
		T_OK(segreg_retire(reg, id));
		T_EQ(t_sweep(reg).deleted, 0);
		T_CHECK(t_exists(w, "victim"));
		T_EQ(t_info(reg, id).error, ESTALE);
		T_OK(segreg_force_remove(reg, id, SEGREG_FORCE));
		T_CHECK(t_exists(w, "victim"));
		T_SYS(is_directory ? rmdir(t_path(w, "victim")) : unlink(t_path(w, "victim")));
	}
	if (asked)
		fprintf(stderr, "%u rounds, in %u of them under the same inode number: none deleted\n", rounds,
			replaced);
}

/* The sweeper is killed at each point that it comes to; the next sweep finishes its work. */
static void crash(const struct t_world *w, struct segreg *reg)
{
	bool stands = true;

	for (unsigned n = 1; stands; n++) {
		struct peer *sweeper = peer_start(w, PEER_PROCESS);

		T_CHECK(n < 100);
		t_make_dir(w, "crashed", 100);
		t_make_dir(w, "crashed/sub", 100);
		T_OK(segreg_register(reg, 10, "crashed"));
		T_OK(segreg_retire(reg, 10));
		T_OK(peer_open(sweeper));
		peer_stop_at(sweeper, NULL, n);
		peer_begin(sweeper, peer_do_sweep, NULL, 0);
		stands = peer_stands(sweeper);
		if (stands)
			peer_kill(sweeper);
		else
			T_OK(peer_end(sweeper, NULL));
		sweep_again(reg);
		T_EQ(t_state(reg, 10), SEGREG_E_NOENT);
		T_CHECK(!t_exists(w, "crashed"));
		T_EQ(t_count_entries(w, T_TRASH), 0);
		if (!stands)
			peer_kill(sweeper); /* leaving has a stop point, too */
	}
	check_clean(reg);
}

static void move_parent(const struct t_world *w, struct segreg *reg)
{
	T_SYS(mkdir(t_path(w, "parent"), 0700));
	t_make_dir(w, "parent/victim", 100);
	T_OK(segreg_register(reg, 11, "parent/victim"));
	T_OK(segreg_retire(reg, 11));
	T_SYS(rename(t_path(w, "parent"), t_path(w, "away")));
	T_EQ(t_sweep(reg).failed, 1);
	T_EQ(t_info(reg, 11).error, ENOENT);
	T_SYS(mkdir(t_path(w, "parent"), 0700));
	T_EQ(sweep_again(reg).failed, 1);
	T_EQ(t_info(reg, 11).error, ESTALE);
	T_CHECK(t_exists(w, "away/victim/data"));
	T_SYS(rmdir(t_path(w, "parent")));
	T_SYS(rename(t_path(w, "away"), t_path(w, "parent")));
	T_EQ(sweep_again(reg).deleted, 1);
	T_EQ(t_count_entries(w, "parent"), 0);
	check_clean(reg);
}

/* Base is the file system at "mount"; the registry lies in memory, so that rounds are fast. */
static void live_on(const struct t_world *around, bool is_weak)
{
	struct t_world w = t_world_at(t_path(around, "mount"));
	struct segreg *reg;

	strcpy(w.dir, around->dir);
	reg = t_open_with(&w, (struct segreg_open_options){ .base = w.base });
	register_and_delete(&w, reg, is_weak);
	move_parent(&w, reg);
	crash(&w, reg);
	replace(&w, reg);
	t_close(reg);
}

static struct t_world begin(void)
{
	struct t_world around = t_world(T_MEMORY);

	t_need_mounts();
	T_SYS(mkdir(t_path(&around, "mount"), 0700));
	return around;
}

static void on_image(const char *type, const char *options, unsigned megabytes)
{
	struct t_world around = begin();

	t_mount_image(&around, t_path(&around, "mount"), type, options, megabytes);
	live_on(&around, false);
}

static void on_ext4(void)
{
	on_image("ext4", "-F -I 256", 32);
}

/* No birth times. */
static void on_small_ext4(void)
{
	on_image("ext4", "-F -I 128", 32);
}

static void on_xfs(void)
{
	on_image("xfs", "-f", 320);
}

static void on_btrfs(void)
{
	on_image("btrfs", "-f", 320);
}

static void on_tmpfs(void)
{
	struct t_world around = begin();

	t_mount_tmpfs(t_path(&around, "mount"), "size=16m");
	live_on(&around, false);
}

/* What is made there lies in the upper layer. */
static void on_overlay(void)
{
	struct t_world around = begin();

	T_SYS(mkdir(t_path(&around, "layers"), 0700));
	t_mount_image(&around, t_path(&around, "layers"), "ext4", "-F", 32);
	t_mount_overlay(&around, "layers", t_path(&around, "mount"));
	live_on(&around, false);
}

/* No file handles that last, no birth times, no RENAME_NOREPLACE. The tmpfs below gives no number out again. */
static void on_bindfs(void)
{
	struct t_world around = begin();

	T_SYS(mkdir(t_path(&around, "below"), 0700));
	t_mount_tmpfs(t_path(&around, "below"), "size=16m");
	t_mount_bindfs(t_path(&around, "below"), t_path(&around, "mount"));
	live_on(&around, true);
}

T_SUITE(filesystems, { "registers, deletes, crashes and replacements on ext4", on_ext4 },
	{ "on ext4 with inodes of 128 bytes, without birth times", on_small_ext4 }, { "on xfs", on_xfs },
	{ "on btrfs", on_btrfs }, { "on tmpfs", on_tmpfs }, { "on overlayfs", on_overlay },
	{ "through FUSE (bindfs)", on_bindfs });
