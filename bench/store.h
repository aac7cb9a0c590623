/*
 * store.h - bare LMDB, as somebody would use it who needs no more than durable records.
 */
#ifndef BENCH_STORE_H
#define BENCH_STORE_H

#include "bench.h"

#include <lmdb.h>

struct store {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi table;
};

/* A new file bench_dir()/NAME. */
void store_make(struct store *store, const char *name);
void store_close(struct store *store);

/* One durable transaction: begin, puts, commit. A record has the size of segreg's. */
void store_begin(struct store *store);
void store_put(struct store *store, uint64_t id, const char *path);
void store_commit(struct store *store);

/* Walk over one table of an LMDB file, touching each record. How many there were. */
uint64_t store_scan(const char *path, const char *table);

#endif
