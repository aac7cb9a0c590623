/*
 * edges_deletions.c - what the registry answers when deletions fail, or files are not what they were.
 */
#include "fault.h"
#include "harness.h"
#include "peer.h"
#include "shm/sr_layout.h"

#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a sweep reported. */
struct events {
	unsigned count[SEGREG_SWEEP_MISSING + 1];
	struct segreg_sweep_event last;
	char path[SEGREG_PATH_MAX + 1], reason[512];
};

static int note_event(void *arg, const struct segreg_sweep_event *event)
{
	struct events *events = arg;

	events->count[event->action]++;
	events->last = *event;
	snprintf(events->path, sizeof(events->path), "%s", event->path);
	snprintf(events->reason, sizeof(events->reason), "%s", event->reason);
	return 0;
}

static struct segreg_sweep_result sweep_noting(struct segreg *reg, struct events *events)
{
	struct segreg_sweep_options options = { .size = sizeof(options), .fn = note_event, .arg = events };
	struct segreg_sweep_result result = { .size = sizeof(result) };

	memset(events, 0, sizeof(*events));
	T_OK(segreg_sweep(reg, &options, &result));
	return result;
}

/* ---------------------------------------------------------------- deletions that are stopped */

static int count_and_stop(void *arg)
{
	return (int)++*(unsigned *)arg;
}

static void stopped_in_a_deletion(void)
{
	struct t_world w = t_world(T_MEMORY);
	unsigned asked = 0;
	struct segreg_sweep_options options = {
		.size = sizeof(options), .arg = &asked, .pace = 1, .stop = count_and_stop
	};
	struct segreg_sweep_result result = { .size = sizeof(result) };
	struct segreg *reg = t_open(&w);
	uint64_t bytes = 0;
	char more[16];

	for (uint64_t id = 1; id <= 3; id++) {
		t_add(&w, reg, id);
		snprintf(more, sizeof(more), "seg-%d/more", (int)id);
		t_make_file(&w, more, 5000);
		bytes += t_disk_usage(&w, t_segment(id));
		T_OK(segreg_retire(reg, id));
	}
	T_OK(segreg_sweep(reg, &options, &result));
	T_EQ(asked, 1);
	T_EQ(result.deleted, 0);
	T_CHECK(result.bytes_freed > 0 && result.bytes_freed < bytes);
	T_EQ(result.failed, 0);
	T_EQ(result.waiting, 3);
	T_EQ(t_count_entries(&w, T_TRASH), 1);
	for (uint64_t id = 1; id <= 3; id++) {
		T_EQ(t_state(reg, id), SEGREG_DELETING);
		T_EQ(t_info(reg, id).attempts, 0);
	}
	T_EQ(t_sweep(reg).deleted, 3);
	T_EQ(t_count_entries(&w, T_TRASH), 0);
	T_EQ(t_stats(reg).bytes_freed, bytes);
	t_close(reg);
}

/* ---------------------------------------------------------------- deletions that fail */

static void fail_to_delete(const char *call, int errnum)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_sweep_result swept;
	struct segreg_info info;
	struct events events;
	uint64_t bytes;

	t_add(&w, reg, 1);
	bytes = t_disk_usage(&w, "seg-1");
	T_OK(segreg_retire(reg, 1));
	t_fail_call(call, 0, errnum);
	swept = sweep_noting(reg, &events);
	T_CHECK(t_failed_calls() > 0);
	T_EQ(swept.deleted, 0);
	T_EQ(swept.failed, 1);
	T_EQ(t_stats(reg).bytes_freed, swept.bytes_freed);
	T_EQ(events.count[SEGREG_SWEEP_FAILED], 1);
	T_EQ(events.last.error, errnum);
	info = t_info(reg, 1);
	T_EQ(info.state, SEGREG_DELETING);
	T_EQ(info.attempts, 1);
	T_EQ(info.error, errnum);
	T_EQ(t_stats(reg).failed, 1);
	T_EQ(t_stats(reg).deleting, 1);
	T_EQ(t_stats(reg).deleted, 0);
	t_fail_call(NULL, 0, 0);
	t_clock_forward(2000);
	T_EQ(t_sweep(reg).deleted, 1);
	T_CHECK(!t_exists(&w, "seg-1"));
	T_EQ(t_count_entries(&w, T_TRASH), 0);
	T_EQ(t_stats(reg).failed, 0);
	T_EQ(t_stats(reg).deleted, 1);
	T_EQ(t_stats(reg).bytes_freed, bytes);
	t_close(reg);
}

static void delete_fails(void)
{
	fail_to_delete("unlinkat", EACCES);
	fail_to_delete("unlinkat", EIO);
	fail_to_delete("unlinkat", EBUSY);
	fail_to_delete("unlinkat", ENOTEMPTY);
	fail_to_delete("renameat2", EACCES);
	fail_to_delete("fsync", EIO);
}

/* The next sweep knows what a sweep noted, in any process: here each has its own shared memory, as with sweeps by
 * cron. */
static void failure_outlives_region(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	int64_t pause_ms = 1000;

	for (uint64_t id = 1; id <= 3; id++) {
		t_add(&w, reg, id);
		T_OK(segreg_retire(reg, id));
	}
	t_fail_call("unlinkat", 1, EACCES);
	T_EQ(t_sweep(reg).failed, 1);
	T_EQ(t_stats(reg).deleting, 1);
	for (unsigned attempts = 1; attempts < 5; attempts++, pause_ms *= 2) {
		struct segreg_info info;

		t_close(reg);
		reg = t_open(&w);
		info = t_info(reg, 1);
		T_EQ(info.state, SEGREG_DELETING);
		T_EQ(info.attempts, attempts);
		T_EQ(info.error, EACCES);
		T_CHECK(info.retry_at > 0);
		T_EQ(t_stats(reg).failed, 1);
		t_clock_forward(pause_ms - 500);
		T_EQ(t_sweep(reg).waiting, 1);
		t_clock_forward(500);
		t_fail_call("unlinkat", 1, EACCES);
		T_EQ(t_sweep(reg).failed, 1);
	}
	t_close(reg);
	reg = t_open(&w);
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(reg, 1, 0));
	T_OK(segreg_force_remove(reg, 1, SEGREG_FORCE));
	T_EQ(t_stats(reg).failed, 0);
	T_EQ(t_stats(reg).deleting, 0);
	t_close(reg);
}

/* Killed once the failure is on the disk, before the region has it: the repair brings it there. */
static void failure_outlives_sweeper(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *sweeper = peer_start(&w, PEER_PROCESS);

	t_add(&w, reg, 1);
	T_SYS(rename(t_path(&w, "seg-1"), t_path(&w, "away")));
	t_make_segment(&w, 1);
	T_OK(segreg_retire(reg, 1));
	T_OK(peer_open(sweeper));
	peer_stop_at(sweeper, "change.durable", 2); /* the first commit is the decision */
	peer_begin(sweeper, peer_do_sweep, NULL, 0);
	T_CHECK(peer_stands(sweeper));
	peer_kill(sweeper);
	t_add(&w, reg, 2); /* repairs */
	T_EQ(t_stats(reg).repairs, 1);
	T_EQ(t_info(reg, 1).attempts, 1);
	T_EQ(t_info(reg, 1).error, ESTALE);
	T_EQ(t_stats(reg).failed, 1);
	T_EQ(t_sweep(reg).waiting, 1);
	t_close(reg);
}

static void fill_disk(void *arg, const char *point)
{
	(void)point;
	t_fail_disk(arg, T_DATA_PAGES, ENOSPC);
}

/* The failure itself cannot be written: the sweep goes on as if it were, and keeps the segment. */
static void failure_meets_full_disk(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	char *store = strdup(t_path(&w, "registry/registry.mdb"));

	t_add(&w, reg, 1);
	T_OK(segreg_retire(reg, 1));
	t_fail_call("unlinkat", 0, EIO);
	t_at_point("sweep.synced", 1, fill_disk, store);
	T_EQ(t_sweep(reg).failed, 1);
	T_CHECK(t_failed_writes() > 0);
	t_fail_disk(store, T_DATA_PAGES, 0);
	t_fail_call(NULL, 0, 0);
	T_EQ(t_info(reg, 1).attempts, 1);
	T_EQ(t_info(reg, 1).error, EIO);
	T_EQ(t_stats(reg).failed, 1);
	T_EQ(t_sweep(reg).waiting, 1);
	t_clock_forward(1000);
	T_EQ(t_sweep(reg).deleted, 1);
	T_EQ(t_stats(reg).failed, 0);
	t_close(reg);
	free(store);
}

static void back_off(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	int64_t pause_ms = 1000;

	t_add(&w, reg, 1);
	T_OK(segreg_retire(reg, 1));
	t_fail_call("unlinkat", 0, EIO);
	T_EQ(t_sweep(reg).failed, 1);
	for (unsigned attempts = 1; attempts < 12; attempts++) {
		struct segreg_sweep_result early;

		T_EQ(t_info(reg, 1).attempts, attempts);
		t_clock_forward(pause_ms - 500);
		early = t_sweep(reg);
		T_EQ(early.failed, 0);
		T_EQ(early.waiting, 1);
		t_clock_forward(500);
		T_EQ(t_sweep(reg).failed, 1);
		pause_ms = pause_ms * 2 < 300000 ? pause_ms * 2 : 300000;
	}
	t_fail_call(NULL, 0, 0);
	t_clock_forward(300000);
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

static void failing_does_not_hinder_others(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_sweep_result swept;

	for (uint64_t id = 1; id <= 3; id++) {
		t_add(&w, reg, id);
		T_OK(segreg_retire(reg, id));
	}
	t_fail_call("renameat2", 1, EIO);
	swept = t_sweep(reg);
	T_EQ(swept.failed, 1);
	T_EQ(swept.deleted, 2);
	T_EQ(t_stats(reg).deleting, 1);
	t_close(reg);
}

static void force_remove_failing(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	T_OK(segreg_retire(reg, 1));
	t_fail_call("renameat2", 0, EIO);
	T_EQ(t_sweep(reg).failed, 1);
	t_fail_call(NULL, 0, 0);
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(reg, 1, 0));
	T_OK(segreg_force_remove(reg, 1, SEGREG_FORCE));
	T_EQ(t_state(reg, 1), SEGREG_E_NOENT);
	T_EQ(t_stats(reg).failed, 0);
	T_EQ(t_stats(reg).deleting, 0);
	t_clock_forward(10000);
	T_EQ(t_sweep(reg).deleted, 0);
	T_CHECK(t_exists(&w, "seg-1/data"));
	t_close(reg);
}

/* ---------------------------------------------------------------- paths that are not what they were */

static void refuse_replaced(struct t_world *w, struct segreg *reg)
{
	struct events events;

	T_OK(segreg_retire(reg, 1));
	T_EQ(sweep_noting(reg, &events).failed, 1);
	T_EQ(events.last.error, ESTALE);
	T_EQ(t_info(reg, 1).error, ESTALE);
	T_EQ(t_info(reg, 1).state, SEGREG_DELETING);
	T_EQ(t_count_entries(w, T_TRASH), 0);
}

static void replaced_directory(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	T_SYS(rename(t_path(&w, "seg-1"), t_path(&w, "aside")));
	t_make_segment(&w, 1);
	refuse_replaced(&w, reg);
	T_CHECK(t_exists(&w, "seg-1/data"));
	T_CHECK(t_exists(&w, "aside/data"));
	/* Put right, it is deleted after all. */
	t_remove_tree(t_path(&w, "seg-1"));
	T_SYS(rename(t_path(&w, "aside"), t_path(&w, "seg-1")));
	t_clock_forward(2000);
	T_EQ(t_sweep(reg).deleted, 1);
	T_CHECK(!t_exists(&w, "seg-1"));
	t_close(reg);
}

static void replaced_by_symlink(void)
{
	struct t_world w = t_world(T_MEMORY), other = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	t_make_segment(&other, 1);
	t_remove_tree(t_path(&w, "seg-1"));
	T_SYS(symlink(t_path(&other, "seg-1"), t_path(&w, "seg-1")));
	refuse_replaced(&w, reg);
	T_CHECK(t_exists(&w, "seg-1"));
	T_CHECK(t_exists(&other, "seg-1/data"));
	t_close(reg);
}

static void gone_already(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_sweep_result swept;

	t_add(&w, reg, 1);
	T_OK(segreg_retire(reg, 1));
	t_remove_tree(t_path(&w, "seg-1"));
	swept = t_sweep(reg);
	T_EQ(swept.deleted, 1);
	T_EQ(swept.bytes_freed, 0);
	T_EQ(t_state(reg, 1), SEGREG_E_NOENT);
	t_close(reg);
}

static void missing_at_recovery(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct events events;

	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	t_close(reg);
	t_remove_tree(t_path(&w, "seg-1"));
	reg = t_open(&w);
	sweep_noting(reg, &events);
	T_EQ(events.count[SEGREG_SWEEP_MISSING], 1);
	T_EQ(events.last.id, 1);
	T_STR(events.path, "seg-1");
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	T_EQ(t_info(reg, 1).is_missing, 1);
	T_EQ(t_info(reg, 2).is_missing, 0);
	T_EQ(t_stats(reg).missing, 1);
	T_EQ(t_stats(reg).live, 2);
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).deleted, 1);
	T_EQ(t_stats(reg).missing, 0);
	t_close(reg);
}

/* ---------------------------------------------------------------- bytes */

static void bytes_of_links(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_sweep_result swept;
	uint64_t shared, dir;

	t_make_dir(&w, "seg-1", 50000);
	T_SYS(link(t_path(&w, "seg-1/data"), t_path(&w, "outside")));
	t_make_file(&w, "seg-1/twice", 20000);
	T_SYS(link(t_path(&w, "seg-1/twice"), t_path(&w, "seg-1/twice-again")));
	shared = t_disk_usage(&w, "outside");
	dir = t_disk_usage(&w, "seg-1") - shared - t_disk_usage(&w, "seg-1/twice"); /* usage counts "twice" per name */
	T_OK(segreg_register(reg, 1, "seg-1"));
	T_OK(segreg_retire(reg, 1));
	swept = t_sweep(reg);
	T_EQ(swept.deleted, 1);
	T_EQ(swept.bytes_linked, shared);
	T_EQ(swept.bytes_freed, dir);
	T_CHECK(t_exists(&w, "outside"));
	T_EQ(t_disk_usage(&w, "outside"), shared);
	t_close(reg);
}

static void bytes_of_sparse_file(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_make_file(&w, "sparse", 4096);
	T_SYS(truncate(t_path(&w, "sparse"), 1 << 30));
	uint64_t usage = t_disk_usage(&w, "sparse");
	T_OK(segreg_register(reg, 1, "sparse"));
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).bytes_freed, usage);
	T_CHECK(usage < 1 << 20);
	t_close(reg);
}

T_SUITE(edges_deletions,
	{ "a sweep that waits for its pace is stopped in the midst of a deletion, and the next one finishes it",
	  stopped_in_a_deletion },
	{ "a deletion that fails is kept with its errno, not counted, and tried again", delete_fails },
	{ "failed deletions are tried after 1 s, 2 s, 4 s, ... up to 5 minutes", back_off },
	{ "a deletion that failed is known, with errno, attempts and back-off, after all shared memory is gone",
	  failure_outlives_region },
	{ "and after a sweeper that died between disk and shared memory", failure_outlives_sweeper },
	{ "a failure that the disk has no room for is known as long as the shared memory is", failure_meets_full_disk },
	{ "a deletion that fails does not hinder the others", failing_does_not_hinder_others },
	{ "a segment whose deletion keeps failing is forgotten by force only", force_remove_failing },
	{ "a directory that took the place of the registered one is not deleted", replaced_directory },
	{ "a symlink that took the place of the registered directory is not followed", replaced_by_symlink },
	{ "a retired segment that is gone already counts as deleted with 0 bytes", gone_already },
	{ "a live segment that the disk does not have is kept and shown as missing", missing_at_recovery },
	{ "bytes freed are those of inodes whose last link went", bytes_of_links },
	{ "bytes freed of a sparse file are its blocks, not its length", bytes_of_sparse_file });
