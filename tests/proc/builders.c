/*
 * builders.c - segments under construction: what a builder leaves behind goes, what it publishes stays.
 */
#include "harness.h"
#include "peer.h"
#include "reboot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct scene {
	struct t_world world;
	struct segreg *reg;
	struct peer *builder;
};

static struct scene set(void)
{
	struct scene s = { .world = t_world(T_MEMORY) };

	s.builder = peer_start(&s.world, PEER_PROCESS);
	s.reg = t_open(&s.world);
	T_OK(peer_open(s.builder));
	return s;
}

static void strike(struct scene *s)
{
	peer_exit(s->builder);
	t_close(s->reg);
}

static int do_reserve(struct peer_self *self, void *arg)
{
	const struct peer_registration *registration = arg;

	return segreg_reserve(self->reg, registration->id, registration->path);
}

static int do_unreserve(struct peer_self *self, void *arg)
{
	uint64_t id;

	memcpy(&id, arg, sizeof(id));
	return segreg_unreserve(self->reg, id);
}

static int reserve_there(struct scene *s, uint64_t id, const char *path)
{
	struct peer_registration registration = { .id = id };

	snprintf(registration.path, sizeof(registration.path), "%s", path);
	return peer_call(s->builder, do_reserve, &registration, sizeof(registration));
}

/* Half a segment: a few levels deep, some of it empty. */
static void write_something(const struct t_world *world, const char *path)
{
	char below[64];

	t_make_dir(world, path, 3000);
	snprintf(below, sizeof(below), "%s/a", path);
	t_make_dir(world, below, 0);
	snprintf(below, sizeof(below), "%s/a/b", path);
	t_make_dir(world, below, 70000);
	snprintf(below, sizeof(below), "%s/a/b/c", path);
	T_SYS(mkdir(t_path(world, "%s", below), 0700));
}

static uint64_t version_of(struct segreg *reg)
{
	uint64_t version = UINT64_MAX;

	T_OK(segreg_version(reg, &version));
	return version;
}

/* ---------------------------------------------------------------- publishing */

static void built_and_published(void)
{
	struct scene s = set();
	struct segreg_info info;

	t_add(&s.world, s.reg, 1);
	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	T_EQ(t_state(s.reg, 7), SEGREG_BUILDING);
	T_EQ(t_stats(s.reg).building, 1);
	T_EQ(version_of(s.reg), 1);
	T_EQ(segreg_is_live(s.reg, 7), 0);
	T_ERR(SEGREG_E_NOENT, segreg_register(s.reg, 7, "seg-7")); /* nothing is written yet */
	t_make_segment(&s.world, 7);
	T_EQ(t_sweep(s.reg).deleted, 0);
	T_CHECK(t_exists(&s.world, "seg-7/data"));
	T_OK(segreg_register(s.reg, 7, "seg-7"));
	info = t_info(s.reg, 7);
	T_EQ(info.state, SEGREG_LIVE);
	T_EQ(info.born, 2);
	T_EQ(info.is_directory, 1);
	T_EQ(info.held_since, 0);
	T_CHECK(info.registered_at > 0);
	T_EQ(version_of(s.reg), 2);
	T_EQ(t_stats(s.reg).building, 0);
	T_OK(peer_pin(s.builder, 7));
	T_OK(segreg_register(s.reg, 7, "seg-7"));
	T_EQ(version_of(s.reg), 2);
	t_close(s.reg);
	s.reg = t_open(&s.world);
	T_EQ(t_sweep(s.reg).deleted, 0); /* it is not its builder's any more */
	T_OK(segreg_retire(s.reg, 7));
	T_OK(peer_unpin(s.builder, 7));
	T_EQ(t_sweep(s.reg).deleted, 1);
	strike(&s);
}

static void a_file_is_built(void)
{
	struct scene s = set();

	T_OK(segreg_reserve(s.reg, 7, "file"));
	t_make_file(&s.world, "file", 1000);
	T_OK(segreg_register(s.reg, 7, "file"));
	T_EQ(t_info(s.reg, 7).is_directory, 0);
	T_OK(segreg_reserve(s.reg, 8, "other"));
	t_make_file(&s.world, "other", 1000);
	T_OK(segreg_unreserve(s.reg, 8));
	T_EQ(t_sweep(s.reg).deleted, 1);
	T_CHECK(t_exists(&s.world, "file") && !t_exists(&s.world, "other"));
	strike(&s);
}

static void another_handle_cannot_publish(void)
{
	struct scene s = set();

	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	t_make_segment(&s.world, 7);
	T_ERR(SEGREG_E_EXISTS, peer_register(s.builder, 7, "seg-7"));
	T_ERR(SEGREG_E_NOENT, peer_call(s.builder, do_unreserve, &(uint64_t){ 7 }, sizeof(uint64_t)));
	T_EQ(t_state(s.reg, 7), SEGREG_BUILDING);
	T_EQ(version_of(s.reg), 0);
	T_OK(segreg_register(s.reg, 7, "seg-7"));
	strike(&s);
}

/* All handles of a process die with it. */
static void another_handle_of_the_process(void)
{
	struct scene s = set();
	struct segreg *second = t_open(&s.world);

	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	T_OK(segreg_reserve(s.reg, 8, "seg-8"));
	T_OK(segreg_reserve(s.reg, 9, "seg-9"));
	for (uint64_t id = 7; id <= 9; id++)
		t_make_segment(&s.world, id);
	T_OK(segreg_register(second, 7, "seg-7"));
	T_OK(segreg_unreserve(second, 8));
	T_ERR(SEGREG_E_EXISTS, peer_register(s.builder, 9, "seg-9"));
	t_close(s.reg); /* which ends the reservation, whatever other handles there are */
	T_ERR(SEGREG_E_EXISTS, segreg_register(second, 9, "seg-9"));
	T_ERR(SEGREG_E_NOENT, segreg_unreserve(second, 9));
	s.reg = t_open(&s.world); /* in the lane of the one that was closed */
	T_ERR(SEGREG_E_EXISTS, segreg_register(second, 9, "seg-9"));
	T_EQ(t_sweep(second).deleted, 2);
	T_EQ(t_state(second, 7), SEGREG_LIVE);
	T_CHECK(t_exists(&s.world, "seg-7") && !t_exists(&s.world, "seg-8") && !t_exists(&s.world, "seg-9"));
	t_close(second);
	strike(&s);
}

static int do_run_on(struct peer_self *self, void *arg)
{
	(void)arg;
	return segreg_reserve(self->reg, 20, "seg-20");
}

/* The other handle's edit goes as a letter to a leader in another process, who has to find out whose process it is. */
static void another_handle_by_letter(void)
{
	struct scene s = set();
	struct segreg *second = t_open(&s.world);
	struct peer *thread = peer_start(&s.world, PEER_THREAD);
	struct peer_registration seven = { .id = 7, .path = "seg-7" };

	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	t_make_segment(&s.world, 7);
	T_OK(peer_use(thread, second));
	peer_run_to(s.builder, "group.leading", do_run_on, NULL, 0);
	peer_run_to(thread, "letter.posted", peer_do_register, &seven, sizeof(seven));
	peer_go_on(s.builder);
	T_OK(peer_end(s.builder, NULL));
	peer_go_on(thread);
	T_OK(peer_end(thread, NULL));
	T_EQ(t_state(s.reg, 7), SEGREG_LIVE);
	peer_exit(thread);
	t_close(second);
	strike(&s);
}

static void nobody_uses_what_is_building(void)
{
	struct scene s = set();
	struct segreg_pin pin;

	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	t_make_segment(&s.world, 7);
	T_ERR(SEGREG_E_NOENT, segreg_pin(s.reg, 7, 0, &pin));
	T_ERR(SEGREG_E_NOENT, segreg_pin(s.reg, 7, SEGREG_PIN_LIVE, &pin));
	T_ERR(SEGREG_E_NOENT, peer_pin(s.builder, 7));
	T_ERR(SEGREG_E_NOENT, peer_retire(s.builder, 7));
	T_ERR(SEGREG_E_NOENT, segreg_retire(s.reg, 7));
	T_HAS(t_last_text(), "segment 7 is only reserved; process ");
	T_EQ(t_refcount(s.reg, 7), 0);
	T_EQ(t_state(s.reg, 7), SEGREG_BUILDING);
	T_EQ(version_of(s.reg), 0);
	strike(&s);
}

static void unregistering_what_is_building(void)
{
	struct scene s = set();

	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	t_make_segment(&s.world, 7);
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(s.reg, 7, 0));
	T_EQ(t_state(s.reg, 7), SEGREG_BUILDING);
	T_OK(segreg_force_remove(s.reg, 7, SEGREG_FORCE));
	T_EQ(t_state(s.reg, 7), SEGREG_E_NOENT);
	T_EQ(t_stats(s.reg).building, 0);
	T_ERR(SEGREG_E_NOENT, segreg_unreserve(s.reg, 7));
	T_EQ(t_sweep(s.reg).deleted, 0);
	T_CHECK(t_exists(&s.world, "seg-7/data")); /* the caller's again */
	T_OK(segreg_register(s.reg, 7, "seg-7"));
	T_OK(segreg_reserve(s.reg, 8, "seg-8"));
	T_OK(segreg_unreserve(s.reg, 8));
	t_make_segment(&s.world, 8);
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(s.reg, 8, 0));
	T_OK(segreg_force_remove(s.reg, 8, SEGREG_FORCE)); /* to be deleted, and that has not begun */
	T_EQ(t_sweep(s.reg).deleted, 0);
	T_CHECK(t_exists(&s.world, "seg-8/data"));
	strike(&s);
}

static int is_stranger(void *arg, const struct segreg_finding *finding)
{
	*(unsigned *)arg += finding->kind == SEGREG_FOUND_STRANGER;
	return 0;
}

static unsigned strangers(struct segreg *reg)
{
	unsigned n = 0;

	T_OK(segreg_check(reg, 0, is_stranger, &n));
	return n;
}

/* What a reservation leaves in the trash when it is forgotten is not taken for the next one's. */
static void unregistering_what_cannot_be_deleted(void)
{
	struct scene s = set();

	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	T_CHECK(t_info(s.reg, 7).registered_at > 0);
	t_make_segment(&s.world, 7);
	T_OK(segreg_unreserve(s.reg, 7));
	t_fail_call("unlinkat", 1, EIO);
	T_EQ(t_sweep(s.reg).failed, 1);
	t_fail_call(NULL, 0, 0);
	T_EQ(t_count_entries(&s.world, T_TRASH), 1);
	T_EQ(strangers(s.reg), 0);
	T_OK(segreg_force_remove(s.reg, 7, SEGREG_FORCE));
	T_EQ(strangers(s.reg), 1);
	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	t_make_segment(&s.world, 7);
	T_OK(segreg_unreserve(s.reg, 7));
	T_EQ(t_sweep(s.reg).deleted, 1);
	T_CHECK(!t_exists(&s.world, "seg-7"));
	T_EQ(t_count_entries(&s.world, T_TRASH), 1); /* the caller's */
	T_EQ(strangers(s.reg), 1);
	strike(&s);
}

/* ---------------------------------------------------------------- what can be reserved */

static void what_is_taken_is_refused(void)
{
	struct scene s = set();

	t_add(&s.world, s.reg, 1);
	t_make_dir(&s.world, "there", 10);
	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 1, "new"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 7, "new"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 7, "seg-7"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 8, "seg-7"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 8, "seg-7/below"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 8, "seg-1/below"));
	T_ERR(SEGREG_E_EXISTS, reserve_there(&s, 8, "seg-7"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 8, "there"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 8, "there/data"));
	T_ERR(SEGREG_E_NOENT, segreg_reserve(s.reg, 8, "missing/new"));
	T_ERR(SEGREG_E_NOENT, segreg_reserve(s.reg, 8, "there/data/new"));
	T_OK(segreg_reserve(s.reg, 8, "there/new"));
	t_make_segment(&s.world, 7);
	T_ERR(SEGREG_E_EXISTS, segreg_register(s.reg, 9, "seg-7"));
	T_ERR(SEGREG_E_EXISTS, segreg_register(s.reg, 7, "there"));
	T_EQ(t_stats(s.reg).building, 2);
	T_EQ(t_stats(s.reg).live, 1);
	T_OK(segreg_register(s.reg, 7, "seg-7"));
	strike(&s);
}

static void unusable_paths_are_refused(void)
{
	struct scene s = set();
	static const char *const unusable[] = {
		"", "/tmp/x", "..", "a/../b", "a//b", "registry/x", ".segreg", T_TRASH, "link/x", "link",
	};

	T_SYS(symlink("/tmp", t_path(&s.world, "link")));
	for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++)
		T_ERR(SEGREG_E_PATH, segreg_reserve(s.reg, 7, unusable[i]));
	T_ERR(SEGREG_E_INVAL, segreg_reserve(s.reg, 7, NULL));
	T_ERR(SEGREG_E_INVAL, segreg_reserve(NULL, 7, "seg-7"));
	T_ERR(SEGREG_E_NOENT, segreg_unreserve(s.reg, 7));
	T_EQ(t_stats(s.reg).building, 0);
	strike(&s);
}

static void reservations_fill_the_registry(void)
{
	struct scene s = { .world = t_world(T_MEMORY) };
	char path[16];

	s.reg = t_open_with(&s.world, (struct segreg_open_options){ .max_segments = 10 });
	s.builder = peer_start(&s.world, PEER_PROCESS);
	T_OK(peer_open(s.builder));
	for (uint64_t id = 0; id < 10; id++) {
		snprintf(path, sizeof(path), "seg-%d", (int)id);
		T_OK(id % 2 ? reserve_there(&s, id, path) : segreg_reserve(s.reg, id, path));
	}
	T_ERR(SEGREG_E_FULL, segreg_reserve(s.reg, 10, "seg-10"));
	t_make_segment(&s.world, 11);
	T_ERR(SEGREG_E_FULL, segreg_register(s.reg, 11, "seg-11"));
	t_make_segment(&s.world, 0);
	T_OK(segreg_register(s.reg, 0, "seg-0")); /* has its place */
	T_OK(segreg_unreserve(s.reg, 2));
	T_ERR(SEGREG_E_FULL, segreg_register(s.reg, 11, "seg-11"));
	T_EQ(t_sweep(s.reg).deleted, 1);
	T_OK(segreg_register(s.reg, 11, "seg-11"));
	peer_kill(s.builder);
	T_EQ(t_sweep(s.reg).deleted, 5);
	for (uint64_t id = 20; id < 25; id++)
		T_OK(segreg_reserve(s.reg, id, t_segment(id)));
	T_ERR(SEGREG_E_FULL, segreg_reserve(s.reg, 25, "seg-25"));
	t_close(s.reg);
}

/* ---------------------------------------------------------------- giving up */

static void unreserved_files_go(void)
{
	struct scene s = set();
	struct segreg_sweep_result swept;
	uint64_t bytes;

	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	write_something(&s.world, "seg-7");
	bytes = t_disk_usage(&s.world, "seg-7");
	T_OK(segreg_unreserve(s.reg, 7));
	T_EQ(t_state(s.reg, 7), SEGREG_DELETING);
	T_ERR(SEGREG_E_NOENT, segreg_unreserve(s.reg, 7));
	T_ERR(SEGREG_E_EXISTS, segreg_register(s.reg, 7, "seg-7"));
	T_EQ(t_info(s.reg, 7).held_since, 0);
	swept = t_sweep(s.reg);
	T_EQ(swept.deleted, 1);
	T_EQ(swept.bytes_freed, bytes);
	T_CHECK(!t_exists(&s.world, "seg-7"));
	T_EQ(t_count_entries(&s.world, T_TRASH), 0);
	T_EQ(version_of(s.reg), 0);
	T_OK(segreg_reserve(s.reg, 7, "seg-7")); /* nothing was written */
	T_OK(segreg_unreserve(s.reg, 7));
	swept = t_sweep(s.reg);
	T_EQ(swept.deleted, 1);
	T_EQ(swept.bytes_freed, 0);
	strike(&s);
}

/* 10 has files, 11 has none, 12 is published; the builder is gone. Everything unpublished goes, and nothing else. */
static void reserve_three(struct scene *s)
{
	T_OK(reserve_there(s, 10, "seg-10"));
	T_OK(reserve_there(s, 11, "seg-11"));
	T_OK(reserve_there(s, 12, "seg-12"));
	write_something(&s->world, "seg-10");
	t_make_segment(&s->world, 12);
	T_OK(peer_register(s->builder, 12, "seg-12"));
	t_make_segment(&s->world, 13); /* which the registry never heard of */
}

static void expect_swept_up(const struct t_world *world, struct segreg *reg)
{
	struct segreg_sweep_result swept = t_sweep(reg);

	T_EQ(swept.deleted, 2);
	T_EQ(swept.failed, 0);
	T_CHECK(!t_exists(world, "seg-10"));
	T_EQ(t_state(reg, 10), SEGREG_E_NOENT);
	T_EQ(t_state(reg, 11), SEGREG_E_NOENT);
	T_EQ(t_state(reg, 12), SEGREG_LIVE);
	T_CHECK(t_exists(world, "seg-12/data") && t_exists(world, "seg-13/data"));
	T_EQ(t_stats(reg).building, 0);
	T_OK(segreg_reserve(reg, 10, "seg-10"));
}

static void closed_builder(void)
{
	struct scene s = set();

	reserve_three(&s);
	T_EQ(t_sweep(s.reg).deleted, 0);
	T_OK(peer_close(s.builder, NULL));
	expect_swept_up(&s.world, s.reg);
	strike(&s);
}

/* The next owner of its lane is another process. */
static void reopened_builder(void)
{
	struct scene s = set();

	reserve_three(&s);
	T_OK(peer_close(s.builder, NULL));
	T_OK(peer_open(s.builder));
	T_ERR(SEGREG_E_EXISTS, peer_register(s.builder, 10, "seg-10"));
	expect_swept_up(&s.world, s.reg);
	strike(&s);
}

static void killed_builder(void)
{
	struct scene s = set();

	reserve_three(&s);
	peer_stop(s.builder);
	T_EQ(t_sweep(s.reg).deleted, 0); /* a stopped builder may go on */
	peer_kill(s.builder);
	expect_swept_up(&s.world, s.reg);
	t_close(s.reg);
}

static int do_publish_with_parents_handle(struct peer_self *self, void *arg)
{
	memcpy(&self->reg, arg, sizeof(self->reg));
	return segreg_register(self->reg, 14, "seg-14");
}

static void forked_builder(void)
{
	struct scene s = set();

	reserve_three(&s);
	T_OK(segreg_reserve(s.reg, 14, "seg-14"));
	t_make_segment(&s.world, 14);
	struct peer *child = peer_start(&s.world, PEER_PROCESS); /* forked from this process */
	T_ERR(SEGREG_E_EXISTS, peer_call(child, do_publish_with_parents_handle, &s.reg, sizeof(s.reg)));
	peer_exit(child);
	T_EQ(t_sweep(s.reg).deleted, 0);
	T_OK(segreg_register(s.reg, 14, "seg-14"));
	peer_exit(s.builder);
	expect_swept_up(&s.world, s.reg);
	t_close(s.reg);
}

static void all_killed(void)
{
	struct scene s = set();

	reserve_three(&s);
	t_close(s.reg);
	peer_kill(s.builder);
	s.reg = t_open(&s.world);
	T_EQ(t_stats(s.reg).starts, 2);
	T_EQ(t_state(s.reg, 12), SEGREG_LIVE);
	expect_swept_up(&s.world, s.reg);
	t_close(s.reg);
}

static void rebooted(void)
{
	struct scene s = set();

	reserve_three(&s);
	t_close(s.reg);
	peer_kill(s.builder);
	t_reboot(&s.world);
	s.reg = t_open(&s.world);
	T_ERR(SEGREG_E_EXISTS, segreg_register(s.reg, 10, "seg-10"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 11, "seg-11"));
	expect_swept_up(&s.world, s.reg);
	t_close(s.reg);
}

/* ---------------------------------------------------------------- built under another name */

enum { NAMES_RESERVED, WRITTEN, RENAMED, PUBLISHED, ENDED };

/* A builder as engines have it: it writes a name of its own, renames that, and publishes. It goes up to `last`. */
static int do_build(struct peer_self *self, void *arg)
{
	int last = *(int *)arg;

	T_OK(segreg_reserve(self->reg, 7, "seg-7"));
	T_OK(segreg_reserve(self->reg, 8, "seg-7.tmp"));
	if (last >= WRITTEN)
		t_make_file(&self->world, "seg-7.tmp", 5000);
	if (last >= RENAMED)
		T_SYS(rename(t_path(&self->world, "seg-7.tmp"), t_path(&self->world, "seg-7")));
	if (last >= PUBLISHED)
		T_OK(segreg_register(self->reg, 7, "seg-7"));
	return last >= ENDED ? segreg_unreserve(self->reg, 8) : 0;
}

static void expect_file_or_nothing(struct scene *s, bool published)
{
	t_make_file(&s->world, "seg-7.old", 10); /* a stranger's */
	T_EQ(t_sweep(s->reg).failed, 0);
	T_EQ(t_state(s->reg, 7), published ? SEGREG_LIVE : SEGREG_E_NOENT);
	T_EQ(t_state(s->reg, 8), SEGREG_E_NOENT);
	T_EQ(t_exists(&s->world, "seg-7"), published);
	T_CHECK(!t_exists(&s->world, "seg-7.tmp") && t_exists(&s->world, "seg-7.old"));
	T_EQ(t_count_entries(&s->world, T_TRASH), 0);
	T_EQ(strangers(s->reg), 1);
	t_close(s->reg);
}

static void killed_around_its_rename(void)
{
	for (int last = NAMES_RESERVED; last <= ENDED; last++) {
		struct scene s = set();

		T_OK(peer_call(s.builder, do_build, &last, sizeof(last)));
		peer_kill(s.builder);
		expect_file_or_nothing(&s, last >= PUBLISHED);
	}
}

static void killed_after_its_rename(void)
{
	static const char *const points[] = {
		"group.leading",  "edit.prepared",   "change.committing",
		"change.durable", "edit.publishing", "change.applied",
	};
	bool published = false;

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct scene s = set();
		struct peer_registration seven = { .id = 7, .path = "seg-7" };
		int last = RENAMED;

		T_OK(peer_call(s.builder, do_build, &last, sizeof(last)));
		peer_run_to(s.builder, points[i], peer_do_register, &seven, sizeof(seven));
		peer_kill(s.builder);
		t_add(&s.world, s.reg, 5); /* repairs */
		published |= t_state(s.reg, 7) == SEGREG_LIVE;
		expect_file_or_nothing(&s, published);
	}
	T_CHECK(published);
}

/* Between the sweep's decision and its commit. */
static void sweep_dies_over_a_dead_builder(void)
{
	static const char *const points[] = {
		"sweep.deciding", "sweep.decided", "change.durable", "sweep.committed",
		"trash.renamed",  "sweep.removed", "sweep.synced",
	};

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct scene s = set();
		struct peer *sweeper = peer_start(&s.world, PEER_PROCESS);

		reserve_three(&s);
		peer_kill(s.builder);
		T_OK(peer_open(sweeper));
		peer_run_to(sweeper, points[i], peer_do_sweep, NULL, 0);
		peer_kill(sweeper);
		t_sweep(s.reg);
		T_EQ(t_stats(s.reg).building + t_stats(s.reg).deleting, 0);
		T_CHECK(!t_exists(&s.world, "seg-10"));
		T_EQ(t_count_entries(&s.world, T_TRASH), 0);
		T_EQ(t_state(s.reg, 12), SEGREG_LIVE);
		t_close(s.reg);
	}
}

/* The repair finds no slot with the reservation, and gives it one that was another handle's reservation before. */
static void repaired_reservation_is_nobodys(void)
{
	struct scene s = set();
	struct peer_registration seven = { .id = 7, .path = "seg-7" };

	T_OK(segreg_reserve(s.reg, 1, "seg-1"));
	t_add(&s.world, s.reg, 2);
	T_OK(segreg_unreserve(s.reg, 1));
	T_EQ(t_sweep(s.reg).deleted, 1);
	T_OK(segreg_retire(s.reg, 2));
	T_EQ(t_sweep(s.reg).deleted, 1); /* its slot is given away first */
	peer_run_to(s.builder, "change.durable", do_reserve, &seven, sizeof(seven));
	peer_kill(s.builder);
	T_ERR(SEGREG_E_NOENT, segreg_unreserve(s.reg, 7));
	T_EQ(t_state(s.reg, 7), SEGREG_BUILDING);
	T_EQ(t_sweep(s.reg).deleted, 1);
	T_EQ(t_state(s.reg, 7), SEGREG_E_NOENT);
	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	t_close(s.reg);
}

static void dry_run(void)
{
	struct scene s = set();
	struct segreg_sweep_options options = { .size = sizeof(options), .flags = SEGREG_SWEEP_DRY_RUN };
	struct segreg_sweep_result would = { .size = sizeof(would) };

	reserve_three(&s);
	T_OK(peer_close(s.builder, NULL));
	T_OK(segreg_sweep(s.reg, &options, &would));
	T_EQ(would.deleted, 2);
	T_EQ(would.bytes_freed, t_disk_usage(&s.world, "seg-10"));
	T_EQ(t_state(s.reg, 10), SEGREG_BUILDING);
	T_CHECK(t_exists(&s.world, "seg-10/data"));
	expect_swept_up(&s.world, s.reg);
	strike(&s);
}

/* Who builds what is in the way, and what ends that. */
static void errors_name_the_builder(void)
{
	struct scene s = set();
	char builder[48];

	snprintf(builder, sizeof(builder), "; process %lld is building it", (long long)peer_pid(s.builder));
	T_OK(reserve_there(&s, 7, "seg-7"));
	t_make_segment(&s.world, 7);
	T_ERR(SEGREG_E_EXISTS, segreg_register(s.reg, 7, "seg-7"));
	T_HAS(t_last_text(), builder);
	T_ERR(SEGREG_E_EXISTS, segreg_register(s.reg, 8, "seg-7"));
	T_HAS(t_last_text(), builder);
	peer_kill(s.builder);
	for (uint64_t id = 7; id <= 8; id++) {
		T_ERR(SEGREG_E_EXISTS, segreg_register(s.reg, id, "seg-7"));
		T_HAS(t_last_text(), "; its builder is gone, and a sweep deletes what it built: segctl sweep");
	}
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 7, "elsewhere"));
	T_HAS(t_last_text(), "segctl sweep");
	T_EQ(t_sweep(s.reg).deleted, 1);
	t_add(&s.world, s.reg, 7);
	T_OK(segreg_retire(s.reg, 7));
	T_ERR(SEGREG_E_EXISTS, segreg_register(s.reg, 8, "seg-7"));
	T_HAS(t_last_text(), "; segctl why 7 says when");
	t_close(s.reg);
}

static int note_listed(void *arg, const struct segreg_info *info)
{
	*(uint64_t *)arg = *(uint64_t *)arg * 100 + info->id;
	return 0;
}

/* The ids of segreg_list_retired, as digits of one number. */
static uint64_t to_be_deleted(struct segreg *reg)
{
	uint64_t ids = 0;

	T_OK(segreg_list_retired(reg, note_listed, &ids));
	return ids;
}

static void lists_name_the_builder(void)
{
	struct scene s = set();
	struct segreg *closed = t_open(&s.world);
	int64_t pid = peer_pid(s.builder);

	T_OK(reserve_there(&s, 11, "seg-11"));
	T_OK(segreg_reserve(closed, 12, "seg-12"));
	T_EQ(t_info(s.reg, 11).builder_pid, pid);
	T_EQ(t_info(s.reg, 12).builder_pid, getpid());
	T_EQ(t_info(s.reg, 11).is_builder_foreign, 0);
	T_EQ(t_info(s.reg, 11).is_abandoned + t_info(s.reg, 12).is_abandoned, 0);
	T_EQ(to_be_deleted(s.reg), 0);
	peer_stop(s.builder);
	t_close(closed);
	T_EQ(t_info(s.reg, 11).is_abandoned, 0);
	T_EQ(t_info(s.reg, 12).is_abandoned, 1);
	T_EQ(t_info(s.reg, 12).builder_pid, 0);
	T_EQ(to_be_deleted(s.reg), 12);
	peer_kill(s.builder);
	T_EQ(t_info(s.reg, 11).is_abandoned, 1);
	T_EQ(t_info(s.reg, 11).builder_pid, pid);
	t_add(&s.world, s.reg, 13);
	T_EQ(to_be_deleted(s.reg), 1112);
	T_EQ(t_info(s.reg, 13).is_abandoned, 0);
	T_EQ(t_sweep(s.reg).deleted, 2);
	T_EQ(to_be_deleted(s.reg), 0);
	t_close(s.reg);
}

T_SUITE(builders, { "a reserved segment is built, published and then like any other", built_and_published },
	{ "a file can be built as well as a directory", a_file_is_built },
	{ "only the process that reserved can publish or give up", another_handle_cannot_publish },
	{ "another handle of the process publishes, while the first is open", another_handle_of_the_process },
	{ "another handle of the process can publish by a letter to another process", another_handle_by_letter },
	{ "nobody pins or retires what is being built", nobody_uses_what_is_building },
	{ "what is being built is unregistered with force only", unregistering_what_is_building },
	{ "a reservation that cannot be deleted and is unregistered leaves nothing that counts as the next one's",
	  unregistering_what_cannot_be_deleted },
	{ "what is taken, or on the disk already, cannot be reserved", what_is_taken_is_refused },
	{ "a path that cannot be a segment's cannot be reserved", unusable_paths_are_refused },
	{ "reservations count against max_segments until they are swept up", reservations_fill_the_registry },
	{ "what was written for a reservation that was given up goes", unreserved_files_go },
	{ "a builder that closes leaves nothing behind", closed_builder },
	{ "a builder that opens again is another one", reopened_builder },
	{ "a stopped builder keeps its work, a killed one leaves nothing behind", killed_builder },
	{ "a refusal names the builder of what is in the way, dead or alive", errors_name_the_builder },
	{ "lists name the builder of a reservation, and show whether it is gone", lists_name_the_builder },
	{ "a builder that reserves both names of a rename leaves nothing behind", killed_around_its_rename },
	{ "killed between the rename and the end of its commit, it leaves all or nothing", killed_after_its_rename },
	{ "a forked child does not build its parent's segments", forked_builder },
	{ "when all are killed, the next to open sweeps up", all_killed },
	{ "after a reboot the next to open sweeps up", rebooted },
	{ "a sweep that dies over a dead builder's files is finished by the next", sweep_dies_over_a_dead_builder },
	{ "a reservation that only a repair shows is nobody's, whoever had its slot", repaired_reservation_is_nobodys },
	{ "a dry run tells what a builder left, and leaves it", dry_run });
