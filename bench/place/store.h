/*
 * store.h - bare LMDB, as a program would use it that needs durable records and nothing else.
 */
#ifndef BENCH_STORE_H
#define BENCH_STORE_H

#include <lmdb.h>
#include <stdint.h>

struct store {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi table;
};

/* A call of LMDB whose failure ends the run. */
#define LMDB_MUST(call)                                                                                                \
	do {                                                                                                           \
		int must_rc = (call);                                                                                  \
		if (must_rc)                                                                                           \
			store_fail(must_rc, #call);                                                                    \
	} while (0)
void store_fail(int rc, const char *call) __attribute__((noreturn));

/* Create the database place_disk()/NAME.mdb. */
void store_make(struct store *store, const char *name);
void store_close(struct store *store);

/* A durable transaction: store_begin, any number of store_put, store_commit. A record is as large as segreg's. */
void store_begin(struct store *store);
void store_put(struct store *store, uint64_t id, const char *path);
void store_commit(struct store *store);

/* Read each record of one table of an LMDB file. Returns the number of records. */
uint64_t store_scan(const char *path, const char *table);

#endif
