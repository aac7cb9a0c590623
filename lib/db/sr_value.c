/*
 * sr_value.c - reading and writing a single value in a table of registry.mdb, and the errors of LMDB.
 */
#include "db/sr_value.h"
#include "sys/sr_error.h"

#include <string.h>

int sr_value_fail(int error, const struct sr_store *store, const char *what)
{
	switch (error) {
	case MDB_MAP_FULL:
	case MDB_DBS_FULL:
		return sr_fail(SEGREG_E_FULL, "%s: cannot %s: the database has reached its size limit", store->path,
			       what);
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
		return sr_fail(SEGREG_E_REOPEN, "%s: cannot %s: a write failed earlier; open the registry again",
			       store->path, what);
	default:
		if (error > 0)
			return sr_fail_errno(error, "%s: cannot %s", store->path, what);
		return sr_fail(SEGREG_E_CORRUPT, "%s: cannot %s: %s", store->path, what, mdb_strerror(error));
	}
}

MDB_val sr_value_key(const char *text)
{
	union {
		const char *in;
		void *out;
	} key = { .in = text }; /* LMDB's MDB_val is not const, but LMDB does not write to keys */

	return (MDB_val){ .mv_size = strlen(text), .mv_data = key.out };
}

int sr_value_fail_absent_table(const struct sr_store *store)
{
	return sr_fail(SEGREG_E_CORRUPT,
		       "%s lacks a table: the file is damaged, or a file of an earlier segreg replaced it while in use",
		       store->path);
}

int sr_value_put(struct sr_store *store, MDB_dbi table, MDB_val key, void *data, size_t size, unsigned flags)
{
	MDB_val value = { .mv_size = size, .mv_data = data };
	int error;

	if (table == SR_NO_TABLE)
		return sr_value_fail_absent_table(store);
	error = mdb_put(store->txn, table, &key, &value, flags);
	return error ? sr_value_fail(error, store, "write to it") : 0;
}

int sr_value_get(struct sr_store *store, MDB_dbi table, MDB_val key, MDB_val *value)
{
	int error;

	if (table == SR_NO_TABLE)
		return sr_value_fail_absent_table(store);
	error = mdb_get(store->txn, table, &key, value);
	if (error == MDB_NOTFOUND)
		return SR_STORE_ABSENT;
	return error ? sr_value_fail(error, store, "read it") : 0;
}
