/*
 * lmdb.c - one LMDB read transaction for each use: renew, get the record, reset. It holds a version of the database
 * that contains the segment's record. It does not hold the segment's files.
 */
#include "common/fail.h"
#include "place/place.h"
#include "place/store.h"
#include "peers/peer.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RECORD_SIZE 96u /* roughly the bytes of segreg's record of a segment with a path of 40 bytes */

struct database {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
};

static void fill(struct database *db, const struct peer_ids *ids)
{
	char record[RECORD_SIZE] = "";
	MDB_txn *txn;

	LMDB_MUST(mdb_txn_begin(db->env, NULL, 0, &txn));
	LMDB_MUST(mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &db->dbi));
	for (size_t i = 0; i < ids->n; i++) {
		uint64_t id = ids->known[i];
		MDB_val key = { sizeof(id), &id }, value = { sizeof(record), record };

		LMDB_MUST(mdb_put(txn, db->dbi, &key, &value, 0));
	}
	LMDB_MUST(mdb_txn_commit(txn));
}

static void *start(const struct peer_ids *ids)
{
	static unsigned number;
	struct database *db = calloc(1, sizeof(*db));
	char path[320];

	if (!db)
		fail("calloc");
	snprintf(path, sizeof(path), "%s/lmdb-%u", place_disk(), number++);
	MUST(mkdir(path, 0700));
	LMDB_MUST(mdb_env_create(&db->env));
	LMDB_MUST(mdb_env_set_mapsize(db->env, (size_t)1 << 30));
	LMDB_MUST(mdb_env_open(db->env, path, MDB_NOSYNC, 0600));
	fill(db, ids);
	LMDB_MUST(mdb_txn_begin(db->env, NULL, MDB_RDONLY, &db->txn));
	mdb_txn_reset(db->txn);
	return db;
}

/* The bytes of a record are 0. So a chase uses the ids that a use without it would use. */
static inline __attribute__((always_inline)) void run(void *state, const struct peer_ids *ids, size_t count, bool chase)
{
	const struct database *db = state;
	size_t step = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t id = ids->ids[(i + step) & ids->mask];
		MDB_val key = { sizeof(id), &id }, value;

		LMDB_MUST(mdb_txn_renew(db->txn));
		LMDB_MUST(mdb_get(db->txn, db->dbi, &key, &value));
		if (chase)
			step = *(const unsigned char *)value.mv_data;
		mdb_txn_reset(db->txn);
	}
}

static void use(void *state, const struct peer_ids *ids, size_t count)
{
	run(state, ids, count, false);
}

static void chase(void *state, const struct peer_ids *ids, size_t count)
{
	run(state, ids, count, true);
}

static void stop(void *state)
{
	struct database *db = state;

	mdb_txn_abort(db->txn);
	mdb_env_close(db->env);
	free(db);
}

const struct peer peer_lmdb = { "LMDB: renew, get, reset", start, use, stop, chase };
