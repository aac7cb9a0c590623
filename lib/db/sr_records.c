/*
 * sr_records.c - what is in registry.mdb: the records of sr_record.h in LMDB's tables.
 */
#include "db/sr_records.h"
#include "db/sr_codec.h"
#include "sys/sr_error.h"
#include "db/sr_value.h"

#include <stdio.h>
#include <string.h>

#define FIRST_ID (UINT64_C(1) << 63) /* the first id of the registry's choice */

int sr_records_get_meta(struct sr_store *store, struct sr_meta *meta)
{
	MDB_val value;
	int rc = sr_value_get(store, store->meta, sr_value_key("registry"), &value);

	if (!rc)
		rc = sr_decode_meta(value.mv_data, value.mv_size, meta);
	if (!rc && ((meta->schema > 1 && (store->tokens == SR_NO_TABLE || store->journal == SR_NO_TABLE)) ||
		    (meta->schema > 3 && store->leases == SR_NO_TABLE)))
		rc = sr_value_fail_absent_table(store);
	return rc;
}

static int put_meta_in(struct sr_store *store, MDB_dbi table, const struct sr_meta *meta)
{
	unsigned char bytes[SR_META_FIXED + SEGREG_PATH_SIZE];

	return sr_value_put(store, table, sr_value_key("registry"), bytes, sr_encode_meta(meta, bytes), 0);
}

int sr_records_put_meta(struct sr_store *store, const struct sr_meta *meta)
{
	return put_meta_in(store, store->meta, meta);
}

/*
 * Schema 1 grew three times without a new number:
 *
 *      first       no tokens, and a clock without their number; no journal; meta and clock in a table "meta"
 *      then        tokens; then riders, in "meta" as well; then meta, clock and riders moved to main; then the journal
 *      schema 2    records with the fields that sr_codec.h names
 *      schema 3    a clock with the number of ids that the registry chose; records and entries of the journal with the
 *                  caller's own bytes; tokens with a digest
 *      schema 4    a clock with the number of changes of leases; leases
 *
 * An upgrade makes the missing tables and writes meta with our number. An earlier library then finds that number and
 * refuses the file. Such a library may read meta in the table "meta", so if there is this table, the new value goes
 * there as well. The upgrade does not copy clock and riders: the caller writes the clock, and the riders belong to a
 * region that is over. Values of earlier schemas stay until they change.
 */
int sr_records_upgrade(struct sr_store *store, const struct sr_meta *meta)
{
	MDB_dbi old = store->meta;
	int error, rc = 0;

	if (meta->schema == SR_SCHEMA)
		return 0;
	store->upgrades = true;
	error = mdb_dbi_open(store->txn, NULL, 0, &store->meta);
	if (!error)
		error = mdb_dbi_open(store->txn, "tokens", MDB_CREATE, &store->tokens);
	if (!error)
		error = mdb_dbi_open(store->txn, "journal", MDB_CREATE, &store->journal);
	if (!error)
		error = mdb_dbi_open(store->txn, "leases", MDB_CREATE, &store->leases);
	if (error)
		return sr_value_fail(error, store, "make the tables that its earlier schema lacks");
	if (old != store->meta)
		rc = put_meta_in(store, old, meta);
	return rc ? rc : sr_records_put_meta(store, meta);
}

int sr_records_get_clock(struct sr_store *store, struct sr_clock *clock)
{
	MDB_val value;
	int rc = sr_value_get(store, store->meta, sr_value_key("clock"), &value);

	if (rc == SR_STORE_ABSENT)
		return sr_fail(SEGREG_E_CORRUPT, "%s is damaged: it has no clock", store->path);
	return rc ? rc : sr_decode_clock(value.mv_data, value.mv_size, clock);
}

int sr_records_put_clock(struct sr_store *store, const struct sr_clock *clock)
{
	unsigned char bytes[SR_CLOCK_SIZE];

	return sr_value_put(store, store->meta, sr_value_key("clock"), bytes, sr_encode_clock(clock, bytes), 0);
}

int sr_records_get_owner(struct sr_store *store, struct sr_owner *owner)
{
	MDB_val value;
	int rc = sr_value_get(store, store->meta, sr_value_key("owner"), &value);

	return rc ? rc : sr_decode_owner(value.mv_data, value.mv_size, owner);
}

int sr_records_put_owner(struct sr_store *store, const struct sr_owner *owner)
{
	unsigned char bytes[SR_OWNER_FIXED + SEGREG_PATH_SIZE];

	return sr_value_put(store, store->meta, sr_value_key("owner"), bytes, sr_encode_owner(owner, bytes), 0);
}

int sr_records_get_riders(struct sr_store *store, struct sr_riders *riders)
{
	MDB_val value;
	int rc = sr_value_get(store, store->meta, sr_value_key("riders"), &value);

	if (rc == SR_STORE_ABSENT)
		riders->n = 0;
	return rc == SR_STORE_ABSENT ? 0 : rc ? rc : sr_decode_riders(value.mv_data, value.mv_size, riders);
}

int sr_records_put_riders(struct sr_store *store, const struct sr_riders *riders)
{
	unsigned char bytes[SR_RIDERS_FIXED + SR_RIDERS_MAX * SR_RIDER_SIZE];

	return sr_value_put(store, store->meta, sr_value_key("riders"), bytes, sr_encode_riders(riders, bytes), 0);
}

int sr_records_get(struct sr_store *store, uint64_t id, struct sr_record *record)
{
	unsigned char bytes[8];
	MDB_val value, key = { .mv_size = sizeof(bytes), .mv_data = bytes };
	int rc;

	sr_encode_id(id, bytes);
	rc = sr_value_get(store, store->segments, key, &value);
	return rc ? rc : sr_decode_record(value.mv_data, value.mv_size, id, record);
}

static int put_record(struct sr_store *store, const struct sr_record *record, unsigned flags)
{
	unsigned char id[8], bytes[SR_RECORD_FIXED + SR_RECORD_TEXT];
	MDB_val key = { .mv_size = sizeof(id), .mv_data = id };

	sr_encode_id(record->id, id);
	return sr_value_put(store, store->segments, key, bytes, sr_encode_record(record, bytes), flags);
}

int sr_records_add(struct sr_store *store, const struct sr_record *record)
{
	unsigned char id[8];
	int rc = put_record(store, record, MDB_NOOVERWRITE);

	sr_encode_id(record->id, id);
	return rc ? rc : sr_value_put(store, store->paths, sr_value_key(record->path), id, sizeof(id), MDB_NOOVERWRITE);
}

int sr_records_update(struct sr_store *store, const struct sr_record *record)
{
	return put_record(store, record, 0);
}

int sr_records_remove(struct sr_store *store, const struct sr_record *record)
{
	unsigned char id[8];
	MDB_val path = sr_value_key(record->path), key = { .mv_size = sizeof(id), .mv_data = id };
	int error;

	sr_encode_id(record->id, id);
	error = mdb_del(store->txn, store->segments, &key, NULL);
	if (!error)
		error = mdb_del(store->txn, store->paths, &path, NULL);
	return error ? sr_value_fail(error, store, "delete from it") : 0;
}

static int id_of_value(struct sr_store *store, const MDB_val *value, uint64_t *id)
{
	if (value->mv_size != 8)
		return sr_fail(SEGREG_E_CORRUPT, "%s is damaged: a path's id has %zu bytes", store->path,
			       value->mv_size);
	*id = sr_decode_id(value->mv_data);
	return 0;
}

int sr_records_find(struct sr_store *store, const char *path, uint64_t *id)
{
	MDB_val value;
	int rc = sr_value_get(store, store->paths, sr_value_key(path), &value);

	return rc ? rc : id_of_value(store, &value, id);
}

/* Callers choose ids too, so one of theirs may be in the way. SEGREG_ID_NEXT itself is never given. */
int sr_records_next_id(struct sr_store *store, struct sr_clock *clock, uint64_t *id)
{
	struct sr_record record;
	int rc;

	do {
		*id = FIRST_ID | clock->ids++;
		rc = *id == SEGREG_ID_NEXT ? 0 : sr_records_get(store, *id, &record);
	} while (!rc);
	return rc == SR_STORE_ABSENT ? 0 : rc;
}

/*
 * Find a path that begins with path and '/'. MDB_SET_RANGE finds the first key from this prefix on, which begins with
 * the prefix if any key does.
 */
static int find_below(struct sr_store *store, const char *path, uint64_t *id)
{
	char prefix[SEGREG_PATH_MAX + 2];
	MDB_val key, value;
	MDB_cursor *cursor;
	int error, rc;

	key.mv_size = (size_t)snprintf(prefix, sizeof(prefix), "%s/", path);
	key.mv_data = prefix;
	error = mdb_cursor_open(store->txn, store->paths, &cursor);
	if (error)
		return sr_value_fail(error, store, "read it");
	size_t length = key.mv_size;
	error = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	if (error == MDB_NOTFOUND)
		rc = SR_STORE_ABSENT;
	else if (error)
		rc = sr_value_fail(error, store, "read it");
	else if (key.mv_size > length && !memcmp(key.mv_data, prefix, length))
		rc = id_of_value(store, &value, id);
	else
		rc = SR_STORE_ABSENT;
	mdb_cursor_close(cursor);
	return rc;
}

int sr_records_overlap(struct sr_store *store, const char *path, uint64_t *id)
{
	size_t length = strlen(path);

	/* Look for an equal path, and for paths above: each part of path that ends before a '/'. */
	for (size_t end = 1; end <= length; end++) {
		MDB_val value, key = sr_value_key(path);
		int rc;

		if (end < length && path[end] != '/')
			continue;
		key.mv_size = end;
		rc = sr_value_get(store, store->paths, key, &value);
		if (rc == 0)
			return id_of_value(store, &value, id);
		if (rc != SR_STORE_ABSENT)
			return rc;
	}
	return find_below(store, path, id);
}

int sr_records_get_token(struct sr_store *store, const unsigned char name[SR_TOKEN_SIZE], struct sr_token *token)
{
	unsigned char bytes[SR_TOKEN_SIZE];
	MDB_val value, key = { .mv_size = sizeof(bytes), .mv_data = bytes };
	int rc;

	memcpy(bytes, name, sizeof(bytes));
	rc = sr_value_get(store, store->tokens, key, &value);
	return rc ? rc : sr_decode_token(value.mv_data, value.mv_size, token);
}

static int forget_token(struct sr_store *store, uint64_t place)
{
	unsigned char number[8];
	MDB_val token, key = { .mv_size = sizeof(number), .mv_data = number };
	int error, rc;

	sr_encode_id(place, number);
	rc = sr_value_get(store, store->tokens, key, &token);
	if (rc)
		return rc == SR_STORE_ABSENT ? 0 : rc;
	unsigned char bytes[SR_TOKEN_SIZE];
	if (token.mv_size != sizeof(bytes))
		return sr_fail(SEGREG_E_CORRUPT, "%s is damaged: it has a token of %zu bytes", store->path,
			       token.mv_size);
	/* because LMDB may move the bytes it returned at the next change */
	memcpy(bytes, token.mv_data, sizeof(bytes));
	token.mv_data = bytes;
	error = mdb_del(store->txn, store->tokens, &token, NULL);
	if (!error)
		error = mdb_del(store->txn, store->tokens, &key, NULL);
	return error ? sr_value_fail(error, store, "delete from it") : 0;
}

int sr_records_put_token(struct sr_store *store, const unsigned char name[SR_TOKEN_SIZE], const struct sr_token *token)
{
	unsigned char bytes[SR_TOKEN_SIZE], number[8], made[SR_TOKEN_VALUE_SIZE];
	MDB_val key = { .mv_size = sizeof(bytes), .mv_data = bytes };
	MDB_val at = { .mv_size = sizeof(number), .mv_data = number };
	int rc;

	memcpy(bytes, name, sizeof(bytes));
	sr_encode_id(token->place, number);
	rc = sr_value_put(store, store->tokens, key, made, sr_encode_token(token, made), 0);
	if (!rc)
		rc = sr_value_put(store, store->tokens, at, bytes, sizeof(bytes), 0);
	return rc || token->place < SEGREG_TOKENS ? rc : forget_token(store, token->place - SEGREG_TOKENS);
}

/* Take one step with a cursor in the journal; MDB_SET_RANGE starts at *number. *number gets the number of the entry. */
static int step_in_journal(struct sr_store *store, MDB_cursor_op op, uint64_t *number, MDB_val *value)
{
	unsigned char bytes[8];
	MDB_val key = { .mv_size = sizeof(bytes), .mv_data = bytes };
	MDB_cursor *cursor;
	int error;

	if (store->journal == SR_NO_TABLE)
		return sr_value_fail_absent_table(store);
	error = mdb_cursor_open(store->txn, store->journal, &cursor);
	if (error)
		return sr_value_fail(error, store, "read it");
	sr_encode_id(*number, bytes);
	error = mdb_cursor_get(cursor, &key, value, op);
	mdb_cursor_close(cursor);
	if (error)
		return error == MDB_NOTFOUND ? SR_STORE_ABSENT : sr_value_fail(error, store, "read it");
	if (key.mv_size != sizeof(bytes))
		return sr_fail(SEGREG_E_CORRUPT, "%s is damaged: the number of a journal entry has %zu bytes",
			       store->path, key.mv_size);
	*number = sr_decode_id(key.mv_data);
	return 0;
}

int sr_records_last_entry(struct sr_store *store, uint64_t *number)
{
	MDB_val value;
	int rc;

	*number = 0;
	rc = step_in_journal(store, MDB_LAST, number, &value);
	return rc == SR_STORE_ABSENT ? 0 : rc;
}

int sr_records_put_entry(struct sr_store *store, const struct sr_entry *entry)
{
	unsigned char bytes[8], out[SR_ENTRY_FIXED + SR_ENTRY_TEXT];
	MDB_val key = { .mv_size = sizeof(bytes), .mv_data = bytes };
	int error, rc;

	sr_encode_id(entry->number, bytes);
	rc = sr_value_put(store, store->journal, key, out, sr_encode_entry(entry, out), MDB_APPEND);
	if (rc || entry->number <= SEGREG_LOG_MAX)
		return rc;
	sr_encode_id(entry->number - SEGREG_LOG_MAX, bytes);
	error = mdb_del(store->txn, store->journal, &key, NULL);
	return !error || error == MDB_NOTFOUND ? 0 : sr_value_fail(error, store, "delete from it");
}

int sr_records_next_entry(struct sr_store *store, uint64_t number, struct sr_entry *entry)
{
	MDB_val value;
	int rc;

	if (number == UINT64_MAX)
		return SR_STORE_ABSENT;
	number++;
	rc = step_in_journal(store, MDB_SET_RANGE, &number, &value);
	return rc ? rc : sr_decode_entry(value.mv_data, value.mv_size, number, entry);
}

int sr_records_take_back_entry(struct sr_store *store, uint32_t kind, uint64_t id)
{
	unsigned char bytes[8];
	MDB_val key = { .mv_size = sizeof(bytes), .mv_data = bytes };
	struct sr_entry entry;
	uint64_t number;
	int error, rc = sr_records_last_entry(store, &number);

	if (rc || !number)
		return rc;
	rc = sr_records_next_entry(store, number - 1, &entry);
	if (rc || entry.kind != kind || entry.id != id)
		return rc;
	sr_encode_id(number, bytes);
	error = mdb_del(store->txn, store->journal, &key, NULL);
	return error ? sr_value_fail(error, store, "delete from it") : 0;
}

int sr_records_get_removed(struct sr_store *store, struct sr_record *record)
{
	const unsigned char *bytes;
	MDB_val value;
	int rc = sr_value_get(store, store->meta, sr_value_key("removed"), &value);

	if (rc)
		return rc;
	if (value.mv_size < 8)
		return sr_fail(SEGREG_E_CORRUPT, "%s is damaged: it has a removed record of %zu bytes", store->path,
			       value.mv_size);
	bytes = value.mv_data;
	return sr_decode_record(bytes + 8, value.mv_size - 8, sr_decode_id(bytes), record);
}

int sr_records_put_removed(struct sr_store *store, const struct sr_record *record)
{
	unsigned char bytes[8 + SR_RECORD_FIXED + SR_RECORD_TEXT];
	MDB_val key = sr_value_key("removed");
	int error = record ? 0 : mdb_del(store->txn, store->meta, &key, NULL);

	if (!record)
		return !error || error == MDB_NOTFOUND ? 0 : sr_value_fail(error, store, "delete from it");
	sr_encode_id(record->id, bytes);
	return sr_value_put(store, store->meta, sr_value_key("removed"), bytes, 8 + sr_encode_record(record, bytes + 8),
			    0);
}

int sr_records_count(struct sr_store *store, uint32_t *n)
{
	MDB_stat stat;
	int error = mdb_stat(store->txn, store->segments, &stat);

	if (error)
		return sr_value_fail(error, store, "read it");
	*n = (uint32_t)(stat.ms_entries < UINT32_MAX ? stat.ms_entries : UINT32_MAX);
	return 0;
}

int sr_records_each(struct sr_store *store, int (*fn)(void *arg, const struct sr_record *record), void *arg)
{
	struct sr_record record;
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc = 0, error = mdb_cursor_open(store->txn, store->segments, &cursor);

	if (error)
		return sr_value_fail(error, store, "read it");
	while (!rc && !(error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT))) {
		if (key.mv_size != 8)
			rc = sr_fail(SEGREG_E_CORRUPT, "%s is damaged: it has an id of %zu bytes", store->path,
				     key.mv_size);
		if (!rc)
			rc = sr_decode_record(value.mv_data, value.mv_size, sr_decode_id(key.mv_data), &record);
		if (!rc)
			rc = fn(arg, &record);
	}
	mdb_cursor_close(cursor);
	if (rc)
		return rc;
	return error == MDB_NOTFOUND ? 0 : sr_value_fail(error, store, "read it");
}
