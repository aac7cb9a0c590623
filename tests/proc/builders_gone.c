/*
 * builders_gone.c - builders that close, die or fork: what was published stays, and a sweep deletes the rest.
 */
#include "builders.h"
#include "harness.h"
#include "peer.h"
#include "reboot.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- a builder that goes */

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

/* ---------------------------------------------------------------- sweeps and repairs afterwards */

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

T_SUITE(builders_gone, { "a builder that closes leaves nothing behind", closed_builder },
	{ "a builder that opens again is another one", reopened_builder },
	{ "a stopped builder keeps its work, a killed one leaves nothing behind", killed_builder },
	{ "a builder that reserves both names of a rename leaves nothing behind", killed_around_its_rename },
	{ "killed between the rename and the end of its commit, it leaves all or nothing", killed_after_its_rename },
	{ "a forked child does not build its parent's segments", forked_builder },
	{ "when all are killed, the next to open sweeps up", all_killed },
	{ "after a reboot the next to open sweeps up", rebooted },
	{ "a sweep that dies over a dead builder's files is finished by the next", sweep_dies_over_a_dead_builder },
	{ "a reservation that only a repair shows is nobody's, whoever had its slot", repaired_reservation_is_nobodys },
	{ "a dry run tells what a builder left, and leaves it", dry_run });
