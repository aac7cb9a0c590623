/*
 * sr_lease_record.c - retention leases in registry.mdb.
 */
#include "db/sr_lease_record.h"
#include "db/sr_codec.h"
#include "db/sr_value.h"
#include "sys/sr_bytes.h"

#include <stdlib.h>
#include <string.h>

#define FIXED (1 + 3 * 8 + 4 + 8 + 1)
#define ITEM (2 * 8)
#define MOST (FIXED + SEGREG_LABEL_SIZE - 1 + SEGREG_LEASE_ITEMS_MAX * ITEM)

int sr_lease_record_compare(const void *left, const void *right)
{
	const struct segreg_lease_item *a = left, *b = right;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return a->born < b->born ? -1 : a->born > b->born;
}

bool sr_lease_record_is_sorted(const struct segreg_lease_item *items, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (sr_lease_record_compare(&items[i - 1], &items[i]) >= 0)
			return false;
	return true;
}

void sr_lease_record_free(struct sr_lease *lease)
{
	free(lease->items);
	lease->items = NULL;
	lease->n = 0;
}

/* ---------------------------------------------------------------- bytes */

static size_t encode(const struct sr_lease *lease, unsigned char *out)
{
	size_t length = strlen(lease->by_label);
	unsigned char *at = out;

	at = sr_bytes_put(at, SR_SCHEMA, 1);
	at = sr_bytes_put(at, lease->floor, 8);
	at = sr_bytes_put(at, (uint64_t)lease->put_at, 8);
	at = sr_bytes_put(at, (uint64_t)lease->changed_at, 8);
	at = sr_bytes_put(at, lease->by_uid, 4);
	at = sr_bytes_put(at, (uint64_t)lease->by_pid, 8);
	at = sr_bytes_put(at, length, 1);
	memcpy(at, lease->by_label, length);
	at += length;
	for (size_t i = 0; i < lease->n; i++) {
		at = sr_bytes_put(at, lease->items[i].id, 8);
		at = sr_bytes_put(at, lease->items[i].born, 8);
	}
	return (size_t)(at - out);
}

static int fail_damaged(const char *name)
{
	return sr_fail(SEGREG_E_CORRUPT, "registry.mdb is damaged: the lease %s has impossible values", name);
}

static int decode_items(const unsigned char *at, size_t size, struct sr_lease *lease)
{
	lease->n = size / ITEM;
	lease->items = lease->n ? sr_sys_malloc(lease->n * sizeof(*lease->items)) : NULL;
	if (lease->n && !lease->items)
		return sr_fail(SEGREG_E_NOMEM, "no memory for the %zu segments of lease %s", lease->n, lease->name);
	for (size_t i = 0; i < lease->n; i++) {
		lease->items[i].id = sr_bytes_take(&at, 8);
		lease->items[i].born = sr_bytes_take(&at, 8);
	}
	if (sr_lease_record_is_sorted(lease->items, lease->n))
		return 0;
	sr_lease_record_free(lease);
	return fail_damaged(lease->name);
}

static int decode(const MDB_val *key, const MDB_val *value, struct sr_lease *lease)
{
	const unsigned char *at = value->mv_data;
	size_t size = value->mv_size, length;
	int rc;

	*lease = (struct sr_lease){ .n = 0 };
	if (!key->mv_size || key->mv_size > SEGREG_LEASE_NAME_MAX || memchr(key->mv_data, '\0', key->mv_size))
		return sr_fail(SEGREG_E_CORRUPT, "registry.mdb is damaged: it has a lease with a name of %zu bytes",
			       key->mv_size);
	memcpy(lease->name, key->mv_data, key->mv_size);
	rc = sr_codec_check(at, size, FIXED, MOST, "lease");
	if (rc)
		return rc;
	at++;
	lease->floor = sr_bytes_take(&at, 8);
	lease->put_at = (int64_t)sr_bytes_take(&at, 8);
	lease->changed_at = (int64_t)sr_bytes_take(&at, 8);
	lease->by_uid = (uint32_t)sr_bytes_take(&at, 4);
	lease->by_pid = (int64_t)sr_bytes_take(&at, 8);
	length = sr_bytes_take(&at, 1);
	size -= FIXED;
	if (length >= SEGREG_LABEL_SIZE || length > size || (size - length) % ITEM || memchr(at, '\0', length))
		return fail_damaged(lease->name);
	memcpy(lease->by_label, at, length);
	return decode_items(at + length, size - length, lease);
}

/* ---------------------------------------------------------------- the table */

int sr_lease_record_get(struct sr_store *store, const char *name, struct sr_lease *lease)
{
	MDB_val value, key = sr_value_key(name);
	int rc = sr_value_get(store, store->leases, key, &value);

	return rc ? rc : decode(&key, &value, lease);
}

/* MDB_SET_RANGE finds the first name from `after` on, which may be that name itself. */
int sr_lease_record_next(struct sr_store *store, const char *after, struct sr_lease *lease)
{
	MDB_val value, key = sr_value_key(after);
	MDB_cursor *cursor;
	int error, rc;

	if (store->leases == SR_NO_TABLE)
		return sr_value_fail_absent_table(store);
	error = mdb_cursor_open(store->txn, store->leases, &cursor);
	if (error)
		return sr_value_fail(error, store, "read it");
	error = mdb_cursor_get(cursor, &key, &value, *after ? MDB_SET_RANGE : MDB_FIRST);
	if (!error && key.mv_size == strlen(after) && !memcmp(key.mv_data, after, key.mv_size))
		error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	if (error)
		rc = error == MDB_NOTFOUND ? SR_STORE_ABSENT : sr_value_fail(error, store, "read it");
	else
		rc = decode(&key, &value, lease);
	mdb_cursor_close(cursor);
	return rc;
}

int sr_lease_record_put(struct sr_store *store, const struct sr_lease *lease)
{
	unsigned char *bytes = sr_sys_malloc(MOST);
	int rc;

	if (!bytes)
		return sr_fail(SEGREG_E_NOMEM, "no memory to write lease %s", lease->name);
	rc = sr_value_put(store, store->leases, sr_value_key(lease->name), bytes, encode(lease, bytes), 0);
	free(bytes);
	return rc;
}

int sr_lease_record_drop(struct sr_store *store, const char *name)
{
	MDB_val key = sr_value_key(name);
	int error;

	if (store->leases == SR_NO_TABLE)
		return sr_value_fail_absent_table(store);
	error = mdb_del(store->txn, store->leases, &key, NULL);
	if (error == MDB_NOTFOUND)
		return SR_STORE_ABSENT;
	return error ? sr_value_fail(error, store, "delete from it") : 0;
}

int sr_lease_record_count(struct sr_store *store, size_t *n)
{
	MDB_stat stat;
	int error;

	if (store->leases == SR_NO_TABLE)
		return sr_value_fail_absent_table(store);
	error = mdb_stat(store->txn, store->leases, &stat);
	if (!error)
		*n = stat.ms_entries;
	return error ? sr_value_fail(error, store, "read it") : 0;
}
