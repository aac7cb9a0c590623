/*
 * sr_store.c - the durable truth: registry.mdb, an LMDB file. Knows nothing of shared memory.
 */
#include "db/sr_store.h"
#include "sys/sr_assert.h"
#include "db/sr_codec.h"
#include "sys/sr_error.h"
#include "sys/sr_filelock.h"
#include "db/sr_resident.h"
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
#define RESERVE_LEAST ((uint64_t)4 << 20) /* a transaction rewrites at most the paths to the pages that it changes */

static int fail_mdb(int error, const struct sr_store *store, const char *what)
{
	switch (error) {
	case MDB_MAP_FULL:
	case MDB_DBS_FULL:
		return sr_fail(SEGREG_E_FULL, "%s: cannot %s: the database has reached its size limit", store->path, what);
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_BAD_TXN:
	case MDB_BAD_DBI:
	case MDB_INCOMPATIBLE:
		return sr_fail(SEGREG_E_CORRUPT, "%s: cannot %s: %s; restore it from a backup", store->path, what,
			       mdb_strerror(error));
	case MDB_VERSION_MISMATCH:
		return sr_fail(SEGREG_E_VERSION, "%s: cannot %s: %s", store->path, what, mdb_strerror(error));
	case MDB_PANIC:
		return sr_fail(SEGREG_E_REOPEN, "%s: cannot %s: a write failed earlier; open the registry again", store->path,
			       what);
	default:
		return error > 0 ? sr_fail_errno(error, "%s: cannot %s", store->path, what) :
				   sr_fail(SEGREG_E_CORRUPT, "%s: cannot %s: %s", store->path, what, mdb_strerror(error));
	}
}

/* ---------------------------------------------------------------- the environment */

/*
 * LMDB has the file open twice and tells of one descriptor only. Both are needed to see whether the host process
 * closed them (and perhaps opened something of its own under their numbers, into which LMDB would then write).
 */
static int find_descriptors(struct sr_store *store)
{
	struct stat st;
	DIR *dir;
	int error = mdb_env_get_fd(store->env, &store->fds[0]);

	store->fds[1] = -1;
	if (error || sr_sys_fstat(store->fds[0], &st) == -1)
		return error ? error : errno;
	fcntl(store->fds[0], F_SETFD, FD_CLOEXEC); /* LMDB 0.9.24 leaves this one open across exec */
	store->dev = st.st_dev;
	store->ino = st.st_ino;
	dir = opendir("/proc/self/fd");
	if (!dir)
		return 0; /* no /proc: the first descriptor must do */
	for (struct dirent *entry; (entry = readdir(dir));) {
		int fd = atoi(entry->d_name);

		/* The one for its meta pages: only these flags are LMDB's, not a host's that reads the file as well. */
		if (entry->d_name[0] != '.' && (fcntl(fd, F_GETFL) & (O_ACCMODE | O_DSYNC)) == (O_WRONLY | O_DSYNC) &&
		    sr_fd_is(fd, store->dev, store->ino))
			store->fds[1] = fd;
	}
	closedir(dir);
	return 0;
}

/* Neither open: closing their numbers does no harm. */
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
 * Give the environment up whose descriptors are no longer ours. If the host has taken their numbers, it cannot be
 * closed: its mapping (address space, no memory of its own) and a few kilobytes stay behind.
 */
static void give_up(struct sr_store *store)
{
	static MDB_env *volatile given_up[64] __attribute__((used)); /* for those who look for leaks: these are meant */
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

static MDB_val text_key(const char *text)
{
	union {
		const char *in;
		void *out;
	} key = { .in = text }; /* LMDB's MDB_val is not const; it does not write to keys */

	return (MDB_val){ .mv_size = strlen(text), .mv_data = key.out };
}

/* Earlier schemas did not have all tables; whether this file should have one is known by its meta. */
static int open_table(MDB_txn *txn, const char *name, unsigned flags, MDB_dbi *table)
{
	int error = mdb_dbi_open(txn, name, flags, table);

	if (error == MDB_NOTFOUND) {
		*table = SR_NO_TABLE;
		error = 0;
	}
	return error;
}

/* The main table, or the one of its own that meta and clock had once. */
static int open_meta(MDB_txn *txn, unsigned flags, MDB_dbi *table)
{
	MDB_val value, key = text_key("registry");
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
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return error;
}

/* Bytes that are read ahead. To ask for what is there already takes some 25 microseconds for each MiB. */
#define READ_AT_OPEN ((uint64_t)64 << 20)
#define READ_AT_BEGIN ((uint64_t)4 << 20)
#define READ_ALWAYS ((uint64_t)256 << 10)  /* more than that: at most once in */
#define READ_EVERY ((int64_t)1000000000) /* nanoseconds, since what was read just now is rarely given up */

static int read_ahead(struct sr_store *store, uint64_t bytes)
{
	int error = store->map ? sr_resident_read(store->map, (size_t)bytes) : 0;

	return error ? sr_fail_errno(error, "%s cannot be read: see the kernel's log for the disk; restore it from a backup, or wait "
				     "for the disk", store->path) : 0;
}

/* Before a transaction: is it time to ask again? */
static bool is_due(struct sr_store *store, uint64_t used)
{
	int64_t now = sr_sys_monotonic();

	if (used > READ_ALWAYS && store->read_at && now - store->read_at < READ_EVERY)
		return false;
	store->read_at = now;
	return true;
}

/* What a transaction may touch, so that a disk that fails is an error, and not a SIGBUS. LMDB's first two pages say how much that is. */
static int make_resident(struct sr_store *store, uint64_t most)
{
	MDB_envinfo info;
	uint64_t used;
	int rc = read_ahead(store, 2 * PAGE);

	if (rc)
		return rc;
	mdb_env_info(store->env, &info);
	used = (info.me_last_pgno + 1) * PAGE;
	if (used > info.me_mapsize || !is_due(store, used))
		return 0; /* if it is too much, LMDB says what is wrong */
	return read_ahead(store, used < most ? used : most);
}

/* Memory has no disk that could fail. */
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

/* map_size 0: the one that the file was made with. */
static int open_env(struct sr_store *store, size_t map_size, unsigned table_flags)
{
	int error, rc = 0;

	error = mdb_env_create(&store->env);
	if (error) {
		store->env = NULL;
		return fail_mdb(error, store, "open it");
	}
	store->fds[0] = store->fds[1] = -1;
	store->reserved = 0;
	store->upgrades = false;
	error = mdb_env_set_maxdbs(store->env, 6);
	if (!error && map_size)
		error = mdb_env_set_mapsize(store->env, map_size);
	if (!error)
		error = mdb_env_open(store->env, store->path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NORDAHEAD, 0600);
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
	return fail_mdb(error, store, "open it");
}

/* The file must be there: LMDB would make a new, empty one. */
static int check_file(const struct sr_store *store)
{
	struct sr_identity identity;

	if (sr_sys_identify(AT_FDCWD, store->path, &identity) == -1)
		return errno == ENOENT ? sr_fail(SEGREG_E_MISMATCH, "%s is missing; restore it from a backup", store->path) :
					 sr_fail_errno(errno, "cannot look at %s", store->path);
	if (!S_ISREG(identity.mode))
		return sr_fail(SEGREG_E_CORRUPT, "%s is not a regular file", store->path);
	if (store->env && (identity.dev != store->dev || identity.ino != store->ino))
		return sr_fail(SEGREG_E_MISMATCH, "%s was replaced while the registry is in use", store->path);
	if (identity.size < store->least)
		return sr_fail(SEGREG_E_MISMATCH, "%s was cut off while the registry is in use: it has %llu bytes, and had %llu", store->path,
			       (unsigned long long)identity.size, (unsigned long long)store->least);
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
		return fail_mdb(error, store, "begin a transaction");
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
	return sr_fail_errno(errno, "%s: cannot allocate space ahead for retiring and deleting", store->path);
}

/* After a commit. */
static void note_size(struct sr_store *store)
{
	struct sr_identity identity;

	if (sr_sys_identify_open(store->fds[0], &identity) == 0)
		store->least = identity.size;
}

/* LMDB closed the handles of tables that an upgrade made. The next transaction opens the file afresh. */
static void forget_upgrade(struct sr_store *store)
{
	if (store->upgrades)
		sr_store_close(store, false);
	store->upgrades = false;
}

/* Why a commit failed, as far as the store goes on. */
static int fail_commit(struct sr_store *store, int error)
{
	int rc = fail_mdb(error, store, "commit; nothing was changed");

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
	/* LMDB panics exactly when it could not write the meta page; every earlier failure leaves the file as it was. */
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
	sr_add_seqcst_u64(&store->generation, 1);
	return sr_fail(SEGREG_E_REOPEN, "%s: a commit failed (%s) and may or may not be on the disk; see to the disk, then open "
		       "the registry again", store->path, mdb_strerror(error));
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

/* ---------------------------------------------------------------- tables */

static int fail_no_table(const struct sr_store *store)
{
	return sr_fail(SEGREG_E_CORRUPT, "%s is damaged, or was exchanged for one of an earlier segreg while in use: a table is missing",
		       store->path);
}

static int put_value(struct sr_store *store, MDB_dbi table, MDB_val key, void *data, size_t size, unsigned flags)
{
	MDB_val value = { .mv_size = size, .mv_data = data };
	int error;

	if (table == SR_NO_TABLE)
		return fail_no_table(store);
	error = mdb_put(store->txn, table, &key, &value, flags);
	return error ? fail_mdb(error, store, "write to it") : 0;
}

static int get_value(struct sr_store *store, MDB_dbi table, MDB_val key, MDB_val *value)
{
	int error;

	if (table == SR_NO_TABLE)
		return fail_no_table(store);
	error = mdb_get(store->txn, table, &key, value);
	if (error == MDB_NOTFOUND)
		return SR_STORE_ABSENT;
	return error ? fail_mdb(error, store, "read it") : 0;
}

int sr_store_get_meta(struct sr_store *store, struct sr_meta *meta)
{
	MDB_val value;
	int rc = get_value(store, store->meta, text_key("registry"), &value);

	if (!rc)
		rc = sr_decode_meta(value.mv_data, value.mv_size, meta);
	if (!rc && meta->schema > 1 && (store->tokens == SR_NO_TABLE || store->journal == SR_NO_TABLE))
		rc = fail_no_table(store);
	return rc;
}

static int put_meta_in(struct sr_store *store, MDB_dbi table, const struct sr_meta *meta)
{
	unsigned char bytes[SR_META_FIXED + SEGREG_PATH_SIZE];

	return put_value(store, table, text_key("registry"), bytes, sr_encode_meta(meta, bytes), 0);
}

int sr_store_put_meta(struct sr_store *store, const struct sr_meta *meta)
{
	return put_meta_in(store, store->meta, meta);
}

/*
 * Schema 1 grew three times without a number of its own:
 *
 *      first       no tokens, a clock without their count; no journal; meta and clock in a table of their own, "meta"
 *      then        tokens; then riders, in "meta" as well; then meta, clock and riders moved to main; then the journal
 *      schema 2    records with the fields that sr_codec.h names
 *
 * Missing tables are made, and meta is written with our number: from then on an earlier library refuses the file by both
 * numbers. It reads them where it expects meta, so "meta" keeps that value, if there is such a table. Clock and riders are not
 * copied: the caller writes the clock, and riders are of a region that is over. Values of earlier schemas stay until they change.
 */
int sr_store_upgrade(struct sr_store *store, const struct sr_meta *meta)
{
	MDB_dbi old = store->meta;
	int error, rc = 0;

	if (meta->schema == SR_SCHEMA)
		return 0;
	store->upgrades = true;
	error = mdb_dbi_open(store->txn, NULL, 0, &store->meta);
	if (!error)
		error = mdb_dbi_open(store->txn, "tokens", MDB_CREATE, &store->tokens);
	if (!error)
		error = mdb_dbi_open(store->txn, "journal", MDB_CREATE, &store->journal);
	if (error)
		return fail_mdb(error, store, "make the tables that its schema did not have");
	if (old != store->meta)
		rc = put_meta_in(store, old, meta);
	return rc ? rc : sr_store_put_meta(store, meta);
}

int sr_store_get_clock(struct sr_store *store, struct sr_clock *clock)
{
	MDB_val value;
	int rc = get_value(store, store->meta, text_key("clock"), &value);

	if (rc == SR_STORE_ABSENT)
		return sr_fail(SEGREG_E_CORRUPT, "%s is damaged: it has no clock", store->path);
	return rc ? rc : sr_decode_clock(value.mv_data, value.mv_size, clock);
}

int sr_store_put_clock(struct sr_store *store, const struct sr_clock *clock)
{
	unsigned char bytes[SR_CLOCK_SIZE];

	return put_value(store, store->meta, text_key("clock"), bytes, sr_encode_clock(clock, bytes), 0);
}

int sr_store_get_owner(struct sr_store *store, struct sr_owner *owner)
{
	MDB_val value;
	int rc = get_value(store, store->meta, text_key("owner"), &value);

	return rc ? rc : sr_decode_owner(value.mv_data, value.mv_size, owner);
}

int sr_store_put_owner(struct sr_store *store, const struct sr_owner *owner)
{
	unsigned char bytes[SR_OWNER_FIXED + SEGREG_PATH_SIZE];

	return put_value(store, store->meta, text_key("owner"), bytes, sr_encode_owner(owner, bytes), 0);
}

int sr_store_get_riders(struct sr_store *store, struct sr_riders *riders)
{
	MDB_val value;
	int rc = get_value(store, store->meta, text_key("riders"), &value);

	if (rc == SR_STORE_ABSENT)
		riders->n = 0;
	return rc == SR_STORE_ABSENT ? 0 : rc ? rc : sr_decode_riders(value.mv_data, value.mv_size, riders);
}

int sr_store_put_riders(struct sr_store *store, const struct sr_riders *riders)
{
	unsigned char bytes[SR_RIDERS_FIXED + SR_RIDERS_MAX * SR_RIDER_SIZE];

	return put_value(store, store->meta, text_key("riders"), bytes, sr_encode_riders(riders, bytes), 0);
}

/*
 * LMDB takes an empty file for a new one. On btrfs each write takes new blocks unless the file says otherwise before its first byte: then
 * what sr_store_reserve allocates is worth nothing on a full disk. Other file systems do not know the flag, and write in place.
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
		return fail_mdb(error, store, "begin a transaction");
	rc = sr_store_put_meta(store, meta);
	if (!rc)
		rc = sr_store_put_clock(store, &zero);
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

int sr_store_get(struct sr_store *store, uint64_t id, struct sr_record *record)
{
	unsigned char bytes[8];
	MDB_val value, key = { .mv_size = sizeof(bytes), .mv_data = bytes };
	int rc;

	sr_encode_id(id, bytes);
	rc = get_value(store, store->segments, key, &value);
	return rc ? rc : sr_decode_record(value.mv_data, value.mv_size, id, record);
}

static int put_record(struct sr_store *store, const struct sr_record *record, unsigned flags)
{
	unsigned char id[8], bytes[SR_RECORD_FIXED + SEGREG_PATH_MAX];
	MDB_val key = { .mv_size = sizeof(id), .mv_data = id };

	sr_encode_id(record->id, id);
	return put_value(store, store->segments, key, bytes, sr_encode_record(record, bytes), flags);
}

int sr_store_add(struct sr_store *store, const struct sr_record *record)
{
	unsigned char id[8];
	int rc = put_record(store, record, MDB_NOOVERWRITE);

	sr_encode_id(record->id, id);
	return rc ? rc : put_value(store, store->paths, text_key(record->path), id, sizeof(id), MDB_NOOVERWRITE);
}

int sr_store_update(struct sr_store *store, const struct sr_record *record)
{
	return put_record(store, record, 0);
}

int sr_store_remove(struct sr_store *store, const struct sr_record *record)
{
	unsigned char id[8];
	MDB_val path = text_key(record->path), key = { .mv_size = sizeof(id), .mv_data = id };
	int error;

	sr_encode_id(record->id, id);
	error = mdb_del(store->txn, store->segments, &key, NULL);
	if (!error)
		error = mdb_del(store->txn, store->paths, &path, NULL);
	return error ? fail_mdb(error, store, "delete from it") : 0;
}

static int id_of_value(struct sr_store *store, const MDB_val *value, uint64_t *id)
{
	if (value->mv_size != 8)
		return sr_fail(SEGREG_E_CORRUPT, "%s is damaged: a path's id has %zu bytes", store->path, value->mv_size);
	*id = sr_decode_id(value->mv_data);
	return 0;
}

/* Is there a path that begins with path and '/'? In the table's order such a one is the first that is not below them. */
static int find_below(struct sr_store *store, const char *path, uint64_t *id)
{
	char prefix[SEGREG_PATH_MAX + 2];
	MDB_val key, value;
	MDB_cursor *cursor;
	int error, rc;

	key.mv_size = (size_t)snprintf(prefix, sizeof(prefix), "%s/", path);
	key.mv_data = prefix;
	error = mdb_cursor_open(store->txn, store->paths, &cursor);
	if (error)
		return fail_mdb(error, store, "read it");
	size_t length = key.mv_size;
	error = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	if (error == MDB_NOTFOUND)
		rc = SR_STORE_ABSENT;
	else if (error)
		rc = fail_mdb(error, store, "read it");
	else if (key.mv_size > length && !memcmp(key.mv_data, prefix, length))
		rc = id_of_value(store, &value, id);
	else
		rc = SR_STORE_ABSENT;
	mdb_cursor_close(cursor);
	return rc;
}

int sr_store_overlap(struct sr_store *store, const char *path, uint64_t *id)
{
	size_t length = strlen(path);

	/* Equal, or above: each part of the path that ends before a '/'. */
	for (size_t end = 1; end <= length; end++) {
		MDB_val value, key = text_key(path);
		int rc;

		if (end < length && path[end] != '/')
			continue;
		key.mv_size = end;
		rc = get_value(store, store->paths, key, &value);
		if (rc == 0)
			return id_of_value(store, &value, id);
		if (rc != SR_STORE_ABSENT)
			return rc;
	}
	return find_below(store, path, id);
}

int sr_store_get_token(struct sr_store *store, const unsigned char token[SR_TOKEN_SIZE], uint64_t *version)
{
	unsigned char bytes[SR_TOKEN_SIZE];
	MDB_val value, key = { .mv_size = sizeof(bytes), .mv_data = bytes };
	int rc;

	memcpy(bytes, token, sizeof(bytes));
	rc = get_value(store, store->tokens, key, &value);
	return rc ? rc : sr_decode_token(value.mv_data, value.mv_size, version);
}

static int forget_token(struct sr_store *store, uint64_t place)
{
	unsigned char number[8];
	MDB_val token, key = { .mv_size = sizeof(number), .mv_data = number };
	int error, rc;

	sr_encode_id(place, number);
	rc = get_value(store, store->tokens, key, &token);
	if (rc)
		return rc == SR_STORE_ABSENT ? 0 : rc;
	unsigned char bytes[SR_TOKEN_SIZE];
	if (token.mv_size != sizeof(bytes))
		return sr_fail(SEGREG_E_CORRUPT, "%s is damaged: a token of %zu bytes", store->path, token.mv_size);
	memcpy(bytes, token.mv_data, sizeof(bytes)); /* what LMDB returned moves at the next change */
	token.mv_data = bytes;
	error = mdb_del(store->txn, store->tokens, &token, NULL);
	if (!error)
		error = mdb_del(store->txn, store->tokens, &key, NULL);
	return error ? fail_mdb(error, store, "delete from it") : 0;
}

int sr_store_put_token(struct sr_store *store, const unsigned char token[SR_TOKEN_SIZE], uint64_t version, uint64_t place)
{
	unsigned char bytes[SR_TOKEN_SIZE], number[8], made[SR_TOKEN_VALUE_SIZE];
	MDB_val key = { .mv_size = sizeof(bytes), .mv_data = bytes }, at = { .mv_size = sizeof(number), .mv_data = number };
	int rc;

	memcpy(bytes, token, sizeof(bytes));
	sr_encode_id(place, number);
	rc = put_value(store, store->tokens, key, made, sr_encode_token(version, place, made), 0);
	if (!rc)
		rc = put_value(store, store->tokens, at, bytes, sizeof(bytes), 0);
	return rc || place < SEGREG_TOKENS ? rc : forget_token(store, place - SEGREG_TOKENS);
}

/* One step of a cursor in the journal, from *number on for MDB_SET_RANGE. */
static int step_in_journal(struct sr_store *store, MDB_cursor_op op, uint64_t *number, MDB_val *value)
{
	unsigned char bytes[8];
	MDB_val key = { .mv_size = sizeof(bytes), .mv_data = bytes };
	MDB_cursor *cursor;
	int error;

	if (store->journal == SR_NO_TABLE)
		return fail_no_table(store);
	error = mdb_cursor_open(store->txn, store->journal, &cursor);
	if (error)
		return fail_mdb(error, store, "read it");
	sr_encode_id(*number, bytes);
	error = mdb_cursor_get(cursor, &key, value, op);
	mdb_cursor_close(cursor);
	if (error)
		return error == MDB_NOTFOUND ? SR_STORE_ABSENT : fail_mdb(error, store, "read it");
	if (key.mv_size != sizeof(bytes))
		return sr_fail(SEGREG_E_CORRUPT, "%s is damaged: a journal's number of %zu bytes", store->path, key.mv_size);
	*number = sr_decode_id(key.mv_data);
	return 0;
}

int sr_store_last_entry(struct sr_store *store, uint64_t *number)
{
	MDB_val value;
	int rc;

	*number = 0;
	rc = step_in_journal(store, MDB_LAST, number, &value);
	return rc == SR_STORE_ABSENT ? 0 : rc;
}

int sr_store_put_entry(struct sr_store *store, const struct sr_entry *entry)
{
	unsigned char bytes[8], out[SR_ENTRY_FIXED + SR_ENTRY_TEXT];
	MDB_val key = { .mv_size = sizeof(bytes), .mv_data = bytes };
	int error, rc;

	sr_encode_id(entry->number, bytes);
	rc = put_value(store, store->journal, key, out, sr_encode_entry(entry, out), MDB_APPEND);
	if (rc || entry->number <= SEGREG_LOG_MAX)
		return rc;
	sr_encode_id(entry->number - SEGREG_LOG_MAX, bytes);
	error = mdb_del(store->txn, store->journal, &key, NULL);
	return !error || error == MDB_NOTFOUND ? 0 : fail_mdb(error, store, "delete from it");
}

int sr_store_next_entry(struct sr_store *store, uint64_t number, struct sr_entry *entry)
{
	MDB_val value;
	int rc;

	if (number == UINT64_MAX)
		return SR_STORE_ABSENT;
	number++;
	rc = step_in_journal(store, MDB_SET_RANGE, &number, &value);
	return rc ? rc : sr_decode_entry(value.mv_data, value.mv_size, number, entry);
}

int sr_store_take_back_entry(struct sr_store *store, uint32_t kind, uint64_t id)
{
	unsigned char bytes[8];
	MDB_val key = { .mv_size = sizeof(bytes), .mv_data = bytes };
	struct sr_entry entry;
	uint64_t number;
	int error, rc = sr_store_last_entry(store, &number);

	if (rc || !number)
		return rc;
	rc = sr_store_next_entry(store, number - 1, &entry);
	if (rc || entry.kind != kind || entry.id != id)
		return rc;
	sr_encode_id(number, bytes);
	error = mdb_del(store->txn, store->journal, &key, NULL);
	return error ? fail_mdb(error, store, "delete from it") : 0;
}

int sr_store_get_removed(struct sr_store *store, struct sr_record *record)
{
	const unsigned char *bytes;
	MDB_val value;
	int rc = get_value(store, store->meta, text_key("removed"), &value);

	if (rc)
		return rc;
	if (value.mv_size < 8)
		return sr_fail(SEGREG_E_CORRUPT, "%s is damaged: a removed record of %zu bytes", store->path, value.mv_size);
	bytes = value.mv_data;
	return sr_decode_record(bytes + 8, value.mv_size - 8, sr_decode_id(bytes), record);
}

int sr_store_put_removed(struct sr_store *store, const struct sr_record *record)
{
	unsigned char bytes[8 + SR_RECORD_FIXED + SEGREG_PATH_MAX];
	MDB_val key = text_key("removed");
	int error = record ? 0 : mdb_del(store->txn, store->meta, &key, NULL);

	if (!record)
		return !error || error == MDB_NOTFOUND ? 0 : fail_mdb(error, store, "delete from it");
	sr_encode_id(record->id, bytes);
	return put_value(store, store->meta, text_key("removed"), bytes, 8 + sr_encode_record(record, bytes + 8), 0);
}

int sr_store_count(struct sr_store *store, uint32_t *n)
{
	MDB_stat stat;
	int error = mdb_stat(store->txn, store->segments, &stat);

	if (error)
		return fail_mdb(error, store, "read it");
	*n = (uint32_t)(stat.ms_entries < UINT32_MAX ? stat.ms_entries : UINT32_MAX);
	return 0;
}

int sr_store_each(struct sr_store *store, int (*fn)(void *arg, const struct sr_record *record), void *arg)
{
	struct sr_record record;
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc = 0, error = mdb_cursor_open(store->txn, store->segments, &cursor);

	if (error)
		return fail_mdb(error, store, "read it");
	while (!rc && !(error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT))) {
		if (key.mv_size != 8)
			rc = sr_fail(SEGREG_E_CORRUPT, "%s is damaged: an id of %zu bytes", store->path, key.mv_size);
		if (!rc)
			rc = sr_decode_record(value.mv_data, value.mv_size, sr_decode_id(key.mv_data), &record);
		if (!rc)
			rc = fn(arg, &record);
	}
	mdb_cursor_close(cursor);
	if (rc)
		return rc;
	return error == MDB_NOTFOUND ? 0 : fail_mdb(error, store, "read it");
}
