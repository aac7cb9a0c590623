/*
 * sr_store.c - registry.mdb as a file: LMDB's environment, transactions and creation. sr_records.c reads and writes the
 * records in it.
 */
#include "db/sr_store.h"
#include "db/sr_records.h"
#include "sys/sr_assert.h"
#include "sys/sr_error.h"
#include "sys/sr_filelock.h"
#include "db/sr_resident.h"
#include "db/sr_value.h"
#include "sys/sr_sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE ((uint64_t)4096)
#define MAP_BASE ((size_t)1 << 30)
#define MAP_PER_SEGMENT ((size_t)4096)
/* a transaction rewrites at most the B-tree paths to the pages that it changes */
#define RESERVE_LEAST ((uint64_t)4 << 20)

/* ---------------------------------------------------------------- the environment */

/*
 * LMDB opens the file twice, and mdb_env_get_fd returns only one of the two descriptors. We need both to see whether
 * the host process closed them. The host may then open a file of its own under such a number, and LMDB would write into
 * that file.
 */
static int find_descriptors(struct sr_store *store)
{
	struct stat st;
	DIR *dir;
	int error = mdb_env_get_fd(store->env, &store->fds[0]);

	store->fds[1] = -1;
	if (error || sr_sys_fstat(store->fds[0], &st) == -1)
		return error ? error : errno;
	fcntl(store->fds[0], F_SETFD, FD_CLOEXEC); /* LMDB 0.9.24 leaves this descriptor open across exec */
	store->dev = st.st_dev;
	store->ino = st.st_ino;
	dir = opendir("/proc/self/fd");
	if (!dir)
		return 0; /* no /proc: only the first descriptor is known */
	for (struct dirent *entry; (entry = readdir(dir));) {
		int fd = atoi(entry->d_name);

		/*
		 * The descriptor for LMDB's meta pages has these flags. A descriptor with which the host reads the file
		 * has not.
		 */
		if (entry->d_name[0] != '.' && (fcntl(fd, F_GETFL) & (O_ACCMODE | O_DSYNC)) == (O_WRONLY | O_DSYNC) &&
		    sr_fd_is(fd, store->dev, store->ino))
			store->fds[1] = fd;
	}
	closedir(dir);
	return 0;
}

/* Whether neither number is open, so that closing both does no harm. */
static bool descriptors_are_closed(const struct sr_store *store)
{
	return fcntl(store->fds[0], F_GETFD) == -1 && (store->fds[1] < 0 || fcntl(store->fds[1], F_GETFD) == -1);
}

static bool descriptors_are_ours(const struct sr_store *store)
{
	for (int i = 0; i < 2; i++)
		if (store->fds[i] >= 0 && !sr_fd_is(store->fds[i], store->dev, store->ino))
			return false;
	return true;
}

/*
 * Give up the environment, because the host closed its descriptors. If the host has opened files under their numbers,
 * the environment cannot be closed. Its mapping, which is address space without memory of its own, and a few kilobytes
 * stay behind.
 */
static void give_up(struct sr_store *store)
{
	static MDB_env *volatile given_up[64] __attribute__((used)); /* keeps leak checkers from reporting these */
	static unsigned n;

	if (descriptors_are_closed(store))
		mdb_env_close(store->env);
	else
		given_up[n++ % 64] = store->env;
	store->env = NULL;
	store->txn = NULL;
}

void sr_store_close(struct sr_store *store, bool abandon)
{
	if (!store->env)
		return;
	if (abandon)
		store->env = NULL;
	else if (descriptors_are_ours(store))
		mdb_env_close(store->env);
	else
		give_up(store);
	store->env = NULL;
	store->txn = NULL;
}

/*
 * Open a table, or set *table to SR_NO_TABLE. Earlier schemas lack tables. sr_records_get_meta checks whether this file
 * should have them.
 */
static int open_table(MDB_txn *txn, const char *name, unsigned flags, MDB_dbi *table)
{
	int error = mdb_dbi_open(txn, name, flags, table);

	if (error == MDB_NOTFOUND) {
		*table = SR_NO_TABLE;
		error = 0;
	}
	return error;
}

/* Open the table that holds meta and clock: main, or SR_OLD_META in a file of schema 1. */
static int open_meta(MDB_txn *txn, unsigned flags, MDB_dbi *table)
{
	MDB_val value, key = sr_value_key("registry");
	MDB_dbi own;
	int error = mdb_dbi_open(txn, NULL, flags, table);

	if (error || mdb_get(txn, *table, &key, &value) != MDB_NOTFOUND)
		return error;
	error = open_table(txn, SR_OLD_META, 0, &own);
	if (!error && own != SR_NO_TABLE)
		*table = own;
	return error;
}

static int open_tables(struct sr_store *store, unsigned flags)
{
	MDB_txn *txn;
	int error = mdb_txn_begin(store->env, NULL, flags ? 0 : MDB_RDONLY, &txn);

	if (error)
		return error;
	error = open_meta(txn, flags, &store->meta);
	if (!error)
		error = mdb_dbi_open(txn, "segments", flags, &store->segments);
	if (!error)
		error = mdb_dbi_open(txn, "paths", flags, &store->paths);
	if (!error)
		error = open_table(txn, "tokens", flags, &store->tokens);
	if (!error)
		error = open_table(txn, "journal", flags, &store->journal);
	if (!error)
		error = open_table(txn, "leases", flags, &store->leases);
	if (!error)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return error;
}

/* Bytes that are read ahead. For pages that are in memory already, the call takes some 25 microseconds per MiB. */
#define READ_AT_OPEN ((uint64_t)64 << 20)
#define READ_AT_BEGIN ((uint64_t)4 << 20)
#define READ_ALWAYS ((uint64_t)256 << 10) /* more bytes than this are read ahead at most once in READ_EVERY */
#define READ_EVERY ((int64_t)1000000000)  /* nanoseconds; the kernel seldom drops pages that were read so recently */

static int read_ahead(struct sr_store *store, uint64_t bytes)
{
	int error = store->map ? sr_resident_read(store->map, (size_t)bytes) : 0;

	return error ? sr_fail_errno(error, "%s cannot be read; wait for its disk, or restore the file from a backup",
				     store->path)
		     : 0;
}

/* Note the time of a read ahead, unless the last one was too recent. Returns whether this transaction reads ahead. */
static bool note_read(struct sr_store *store, uint64_t used)
{
	int64_t now = sr_sys_monotonic();

	if (used > READ_ALWAYS && store->read_at && now - store->read_at < READ_EVERY)
		return false;
	store->read_at = now;
	return true;
}

/*
 * Read ahead what a transaction may touch, at most `most` bytes. So a disk that fails causes an error instead of a
 * SIGBUS. LMDB's first two pages contain the number of pages in use.
 */
static int make_resident(struct sr_store *store, uint64_t most)
{
	MDB_envinfo info;
	uint64_t used;
	int rc = read_ahead(store, 2 * PAGE);

	if (rc)
		return rc;
	mdb_env_info(store->env, &info);
	used = (info.me_last_pgno + 1) * PAGE;
	if (used > info.me_mapsize || !note_read(store, used))
		return 0; /* if the number is too large, LMDB reports what is wrong */
	return read_ahead(store, used < most ? used : most);
}

/* Find LMDB's mapping of the file, for make_resident. A file on tmpfs needs none: no disk can fail under it. */
static void find_map(struct sr_store *store)
{
	struct sr_identity identity;
	struct statfs fs;
	MDB_envinfo info;
	int fd;

	store->map = NULL;
	store->read_at = 0;
	if (mdb_env_get_fd(store->env, &fd) || sr_sys_fstatfs(fd, &fs) == -1 || fs.f_type == TMPFS_MAGIC)
		return;
	if (sr_sys_identify(AT_FDCWD, store->path, &identity) == 0 && mdb_env_info(store->env, &info) == 0)
		store->map = sr_resident_find(identity.ino, info.me_mapsize);
}

/* Open the environment. map_size 0: use the size with which the file was made. */
static int open_env(struct sr_store *store, size_t map_size, unsigned table_flags)
{
	int error, rc = 0;

	error = mdb_env_create(&store->env);
	if (error) {
		store->env = NULL;
		return sr_value_fail(error, store, "open it");
	}
	store->fds[0] = store->fds[1] = -1;
	store->reserved = 0;
	store->upgrades = false;
	error = mdb_env_set_maxdbs(store->env, 7);
	if (!error && map_size)
		error = mdb_env_set_mapsize(store->env, map_size);
	if (!error)
		error = mdb_env_open(store->env, store->path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NORDAHEAD,
				     0600);
	if (!error) {
		find_map(store);
		rc = make_resident(store, READ_AT_OPEN);
	}
	if (rc) {
		mdb_env_close(store->env);
		store->env = NULL;
		return rc;
	}
	if (!error)
		error = open_tables(store, table_flags);
	if (!error)
		error = find_descriptors(store);
	if (!error)
		return 0;
	mdb_env_close(store->env);
	store->env = NULL;
	if (error == ENOMEM)
		return sr_fail_map(error, store->path, map_size);
	if (error == MDB_NOTFOUND)
		return sr_fail(SEGREG_E_CORRUPT, "%s is not a segreg database", store->path);
	return sr_value_fail(error, store, "open it");
}

/* Check the file before LMDB opens it: LMDB would replace a missing file by an empty one. */
static int check_file(const struct sr_store *store)
{
	struct sr_identity identity;

	if (sr_sys_identify(AT_FDCWD, store->path, &identity) == -1)
		return errno == ENOENT
			       ? sr_fail(SEGREG_E_MISMATCH, "%s is missing; restore it from a backup", store->path)
			       : sr_fail_errno(errno, "cannot look at %s", store->path);
	if (!S_ISREG(identity.mode))
		return sr_fail(SEGREG_E_CORRUPT, "%s is not a regular file", store->path);
	if (store->env && (identity.dev != store->dev || identity.ino != store->ino))
		return sr_fail(SEGREG_E_MISMATCH, "%s was replaced while the registry is in use", store->path);
	if (identity.size < store->least)
		return sr_fail(SEGREG_E_MISMATCH,
			       "%s was cut off while the registry is in use: it has %llu bytes, and had %llu",
			       store->path, (unsigned long long)identity.size, (unsigned long long)store->least);
	return 0;
}

static int ensure_open(struct sr_store *store)
{
	int rc;

	if (store->env && !descriptors_are_ours(store)) {
		give_up(store);
	} else if (store->env && store->unknown) {
		mdb_env_close(store->env);
		store->env = NULL;
	}
	store->unknown = false;
	rc = check_file(store);
	if (rc || store->env)
		return rc;
	return open_env(store, 0, 0);
}

/* ---------------------------------------------------------------- transactions */

int sr_store_begin(struct sr_store *store)
{
	int error, rc = ensure_open(store);

	if (rc)
		return rc;
	sr_assert(!store->txn);
	rc = make_resident(store, READ_AT_BEGIN);
	if (rc)
		return rc;
	error = mdb_txn_begin(store->env, NULL, 0, &store->txn);
	if (error) {
		store->txn = NULL;
		return sr_value_fail(error, store, "begin a transaction");
	}
	sr_sys_calm(&store->calm);
	return 0;
}

int sr_store_check_rights(const struct sr_store *store)
{
	return sr_sys_may_write(store->path) == -1 ? sr_fail_kept(errno, store->path) : 0;
}

int sr_store_reserve(struct sr_store *store)
{
	MDB_envinfo info;
	uint64_t used, want;

	mdb_env_info(store->env, &info);
	used = (info.me_last_pgno + 1) * (uint64_t)4096;
	want = used + used / 4 + RESERVE_LEAST;
	if (store->reserved >= want - RESERVE_LEAST / 2)
		return 0;
	if (sr_sys_fallocate(store->fds[0], FALLOC_FL_KEEP_SIZE, 0, (off_t)want) == 0) {
		store->reserved = want;
		return 0;
	}
	if (errno == EOPNOTSUPP) {
		store->reserved = UINT64_MAX;
		return 0;
	}
	return sr_fail_errno(errno, "%s: cannot allocate space ahead for later retirements and deletions", store->path);
}

/* After a commit: remember the size of the file. */
static void note_size(struct sr_store *store)
{
	struct sr_identity identity;

	if (sr_sys_identify_open(store->fds[0], &identity) == 0)
		store->least = identity.size;
}

/*
 * LMDB has closed the handles of the tables that an upgrade made. So close the environment; the next transaction opens
 * it again.
 */
static void forget_upgrade(struct sr_store *store)
{
	if (store->upgrades)
		sr_store_close(store, false);
	store->upgrades = false;
}

/* Report a commit that failed and changed nothing, so that the store stays usable. */
static int fail_commit(struct sr_store *store, int error)
{
	int rc = sr_value_fail(error, store, "commit; nothing was changed");

	forget_upgrade(store);
	return rc;
}

int sr_store_commit(struct sr_store *store)
{
	MDB_txn *probe;
	int error = mdb_txn_commit(store->txn);

	sr_sys_uncalm(&store->calm);
	store->txn = NULL;
	if (!error) {
		store->upgrades = false;
		note_size(store);
		return 0;
	}
	/*
	 * LMDB panics if and only if it could not write the meta page. Every earlier failure leaves the file unchanged.
	 */
	switch (mdb_txn_begin(store->env, NULL, MDB_RDONLY, &probe)) {
	case 0:
		mdb_txn_abort(probe);
		return fail_commit(store, error);
	case MDB_PANIC:
		break;
	default:
		return fail_commit(store, error);
	}
	store->unknown = true;
	sr_add_seqcst_u64(&store->epoch, 1);
	return sr_fail(
		SEGREG_E_REOPEN,
		"%s: a commit failed (%s), and its changes may or may not be on the disk; repair the disk, then open "
		"the registry again",
		store->path, mdb_strerror(error));
}

void sr_store_abort(struct sr_store *store)
{
	if (store->txn) {
		mdb_txn_abort(store->txn);
		sr_sys_uncalm(&store->calm);
	}
	store->txn = NULL;
	forget_upgrade(store);
}

uint64_t sr_store_txn(const struct sr_store *store)
{
	return mdb_txn_id(store->txn);
}

/* ---------------------------------------------------------------- creation */

/*
 * Make an empty file, which LMDB takes for a new database.
 *
 * On btrfs each write goes to new blocks, unless a flag is set before the first byte is written. Without the flag the
 * space that sr_store_reserve allocates does not help on a full disk. Other file systems do not know the flag, and
 * write in place.
 */
static int make_file(struct sr_store *store, const struct sr_access *access)
{
	int fd = sr_sys_openat(AT_FDCWD, store->path, O_RDWR | O_CREAT | O_EXCL, 0600);

	if (fd == -1)
		return sr_fail_errno(errno, "cannot make %s", store->path);
	sr_sys_set_nocow(fd);
	sr_access_give(fd, access);
	sr_sys_close(fd);
	return 0;
}

static int create(struct sr_store *store, const struct sr_meta *meta, const struct sr_access *access)
{
	const struct sr_clock zero = { 0 };
	int error, rc = make_file(store, access);

	if (!rc)
		rc = open_env(store, MAP_BASE + MAP_PER_SEGMENT * meta->max_segments, MDB_CREATE);
	if (rc)
		return rc;
	error = mdb_txn_begin(store->env, NULL, 0, &store->txn);
	if (error)
		return sr_value_fail(error, store, "begin a transaction");
	rc = sr_records_put_meta(store, meta);
	if (!rc)
		rc = sr_records_put_clock(store, &zero);
	if (!rc)
		rc = sr_store_reserve(store);
	if (!rc)
		return sr_store_commit(store);
	sr_store_abort(store);
	return rc;
}

int sr_store_create(struct sr_store *store, const struct sr_meta *meta, const struct sr_access *access)
{
	struct sr_sys_calm calm;
	int rc;

	sr_sys_calm(&calm);
	rc = create(store, meta, access);
	sr_sys_uncalm(&calm);
	return rc;
}
