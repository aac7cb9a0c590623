/*
 * store.c - bare LMDB, as somebody would use it who needs no more than durable records.
 */
#include "store.h"

#include <stdio.h>
#include <string.h>

#define RECORD_FIXED 51u /* what segreg's record has beside the path */

#define MUST(call)                                                                            \
	do {                                                                                  \
		int must_rc = (call);                                                         \
		if (must_rc) {                                                                \
			fprintf(stderr, "bench: LMDB: %s\n", mdb_strerror(must_rc));          \
			bench_fail(#call);                                                    \
		}                                                                             \
	} while (0)

void store_make(struct store *store, const char *name)
{
	char path[320];

	snprintf(path, sizeof(path), "%s/%s.mdb", bench_dir(), name);
	MUST(mdb_env_create(&store->env));
	MUST(mdb_env_set_mapsize(store->env, (size_t)1 << 30));
	MUST(mdb_env_open(store->env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600));
	store_begin(store);
	MUST(mdb_dbi_open(store->txn, NULL, 0, &store->table));
	store_commit(store);
}

void store_close(struct store *store)
{
	mdb_env_close(store->env);
}

void store_begin(struct store *store)
{
	MUST(mdb_txn_begin(store->env, NULL, 0, &store->txn));
}

void store_put(struct store *store, uint64_t id, const char *path)
{
	unsigned char record[RECORD_FIXED + SEGREG_PATH_MAX] = { 1 };
	uint64_t big_endian = __builtin_bswap64(id);
	size_t length = strlen(path);
	MDB_val key = { sizeof(big_endian), &big_endian }, value = { RECORD_FIXED + length, record };

	memcpy(record + RECORD_FIXED, path, length);
	MUST(mdb_put(store->txn, store->table, &key, &value, 0));
}

void store_commit(struct store *store)
{
	MUST(mdb_txn_commit(store->txn));
}

uint64_t store_scan(const char *path, const char *table)
{
	struct store store;
	MDB_cursor *cursor;
	MDB_val key, value;
	uint64_t n = 0, sum = 0;

	MUST(mdb_env_create(&store.env));
	MUST(mdb_env_set_maxdbs(store.env, 8));
	MUST(mdb_env_open(store.env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY, 0));
	MUST(mdb_txn_begin(store.env, NULL, MDB_RDONLY, &store.txn));
	MUST(mdb_dbi_open(store.txn, table, 0, &store.table));
	MUST(mdb_cursor_open(store.txn, store.table, &cursor));
	for (; mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0; n++)
		sum += *(const unsigned char *)key.mv_data + *(const unsigned char *)value.mv_data + value.mv_size;
	bench_keep(sum);
	mdb_cursor_close(cursor);
	mdb_txn_abort(store.txn);
	mdb_env_close(store.env);
	return n;
}
