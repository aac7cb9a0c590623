/*
 * edges_disk.c - what the registry answers when deletions fail, disks or memory fail, and files are not what they were.
 */
#include "fault.h"
#include "harness.h"
#include "peer.h"
#include "shm/sr_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* ---------------------------------------------------------------- a disk that fails under LMDB */

static const char *database(const struct t_world *w)
{
	return t_path(w, "registry/registry.mdb");
}

static void unknown_outcome(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *peer = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w), *other = t_open(&w), *again;
	struct segreg_pin pin;
	int state;

	T_OK(peer_open(peer));
	for (uint64_t id = 1; id <= 4; id++)
		t_add(&w, reg, id);
	t_make_segment(&w, 5);
	t_fail_disk(database(&w), T_META_PAGE, EIO);
	T_ERR(SEGREG_E_REOPEN, segreg_retire(reg, 1));
	T_CHECK(t_failed_writes() > 0);
	t_fail_disk(database(&w), T_META_PAGE, 0);
	/* The disk works again, but what this process believes may be wrong. */
	T_ERR(SEGREG_E_REOPEN, segreg_retire(reg, 2));
	T_ERR(SEGREG_E_REOPEN, segreg_register(reg, 5, "seg-5"));
	T_ERR(SEGREG_E_REOPEN, segreg_sweep(reg, NULL, NULL));
	T_ERR(SEGREG_E_REOPEN, segreg_retire(other, 2));
	T_OK(segreg_pin(reg, 2, 0, &pin));
	T_OK(segreg_unpin(reg, &pin));
	T_OK(peer_pin(peer, 3));
	T_OK(peer_retire(peer, 3));
	t_close(other);
	T_OK(segreg_open(w.dir, NULL, &again));
	state = t_state(again, 1);
	T_CHECK(state == SEGREG_LIVE || state == SEGREG_PENDING);
	T_OK(segreg_retire(again, 2));
	T_OK(segreg_register(again, 5, "seg-5"));
	T_EQ(t_sweep(again).deleted, state == SEGREG_LIVE ? 1 : 2);
	t_close(reg);
	t_close(again);
	peer_kill(peer);
	reg = t_open(&w);
	T_EQ(t_state(reg, 1), state == SEGREG_LIVE ? SEGREG_LIVE : SEGREG_E_NOENT);
	T_EQ(t_state(reg, 2), SEGREG_E_NOENT);
	T_EQ(t_state(reg, 3), SEGREG_PENDING);
	T_EQ(t_state(reg, 4), SEGREG_LIVE);
	T_EQ(t_state(reg, 5), SEGREG_LIVE);
	t_close(reg);
}

static void unknown_outcome_of_a_sweep(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w), *again;

	t_add(&w, reg, 1);
	T_OK(segreg_retire(reg, 1));
	t_fail_disk(database(&w), T_META_PAGE, EIO);
	T_ERR(SEGREG_E_REOPEN, segreg_sweep(reg, NULL, NULL));
	t_fail_disk(database(&w), T_META_PAGE, 0);
	T_CHECK(t_exists(&w, "seg-1/data")); /* nothing is deleted on the word of such a commit */
	T_OK(segreg_open(w.dir, NULL, &again));
	t_close(reg);
	T_EQ(t_sweep(again).deleted, 1);
	T_CHECK(!t_exists(&w, "seg-1"));
	t_close(again);
}

static void clean_failure(enum t_disk_write kind, int errnum, int expected)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open_with(&w, (struct segreg_open_options){ .max_segments = 3 });
	uint64_t version;

	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	T_OK(segreg_retire(reg, 2));
	t_make_segment(&w, 3);
	version = t_stats(reg).version;
	t_fail_disk(database(&w), kind, errnum);
	T_ERR(expected, segreg_retire(reg, 1));
	for (int i = 0; i < 3; i++)
		T_ERR(expected, segreg_register(reg, 3, "seg-3")); /* which takes none of the 3 slots for good */
	T_ERR(expected, segreg_sweep(reg, NULL, NULL));
	T_CHECK(t_failed_writes() >= 5);
	t_fail_disk(database(&w), kind, 0);
	T_EQ(t_stats(reg).version, version);
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	T_EQ(t_state(reg, 2), SEGREG_PENDING);
	T_EQ(t_state(reg, 3), SEGREG_E_NOENT);
	T_CHECK(t_exists(&w, "seg-2/data"));
	T_OK(segreg_register(reg, 3, "seg-3"));
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).deleted, 2);
	t_close(reg);
}

static void failure_before_the_meta_page(void)
{
	clean_failure(T_DATA_PAGES, EIO, SEGREG_E_IO);
	clean_failure(T_DATA_PAGES, ENOSPC, SEGREG_E_NOSPC);
	clean_failure(T_SYNC, EIO, SEGREG_E_IO);
}

/* ---------------------------------------------------------------- files and memory of another build */

/* The shared memory of the one registry that this process has open. */
static void region_path(char path[T_PATH_SIZE])
{
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");

	T_CHECK(maps);
	*path = '\0';
	while (!*path && fgets(line, sizeof(line), maps)) {
		char *name = strstr(line, "/dev/shm/segreg-");

		if (name && !strstr(name, "/segreg-test-"))
			snprintf(path, T_PATH_SIZE, "%.*s", (int)strcspn(name, "\n"), name);
	}
	fclose(maps);
	T_CHECK(*path);
}

static void patch_region(size_t offset, uint64_t value)
{
	char path[T_PATH_SIZE];
	int fd;

	region_path(path);
	fd = T_SYS(open(path, O_RDWR | O_CLOEXEC));
	T_EQ(pwrite(fd, &value, sizeof(value), (off_t)offset), sizeof(value));
	close(fd);
}

static void region_of_another_build(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *peer = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);
	char ours[24], theirs[24];

	snprintf(ours, sizeof(ours), "%016llx", (unsigned long long)sr_layout_fingerprint());
	snprintf(theirs, sizeof(theirs), "%016llx", (unsigned long long)sr_layout_fingerprint() + 1);
	patch_region(offsetof(struct sr_header, fingerprint), sr_layout_fingerprint() + 1);
	T_ERR(SEGREG_E_VERSION, peer_open(peer));
	T_HAS(t_last_text(), ours);
	T_HAS(t_last_text(), theirs);
	patch_region(offsetof(struct sr_header, fingerprint), sr_layout_fingerprint());
	patch_region(offsetof(struct sr_header, magic), __builtin_bswap64(SR_MAGIC)); /* the other byte order */
	T_ERR(SEGREG_E_VERSION, peer_open(peer));
	patch_region(offsetof(struct sr_header, magic), SR_MAGIC);
	T_OK(peer_open(peer));
	t_close(reg);
}

/* Set the first byte of a value in the meta table: the schema's version. */
static void patch_schema(const struct t_world *w, const char *key_text, unsigned char schema)
{
	char key_bytes[32];
	unsigned char bytes[SEGREG_PATH_SIZE];
	MDB_val value, key = { .mv_size = strlen(key_text), .mv_data = key_bytes };
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	memcpy(key_bytes, key_text, key.mv_size);
	T_EQ(mdb_env_create(&env), 0);
	T_EQ(mdb_env_set_maxdbs(env, 4), 0);
	T_EQ(mdb_env_open(env, database(w), MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
	T_EQ(mdb_txn_begin(env, NULL, 0, &txn), 0);
	T_EQ(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	T_EQ(mdb_get(txn, dbi, &key, &value), 0);
	T_CHECK(value.mv_size <= sizeof(bytes));
	memcpy(bytes, value.mv_data, value.mv_size);
	bytes[0] = schema;
	value.mv_data = bytes;
	T_EQ(mdb_put(txn, dbi, &key, &value, 0), 0);
	T_EQ(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void database_of_another_build(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	t_close(reg);
	reg = NULL;
	patch_schema(&w, "registry", 77);
	T_ERR(SEGREG_E_VERSION, segreg_open(w.dir, NULL, &reg));
	T_HAS(segreg_last_error(), "77"); /* theirs, and ours */
	T_HAS(segreg_last_error(), "1");
	T_CHECK(!reg);
	patch_schema(&w, "registry", 1);
	T_OK(segreg_open(w.dir, NULL, &reg));
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	t_close(reg);
}

/* ---------------------------------------------------------------- memory that is full */

/* Open, register id, pin it and open again; the nth request for shared memory fails. True if there were fewer. */
static bool try_without_memory(const struct t_world *w, uint64_t id, unsigned nth)
{
	struct segreg *reg = NULL, *second = NULL;
	struct segreg_pin pin;
	int rc;

	t_fail_call("madvise", nth, ENOMEM);
	rc = segreg_open(w->dir, NULL, &reg);
	if (!rc)
		rc = segreg_register(reg, id, t_segment(id));
	if (!rc)
		rc = segreg_pin(reg, id, 0, &pin);
	if (!rc)
		rc = segreg_open(w->dir, NULL, &second);
	if (t_failed_calls())
		T_EQ(rc, SEGREG_E_NOMEM);
	else
		T_OK(rc);
	segreg_close(second, NULL);
	segreg_close(reg, NULL);
	return !t_failed_calls();
}

static void no_shared_memory(void)
{
	struct t_world w = t_world(T_MEMORY);
	unsigned nth = 0;
	bool enough;

	t_close(t_open(&w));
	do {
		struct segreg *reg;

		nth++;
		t_make_segment(&w, nth);
		enough = try_without_memory(&w, nth, nth);
		t_fail_call(NULL, 0, 0);
		reg = t_open(&w); /* what failed left nothing broken behind */
		T_OK(segreg_register(reg, nth, t_segment(nth)));
		T_EQ(t_stats(reg).live, nth);
		T_EQ(t_stats(reg).lanes, 1);
		t_close(reg);
	} while (!enough && nth < 100);
	T_CHECK(nth > 3);
	T_CHECK(enough);
}

T_SUITE(edges_disk,
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
	{ "bytes freed of a sparse file are its blocks, not its length", bytes_of_sparse_file },
	{ "after a commit of unknown outcome a process edits nothing until it reopens", unknown_outcome },
	{ "a sweep whose commit has an unknown outcome deletes nothing", unknown_outcome_of_a_sweep },
	{ "a commit that fails before its meta page changes nothing", failure_before_the_meta_page },
	{ "shared memory of another build is refused, with both versions", region_of_another_build },
	{ "a database of another version is refused, with both versions", database_of_another_build },
	{ "without shared memory a call fails with SEGREG_E_NOMEM and breaks nothing", no_shared_memory });
