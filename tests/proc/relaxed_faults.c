/*
 * relaxed_faults.c - discards that do not wait for the disk: in a full registry, on a failing disk, after deaths, and
 * in damaged shared memory.
 */
#include "discard.h"
#include "fault.h"
#include "harness.h"
#include "peer.h"
#include "registry/sr_discards.h"

#include <errno.h>
#include <string.h>

static int do_relaxed_two(struct peer_self *self, void *arg)
{
	(void)arg;
	return segreg_discard(self->reg, (const char *const[]){ "a", "b" }, 2, SEGREG_DISCARD_RELAXED);
}

/* ---------------------------------------------------------------- limits */

static void a_full_registry(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open_with(&w, (struct segreg_open_options){ .flags = SEGREG_CREATE, .max_segments = 2 });

	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	t_make_file(&w, "a", SIZE);
	T_OK(relaxed(reg, "a"));
	T_ERR(SEGREG_E_FULL, flush(reg));
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	T_EQ(state_of(reg, "a"), SEGREG_E_NOENT);
	T_EQ(t_sweep(reg).deleted, 1);
	T_OK(flush(reg));
	T_EQ(state_of(reg, "a"), SEGREG_PENDING);
	T_OK(segreg_check(reg, 0, any_difference, NULL));
	t_close(reg);
}

static void a_disk_that_takes_no_commit(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_sweep_result swept = { .size = sizeof(swept) };

	t_make_file(&w, "a", SIZE);
	t_fail_disk(t_path(&w, "registry/registry.mdb"), T_DATA_PAGES, ENOSPC);
	T_OK(relaxed(reg, "a"));
	T_ERR(SEGREG_E_NOSPC, flush(reg));
	T_OK(segreg_sweep(reg, NULL, &swept));
	T_CHECK(swept.next_at > 0); /* come again */
	T_CHECK(t_failed_writes() > 0);
	t_fail_disk(t_path(&w, "registry/registry.mdb"), T_DATA_PAGES, 0);
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

/* ---------------------------------------------------------------- killed */

static void killed_while_adding(void)
{
	static const char *const points[] = { "discards.adding", "discards.added" };

	for (int i = 0; i < 2; i++) {
		struct t_world w = t_world(T_MEMORY);
		struct segreg *reg = t_open(&w);
		struct peer *peer = peer_start(&w, PEER_PROCESS);

		t_make_file(&w, "a", SIZE);
		t_make_file(&w, "b", SIZE);
		T_OK(peer_open(peer));
		peer_run_to(peer, points[i], do_relaxed_two, NULL, 0);
		peer_kill(peer);
		T_OK(flush(reg));
		T_EQ(t_stats(reg).pending, i ? 2 : 0);
		T_OK(relaxed(reg, "a"));
		T_EQ(t_sweep(reg).deleted, i ? 2 : 1);
		t_close(reg);
	}
}

static void killed_while_making_them_durable(void)
{
	static const char *const points[] = {
		"group.leading",  "group.planned",   "edit.prepared", "change.committing",
		"change.durable", "edit.publishing", "group.shown",   "change.applied",
	};

	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++)
		for (int anew = 0; anew < 2; anew++) {
			struct t_world w = t_world(T_MEMORY);
			struct segreg *reg = t_open(&w);
			struct peer *peer = peer_start(&w, PEER_PROCESS);
			uint64_t version = t_version(reg);
			bool done = i >= 4;

			t_make_file(&w, "a", SIZE);
			T_OK(relaxed(reg, "a"));
			T_OK(peer_open(peer));
			peer_run_to(peer, points[i], do_flush, NULL, 0);
			peer_kill(peer);
			if (anew) {
				T_OK(segreg_vacate(reg, "a"));
				t_make_file(&w, "a", SIZE);
				T_OK(flush(reg));
				T_EQ(t_sweep(reg).deleted, 0);
				T_CHECK(t_exists(&w, "a"));
			} else {
				T_EQ(state_of(reg, "a"), done ? SEGREG_PENDING : SEGREG_E_NOENT);
				T_OK(flush(reg));
				T_EQ(state_of(reg, "a"), SEGREG_PENDING);
				T_EQ(t_version(reg), version + 1);
				T_EQ(t_sweep(reg).deleted, 1);
			}
			T_OK(segreg_check(reg, 0, any_difference, NULL));
			t_close(reg);
		}
}

/* ---------------------------------------------------------------- damaged shared memory */

static void a_damaged_ring(void)
{
	static const uint64_t words[] = { UINT64_MAX, SR_DISCARDS + 1, (uint64_t)SR_DISCARDS << 32 | 1, 1ull << 63 };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		struct t_world w = t_world(T_MEMORY);
		struct segreg *reg = t_open(&w);

		t_add(&w, reg, 1);
		t_make_file(&w, "a", SIZE);
		reg->region.header->discards = words[i];
		T_ERR(SEGREG_E_CORRUPT, relaxed(reg, "a"));
		if ((uint32_t)words[i])
			T_ERR(SEGREG_E_CORRUPT, flush(reg));
		T_OK(segreg_retire(reg, 1));
		T_EQ(t_sweep(reg).deleted, 1);
		t_close(reg);
	}
}

static void damaged_discards(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct sr_discard *ring = reg->region.discards;

	for (const char *name = "a\0b\0c\0d\0e\0"; *name; name += 2) {
		t_make_file(&w, name, SIZE);
		T_OK(relaxed(reg, name));
	}
	memcpy(ring[0].path, "../etc/passwd", ring[0].path_length = 13);
	ring[1].path_length = UINT16_MAX;
	memset(ring[1].path, 'x', SR_DISCARD_PATH);
	ring[2].path[0] = '\0';
	ring[3].ino++;
	ring[3].fid++;
	T_OK(flush(reg));
	T_EQ(t_stats(reg).pending, 1);
	T_EQ(state_of(reg, "e"), SEGREG_PENDING);
	t_close(reg);
}

T_SUITE(relaxed_faults, { "in a full registry they hinder no edit, and wait", a_full_registry },
	{ "on a disk that takes no commit they wait, and the sweep says when", a_disk_that_takes_no_commit },
	{ "killed while adding: all or none", killed_while_adding },
	{ "killed while making them durable", killed_while_making_them_durable },
	{ "a damaged ring hinders no edit", a_damaged_ring }, { "damaged discards are dropped", damaged_discards });
