/*
 * sr_value.h - reading and writing a single value in a table of registry.mdb, and the errors of LMDB. For sr_store.c
 * and sr_records.c alone.
 */
#ifndef SR_VALUE_H
#define SR_VALUE_H

#include "db/sr_store.h"

/* Turn an error of LMDB into an error of ours. `what` names the act that failed: "read it". */
int sr_value_fail(int error, const struct sr_store *store, const char *what) __attribute__((cold));
/* Fail because the file lacks a table that its schema has. */
int sr_value_fail_absent_table(const struct sr_store *store) __attribute__((cold));

/* Make a key of a text. LMDB does not write to it. */
MDB_val sr_value_key(const char *text);

/* Both need a transaction. flags: LMDB's. They return 0 or SEGREG_E_*, and sr_value_get also SR_STORE_ABSENT. */
int sr_value_put(struct sr_store *store, MDB_dbi table, MDB_val key, void *data, size_t size, unsigned flags);
int sr_value_get(struct sr_store *store, MDB_dbi table, MDB_val key, MDB_val *value);

#endif
