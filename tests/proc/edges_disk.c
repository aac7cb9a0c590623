/*
 * edges_disk.c - what the registry answers when disks or memory fail, and for files of another build.
 */
#include "fault.h"
#include "harness.h"
#include "peer.h"
#include "shm/sr_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

T_SUITE(edges_disk, { "after a commit of unknown outcome a process edits nothing until it reopens", unknown_outcome },
	{ "a sweep whose commit has an unknown outcome deletes nothing", unknown_outcome_of_a_sweep },
	{ "a commit that fails before its meta page changes nothing", failure_before_the_meta_page },
	{ "shared memory of another build is refused, with both versions", region_of_another_build },
	{ "a database of another version is refused, with both versions", database_of_another_build },
	{ "without shared memory a call fails with SEGREG_E_NOMEM and breaks nothing", no_shared_memory });
