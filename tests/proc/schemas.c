/*
 * schemas.c - a registry of every schema opens, is swept, and has our schema from then on.
 * That holds wherever the upgrade is cut short.
 *
 * The files in old-registries/ were made by the builds that they are named after, and hold the values of registry.mdb.
 */
#include "fault.h"
#include "harness.h"
#include "peer.h"
#include "db/sr_codec.h"
#include "db/sr_store.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES 32
#define VALUE_SIZE 1024

static const struct form {
	const char *name;
	const char *lines[LINES];
	unsigned schema;
	bool has_token;
	bool has_user; /* 4 has bytes of its user, and the token knows what its edit asked for */
	/* 5 could not be deleted, 6 is reserved, 7 to 9 are live; some of these were others' riders */
	bool has_failures;
	uint64_t version;
	uint64_t entries; /* of the journal */
} forms[] = {
	{ .name = "1-first", .schema = 1, .version = 6, .lines = {
#include "../old-registries/1-first.inc"
	} },
	{ .name = "1-tokens", .schema = 1, .version = 6, .has_token = true, .lines = {
#include "../old-registries/1-tokens.inc"
	} },
	{ .name = "1-main", .schema = 1, .version = 6, .has_token = true, .lines = {
#include "../old-registries/1-main.inc"
	} },
	{ .name = "1-journal", .schema = 1, .version = 6, .has_token = true, .entries = 1, .lines = {
#include "../old-registries/1-journal.inc"
	} },
	{ .name = "2-failures", .schema = 2, .version = 11, .has_token = true, .has_failures = true, .entries = 2,
	  .lines = {
#include "../old-registries/2-failures.inc"
	} },
	{ .name = "3-user", .schema = 3, .version = 11, .has_token = true, .has_failures = true, .entries = 2,
	  .has_user = true, .lines = {
#include "../old-registries/3-user.inc"
	} },
};

#define FORMS (sizeof(forms) / sizeof(*forms))

/* ---------------------------------------------------------------- making them */

static size_t from_hex(const char *hex, size_t digits, unsigned char *out)
{
	for (size_t i = 0; i < digits / 2; i++)
		T_EQ(sscanf(hex + 2 * i, "%2hhx", &out[i]), 1);
	return digits / 2;
}

static void put_number(unsigned char *at, uint64_t number)
{
	for (int i = 0; i < 8; i++)
		at[i] = (unsigned char)(number >> 8 * i);
}

/* What the file says of other files than those of this test. */
static size_t adapt(const struct t_world *w, const unsigned char *key, size_t key_size, unsigned char *value,
		    size_t size, bool is_record)
{
	if (is_record && value[1] != SR_BUILDING) { /* what is reserved was not looked at */
		uint64_t id = sr_decode_id(key);
		struct sr_identity found;

		T_SYS(sr_sys_identify(AT_FDCWD, t_path(w, "%s", t_segment(id)), &found));
		put_number(value + 3 + 4 * 8, found.ino);
		put_number(value + 3 + 5 * 8, (uint64_t)found.btime);
		if (value[0] > 1)
			put_number(value + SR_RECORD_FIXED_1, found.fid);
	} else if (key_size == 5 && !memcmp(key, "owner", 5)) {
		sprintf((char *)value + SR_OWNER_FIXED, "%s", w->dir);
		return SR_OWNER_FIXED + strlen(w->dir);
	} else if (key_size == 8 && !memcmp(key, "registry", 8)) {
		strcpy((char *)value + SR_META_FIXED, w->base);
		return SR_META_FIXED + strlen(w->base);
	}
	return size;
}

static void put_line(const struct t_world *w, MDB_txn *txn, const char *line, unsigned char uuid[SR_UUID_SIZE])
{
	unsigned char key[VALUE_SIZE], value[VALUE_SIZE + SEGREG_PATH_SIZE];
	const char *at = strchr(line, ' '), *last = at ? strchr(at + 1, ' ') : NULL;
	char table[32] = "";
	MDB_val k, v;
	MDB_dbi dbi;

	snprintf(table, sizeof(table), "%.*s", (int)(at ? at - line : (ptrdiff_t)strlen(line)), line);
	T_EQ(mdb_dbi_open(txn, *table ? table : NULL, MDB_CREATE, &dbi), 0);
	if (!last)
		return;
	k = (MDB_val){ from_hex(at + 1, (size_t)(last - at - 1), key), key };
	v = (MDB_val){ from_hex(last + 1, strlen(last + 1), value), value };
	v.mv_size = adapt(w, key, k.mv_size, value, v.mv_size, !strcmp(table, "segments"));
	if (k.mv_size == 8 && !memcmp(key, "registry", 8))
		memcpy(uuid, value + 1, SR_UUID_SIZE);
	T_EQ(mdb_put(txn, dbi, &k, &v, 0), 0);
}

static void put_text(const char *path, const char *text)
{
	int fd = T_SYS(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640));

	T_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* As all those builds wrote it. */
static void put_lock_and_marker(const struct t_world *w, const unsigned char uuid[SR_UUID_SIZE])
{
	char name[37] = "", text[256], *lock = strdup(t_path(w, "registry/registry.lock"));
	struct stat st;

	for (int i = 0; i < SR_UUID_SIZE; i++)
		sprintf(name + strlen(name), "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
	put_text(lock, "");
	T_SYS(stat(lock, &st));
	snprintf(text, sizeof(text), "segreg registry 1\nuuid %s\ninode %ju\nstate ready\nregion -\n", name,
		 (uintmax_t)st.st_ino);
	put_text(lock, text);
	snprintf(text, sizeof(text), "segreg base 1\nuuid %s\nstarts 1\n", name);
	put_text(t_path(w, ".segreg"), text);
	free(lock);
}

static struct t_world make_old(const struct form *form)
{
	struct t_world w = t_world(T_MEMORY);
	unsigned char uuid[SR_UUID_SIZE] = { 0 };
	MDB_env *env;
	MDB_txn *txn;

	T_SYS(mkdir(w.dir, 0755));
	for (uint64_t id = 1; id <= (form->has_failures ? 9 : 4); id++)
		if (id != 3)
			t_make_segment(&w, id);
	T_EQ(mdb_env_create(&env), 0);
	T_EQ(mdb_env_set_maxdbs(env, 16), 0);
	T_EQ(mdb_env_set_mapsize(env, (size_t)1 << 30), 0);
	T_EQ(mdb_env_open(env, t_path(&w, "registry/registry.mdb"), MDB_NOSUBDIR | MDB_NOLOCK, 0640), 0);
	T_EQ(mdb_txn_begin(env, NULL, 0, &txn), 0);
	for (size_t i = 0; i < LINES && form->lines[i]; i++)
		put_line(&w, txn, form->lines[i], uuid);
	T_EQ(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	put_lock_and_marker(&w, uuid);
	return w;
}

/* ---------------------------------------------------------------- what must hold then */

static int count_entry(void *arg, const struct segreg_log_entry *entry)
{
	(void)entry;
	++*(uint64_t *)arg;
	return 0;
}

/* The first byte of a value in that table: the schema that it has; 0 if there is none. */
static unsigned schema_of(const struct t_world *w, const char *table, const char *key)
{
	MDB_val value, k = { strlen(key), strdup(key) };
	unsigned schema = 0;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	T_EQ(mdb_env_create(&env), 0);
	T_EQ(mdb_env_set_maxdbs(env, 16), 0);
	T_EQ(mdb_env_open(env, t_path(w, "registry/registry.mdb"), MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY, 0), 0);
	T_EQ(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
	if (mdb_dbi_open(txn, table, 0, &dbi) == 0 && mdb_get(txn, dbi, &k, &value) == 0)
		schema = *(unsigned char *)value.mv_data;
	mdb_txn_abort(txn);
	mdb_env_close(env);
	free(k.mv_data);
	return schema;
}

static void see_failures(const struct t_world *w, struct segreg *reg)
{
	struct segreg_info info = t_info(reg, 5);

	T_EQ(info.state, SEGREG_DELETING);
	T_EQ(info.attempts, 1);
	T_EQ(info.error, EACCES);
	T_CHECK(info.retry_at > 0);
	T_EQ(t_state(reg, 6), SEGREG_BUILDING);
	for (uint64_t id = 7; id <= 9; id++)
		T_EQ(t_state(reg, id), SEGREG_LIVE);
	T_CHECK(t_exists(w, "seg-5") && t_exists(w, "seg-6"));
}

/* The files of this test can be deleted, and the builder that reserved 6 has ended. */
static void see_no_failures(const struct t_world *w, struct segreg *reg)
{
	T_EQ(t_state(reg, 5), SEGREG_E_NOENT);
	T_EQ(t_state(reg, 6), SEGREG_E_NOENT);
	T_CHECK(!t_exists(w, "seg-5") && !t_exists(w, "seg-6"));
}

static void see_user(struct segreg *reg, bool has_user)
{
	struct segreg_info info = t_info(reg, 4);

	T_EQ(info.user_size, has_user ? 6 : 0);
	T_CHECK(!memcmp(info.user, has_user ? "four\0\377" : "\0\0\0\0\0", 6));
}

/* The edit with this token was made, if there were tokens: then it says its version, and nothing happens. */
static int commit_token(struct segreg *reg, bool as_then, uint64_t *version)
{
	struct segreg_edit *edit;

	T_OK(segreg_edit_begin(reg, &edit));
	if (as_then) {
		T_OK(segreg_edit_add(edit, 4, "seg-4"));
		T_OK(segreg_edit_set_user(edit, "four\0\377", 6));
	} else {
		T_OK(segreg_edit_retire(edit, 4));
	}
	T_OK(segreg_edit_token(edit, (const unsigned char *)"sixteen letters"));
	return segreg_edit_commit(edit, version);
}

static void use(const struct t_world *w, const struct form *form)
{
	struct segreg *reg = t_open(w);
	uint64_t version = 0, entries = 0, gone = form->has_failures ? 3 : 1;

	T_EQ(t_stats(reg).schema, SR_SCHEMA);
	T_EQ(t_stats(reg).version, form->version);
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	T_EQ(t_state(reg, 2), SEGREG_PENDING);
	T_EQ(t_state(reg, 3), SEGREG_E_NOENT);
	T_EQ(t_state(reg, 4), SEGREG_LIVE);
	see_user(reg, form->has_user);
	T_OK(segreg_log(reg, 0, count_entry, &entries));
	T_EQ(entries, form->entries);
	if (form->has_failures)
		see_failures(w, reg);
	T_EQ(t_sweep(reg).deleted, gone);
	T_CHECK(!t_exists(w, "seg-2"));
	if (form->has_failures)
		see_no_failures(w, reg);
	T_OK(segreg_log(reg, 0, count_entry, &entries));
	T_EQ(entries, 2 * form->entries + gone);

	if (form->has_user) {
		T_ERR(SEGREG_E_CONFLICT, commit_token(reg, false, &version));
		T_OK(commit_token(reg, true, &version));
	} else {
		T_OK(commit_token(reg, false, &version));
	}
	T_EQ(version, form->has_token ? 4 : form->version + 1);
	T_EQ(t_state(reg, 4), form->has_token ? SEGREG_LIVE : SEGREG_PENDING);
	t_add(w, reg, 5);
	t_close(reg);
	reg = t_open(w);
	T_EQ(t_state(reg, 5), SEGREG_LIVE);
	t_close(reg);
}

static void each_opens(void)
{
	for (size_t i = 0; i < FORMS; i++) {
		struct t_world w = make_old(&forms[i]);

		use(&w, &forms[i]);
	}
}

/* The value by which an earlier build decides; it looks in "meta" if it made the file with that. */
static void each_refuses_earlier_builds(void)
{
	for (size_t i = 0; i < FORMS; i++) {
		struct t_world w = make_old(&forms[i]);
		bool had_meta = schema_of(&w, SR_OLD_META, "registry") == 1;

		t_close(t_open(&w));
		T_EQ(schema_of(&w, NULL, "registry"), SR_SCHEMA);
		T_EQ(schema_of(&w, NULL, "clock"), SR_SCHEMA);
		T_EQ(schema_of(&w, SR_OLD_META, "registry"), had_meta ? SR_SCHEMA : 0);
	}
}

/* ---------------------------------------------------------------- upgrades that are cut short */

static void killed_while_upgrading(void)
{
	static const char *const points[] = { "attach.counting", "attach.counted", "load.filled" };

	for (size_t i = 0; i < FORMS; i++)
		for (size_t j = 0; j < sizeof(points) / sizeof(*points); j++) {
			struct t_world w = make_old(&forms[i]);
			struct peer *peer = peer_start(&w, PEER_PROCESS);

			peer_run_to(peer, points[j], peer_do_open, NULL, 0);
			peer_kill(peer);
			T_EQ(schema_of(&w, NULL, "registry") == SR_SCHEMA, j > 0 || forms[i].schema == SR_SCHEMA);
			use(&w, &forms[i]);
		}
}

/* The commit fails, cleanly, and the same process tries again: no handle of a table that was not made is used. */
static void fails_to_upgrade(void)
{
	for (size_t i = 0; i < FORMS; i++) {
		struct t_world w = make_old(&forms[i]);
		struct segreg *reg;

		for (enum t_disk_write kind = T_DATA_PAGES; kind < T_DISK_WRITES; kind++) {
			t_fail_disk(t_path(&w, "registry/registry.mdb"), kind, ENOSPC);
			T_CHECK(segreg_open(w.dir, NULL, &reg) != 0);
			T_CHECK(t_failed_writes() > 0);
			t_fail_disk(t_path(&w, "registry/registry.mdb"), kind, 0);
		}
		use(&w, &forms[i]);
	}
}

/* ---------------------------------------------------------------- what is no earlier schema */

static void drop_table(const struct t_world *w, const char *table)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	T_EQ(mdb_env_create(&env), 0);
	T_EQ(mdb_env_set_maxdbs(env, 16), 0);
	T_EQ(mdb_env_open(env, t_path(w, "registry/registry.mdb"), MDB_NOSUBDIR | MDB_NOLOCK, 0), 0);
	T_EQ(mdb_txn_begin(env, NULL, 0, &txn), 0);
	T_EQ(mdb_dbi_open(txn, table, 0, &dbi), 0);
	T_EQ(mdb_drop(txn, dbi, 1), 0);
	T_EQ(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void misses_a_table(void)
{
	static const char *const tables[] = { "segments", "paths", "tokens", "journal" };

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		struct t_world w = t_world(T_MEMORY);
		struct segreg *reg;

		t_close(t_open(&w));
		drop_table(&w, tables[i]);
		T_ERR(SEGREG_E_CORRUPT, segreg_open(w.dir, NULL, &reg));
	}
}

static void of_a_later_schema(void)
{
	struct t_world w = t_world(T_MEMORY);
	MDB_val value, key = { 8, strdup("registry") };
	unsigned char bytes[SR_META_FIXED + SEGREG_PATH_SIZE];
	struct segreg *reg;
	char both[64];
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	t_close(t_open(&w));
	T_EQ(mdb_env_create(&env), 0);
	T_EQ(mdb_env_open(env, t_path(&w, "registry/registry.mdb"), MDB_NOSUBDIR | MDB_NOLOCK, 0), 0);
	T_EQ(mdb_txn_begin(env, NULL, 0, &txn), 0);
	T_EQ(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	T_EQ(mdb_get(txn, dbi, &key, &value), 0);
	memcpy(bytes, value.mv_data, value.mv_size);
	bytes[0] = SR_SCHEMA + 1;
	value.mv_data = bytes;
	T_EQ(mdb_put(txn, dbi, &key, &value, 0), 0);
	T_EQ(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	free(key.mv_data);
	T_ERR(SEGREG_E_VERSION, segreg_open(w.dir, NULL, &reg));
	snprintf(both, sizeof(both), "schema %u, this library (segreg %s) knows schemas 1 to %u", SR_SCHEMA + 1,
		 segreg_version_string(), SR_SCHEMA);
	T_HAS(segreg_last_error(), both);
}

T_SUITE(schemas, { "a registry of each schema opens and is swept, with its tokens and its journal", each_opens },
	{ "an upgraded registry tells earlier builds its schema where they look for it", each_refuses_earlier_builds },
	{ "whoever is killed while it upgrades leaves what the next one upgrades", killed_while_upgrading },
	{ "an upgrade that the disk refuses can be tried again by the same process", fails_to_upgrade },
	{ "a table that our own schema has and the file has not is damage", misses_a_table },
	{ "a later schema is refused, and both are named", of_a_later_schema });
