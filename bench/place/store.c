/*
 * store.c - bare LMDB, as a program would use it that needs durable records and nothing else.
 */
#include "place/store.h"

#include "common/fail.h"
#include "common/measure.h"
#include "place/place.h"
#include "segreg.h"

#include <stdio.h>
#include <string.h>

#define RECORD_FIXED 51u /* bytes of a record of segreg beside its path */

void store_fail(int rc, const char *call)
{
	fprintf(stderr, "bench: LMDB: %s\n", mdb_strerror(rc));
	fail(call);
}

void store_make(struct store *store, const char *name)
{
	char path[320];

	snprintf(path, sizeof(path), "%s/%s.mdb", place_disk(), name);
	LMDB_MUST(mdb_env_create(&store->env));
	LMDB_MUST(mdb_env_set_mapsize(store->env, (size_t)1 << 30));
	LMDB_MUST(mdb_env_open(store->env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600));
	store_begin(store);
	LMDB_MUST(mdb_dbi_open(store->txn, NULL, 0, &store->table));
	store_commit(store);
}

void store_close(struct store *store)
{
	mdb_env_close(store->env);
}

void store_begin(struct store *store)
{
	LMDB_MUST(mdb_txn_begin(store->env, NULL, 0, &store->txn));
}

void store_put(struct store *store, uint64_t id, const char *path)
{
	unsigned char record[RECORD_FIXED + SEGREG_PATH_MAX] = { 1 };
	uint64_t big_endian = __builtin_bswap64(id);
	size_t length = strlen(path);
	MDB_val key = { sizeof(big_endian), &big_endian }, value = { RECORD_FIXED + length, record };

	memcpy(record + RECORD_FIXED, path, length);
	LMDB_MUST(mdb_put(store->txn, store->table, &key, &value, 0));
}

void store_commit(struct store *store)
{
	LMDB_MUST(mdb_txn_commit(store->txn));
}

uint64_t store_scan(const char *path, const char *table)
{
	struct store store;
	MDB_cursor *cursor;
	MDB_val key, value;
	uint64_t n = 0, sum = 0;

	LMDB_MUST(mdb_env_create(&store.env));
	LMDB_MUST(mdb_env_set_maxdbs(store.env, 8));
	LMDB_MUST(mdb_env_open(store.env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY, 0));
	LMDB_MUST(mdb_txn_begin(store.env, NULL, MDB_RDONLY, &store.txn));
	LMDB_MUST(mdb_dbi_open(store.txn, table, 0, &store.table));
	LMDB_MUST(mdb_cursor_open(store.txn, store.table, &cursor));
	for (; mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0; n++)
		sum += *(const unsigned char *)key.mv_data + *(const unsigned char *)value.mv_data + value.mv_size;
	measure_keep(sum);
	mdb_cursor_close(cursor);
	mdb_txn_abort(store.txn);
	mdb_env_close(store.env);
	return n;
}
