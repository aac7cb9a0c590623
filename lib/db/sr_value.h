/*
 * sr_value.h - one value of one of registry.mdb's tables, and what LMDB says about it. For sr_store.c and sr_records.c alone.
 */
#ifndef SR_VALUE_H
#define SR_VALUE_H

#include "db/sr_store.h"

/* A failure of LMDB as an error of ours: what says what could not be done ("read it"). */
int sr_value_fail(int error, const struct sr_store *store, const char *what) __attribute__((cold));
/* The failure of a file that lacks a table which its schema has. */
int sr_value_fail_absent_table(const struct sr_store *store) __attribute__((cold));

/* A key of text. LMDB does not write to it. */
MDB_val sr_value_key(const char *text);

/* Both within a transaction. flags: LMDB's. 0 or SEGREG_E_*; sr_value_get also SR_STORE_ABSENT. */
int sr_value_put(struct sr_store *store, MDB_dbi table, MDB_val key, void *data, size_t size, unsigned flags);
int sr_value_get(struct sr_store *store, MDB_dbi table, MDB_val key, MDB_val *value);

#endif
