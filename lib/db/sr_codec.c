/*
 * sr_codec.c - the bytes of registry.mdb's values: little-endian, packed, beginning with the schema's version.
 */
#include "db/sr_codec.h"
#include "sys/sr_bytes.h"
#include "sys/sr_error.h"

#include <string.h>

int sr_codec_check(const unsigned char *in, size_t size, size_t least, size_t most, const char *what)
{
	if (size >= 1 && (in[0] < 1 || in[0] > SR_SCHEMA))
		return sr_fail(
			SEGREG_E_VERSION,
			"registry.mdb has schema %u, this library (segreg %s) knows schemas 1 to %u: open it with "
			"the segreg that wrote it, or with a later one",
			in[0], segreg_version_string(), SR_SCHEMA);
	if (size < least || size > most)
		return sr_fail(SEGREG_E_CORRUPT, "registry.mdb is damaged: it has a %s of %zu bytes", what, size);
	return 0;
}

void sr_encode_id(uint64_t id, unsigned char out[8])
{
	for (int i = 0; i < 8; i++)
		out[i] = (unsigned char)(id >> (8 * (7 - i)));
}

uint64_t sr_decode_id(const unsigned char in[8])
{
	uint64_t id = 0;

	for (int i = 0; i < 8; i++)
		id = id << 8 | in[i];
	return id;
}

/* Write bytes at `at`. Returns the position behind them. */
static unsigned char *put_text(unsigned char *at, const void *text, size_t length)
{
	memcpy(at, text, length);
	return at + length;
}

size_t sr_encode_record(const struct sr_record *r, unsigned char out[SR_RECORD_FIXED + SR_RECORD_TEXT])
{
	unsigned char *at = out;

	at = sr_bytes_put(at, SR_SCHEMA, 1);
	at = sr_bytes_put(at, (uint64_t)r->state, 1);
	at = sr_bytes_put(at, r->is_directory, 1);
	at = sr_bytes_put(at, r->born, 8);
	at = sr_bytes_put(at, r->retired, 8);
	at = sr_bytes_put(at, (uint64_t)r->registered_at, 8);
	at = sr_bytes_put(at, (uint64_t)r->retired_at, 8);
	at = sr_bytes_put(at, r->ino, 8);
	at = sr_bytes_put(at, (uint64_t)r->btime, 8);
	at = sr_bytes_put(at, r->fid, 8);
	at = sr_bytes_put(at, r->parent_ino, 8);
	at = sr_bytes_put(at, r->parent_fid, 8);
	at = sr_bytes_put(at, r->attempts, 4);
	at = sr_bytes_put(at, r->error, 1);
	at = sr_bytes_put(at, (uint64_t)r->retry_at, 8);
	at = sr_bytes_put(at, r->user_size, 1);
	at = put_text(at, r->user, r->user_size);
	return (size_t)(put_text(at, r->path, r->path_length) - out);
}

static void take_text(const unsigned char **at, size_t length, char *out)
{
	memcpy(out, *at, length);
	out[length] = '\0';
	*at += length;
}

/* Read the fields that schema 2 added. */
static void take_additions(const unsigned char **at, struct sr_record *r, unsigned schema)
{
	if (schema == 1) {
		r->fid = r->parent_ino = r->parent_fid = 0;
		r->attempts = r->error = 0;
		r->retry_at = 0;
		return;
	}
	r->fid = sr_bytes_take(at, 8);
	r->parent_ino = sr_bytes_take(at, 8);
	r->parent_fid = sr_bytes_take(at, 8);
	r->attempts = (uint32_t)sr_bytes_take(at, 4);
	r->error = (uint8_t)sr_bytes_take(at, 1);
	r->retry_at = (int64_t)sr_bytes_take(at, 8);
}

/* Read the caller's own bytes, which schema 3 added, if the value has them. */
static void take_user(const unsigned char **at, uint8_t size, unsigned char user[SEGREG_USER_SIZE])
{
	memcpy(user, *at, size);
	memset(user + size, 0, SEGREG_USER_SIZE - size);
	*at += size;
}

/* Size of a record without user and path. */
static size_t record_fixed(unsigned schema)
{
	return schema == 1 ? SR_RECORD_FIXED_1 : schema == 2 ? SR_RECORD_FIXED_2 : SR_RECORD_FIXED;
}

int sr_decode_record(const void *in, size_t size, uint64_t id, struct sr_record *r)
{
	const unsigned char *at = in;
	unsigned schema = size ? at[0] : SR_SCHEMA;
	size_t fixed = record_fixed(schema), user_most = schema > 2 ? SEGREG_USER_SIZE : 0;
	uint64_t flags, user_size;
	int rc = sr_codec_check(at, size, fixed + 1, fixed + user_most + SEGREG_PATH_MAX, "record");

	if (rc)
		return rc;
	at++;
	r->id = id;
	r->state = (enum sr_state)sr_bytes_take(&at, 1);
	flags = sr_bytes_take(&at, 1);
	r->is_directory = flags & 1;
	r->born = sr_bytes_take(&at, 8);
	r->retired = sr_bytes_take(&at, 8);
	r->registered_at = (int64_t)sr_bytes_take(&at, 8);
	r->retired_at = (int64_t)sr_bytes_take(&at, 8);
	r->ino = sr_bytes_take(&at, 8);
	r->btime = (int64_t)sr_bytes_take(&at, 8);
	take_additions(&at, r, schema);
	user_size = schema > 2 ? sr_bytes_take(&at, 1) : 0;
	size -= fixed;
	if ((r->state != SR_BUILDING && r->state != SR_LIVE && r->state != SR_PENDING && r->state != SR_DELETING) ||
	    flags > 1 || user_size > user_most || user_size >= size || size - user_size > SEGREG_PATH_MAX ||
	    memchr(at + user_size, '\0', size - user_size))
		return sr_fail(SEGREG_E_CORRUPT,
			       "registry.mdb is damaged: the record of segment %llu has impossible values",
			       (unsigned long long)id);
	r->user_size = (uint8_t)user_size;
	take_user(&at, r->user_size, r->user);
	r->path_length = (uint16_t)(size - user_size);
	take_text(&at, r->path_length, r->path);
	return 0;
}

size_t sr_encode_meta(const struct sr_meta *m, unsigned char out[SR_META_FIXED + SEGREG_PATH_SIZE])
{
	unsigned char *at = out;
	size_t length = strlen(m->base);

	at = sr_bytes_put(at, SR_SCHEMA, 1);
	memcpy(at, m->uuid, SR_UUID_SIZE);
	at += SR_UUID_SIZE;
	at = sr_bytes_put(at, m->max_segments, 4);
	at = sr_bytes_put(at, m->max_lanes, 4);
	at = sr_bytes_put(at, (uint64_t)m->created_at, 8);
	memcpy(at, m->base, length);
	return (size_t)(at - out) + length;
}

int sr_decode_meta(const void *in, size_t size, struct sr_meta *m)
{
	const unsigned char *at = in;
	int rc = sr_codec_check(at, size, SR_META_FIXED + 1, SR_META_FIXED + SEGREG_PATH_SIZE - 1,
				"description of the registry");

	if (rc)
		return rc;
	m->schema = *at++;
	memcpy(m->uuid, at, SR_UUID_SIZE);
	at += SR_UUID_SIZE;
	m->max_segments = (uint32_t)sr_bytes_take(&at, 4);
	m->max_lanes = (uint32_t)sr_bytes_take(&at, 4);
	m->created_at = (int64_t)sr_bytes_take(&at, 8);
	memcpy(m->base, at, size - SR_META_FIXED);
	m->base[size - SR_META_FIXED] = '\0';
	if (m->base[0] != '/')
		return sr_fail(SEGREG_E_CORRUPT, "registry.mdb is damaged: its record of base is not an absolute path");
	return 0;
}

size_t sr_encode_owner(const struct sr_owner *o, unsigned char out[SR_OWNER_FIXED + SEGREG_PATH_SIZE])
{
	unsigned char *at = out;
	size_t length = strlen(o->place);

	at = sr_bytes_put(at, SR_SCHEMA, 1);
	memcpy(at, o->nonce, SR_NONCE_SIZE);
	memcpy(at + SR_NONCE_SIZE, o->place, length);
	return SR_OWNER_FIXED + length;
}

int sr_decode_owner(const void *in, size_t size, struct sr_owner *o)
{
	const unsigned char *at = in;
	int rc = sr_codec_check(at, size, SR_OWNER_FIXED + 1, SR_OWNER_FIXED + SEGREG_PATH_SIZE - 1, "owner of base");

	if (rc)
		return rc;
	memcpy(o->nonce, at + 1, SR_NONCE_SIZE);
	memcpy(o->place, at + SR_OWNER_FIXED, size - SR_OWNER_FIXED);
	o->place[size - SR_OWNER_FIXED] = '\0';
	if (o->place[0] != '/')
		return sr_fail(
			SEGREG_E_CORRUPT,
			"registry.mdb is damaged: its record of the registry's directory is not an absolute path");
	return 0;
}

size_t sr_encode_clock(const struct sr_clock *c, unsigned char out[SR_CLOCK_SIZE])
{
	unsigned char *at = out;

	at = sr_bytes_put(at, SR_SCHEMA, 1);
	at = sr_bytes_put(at, c->version, 8);
	at = sr_bytes_put(at, c->starts, 8);
	at = sr_bytes_put(at, c->tokens, 8);
	at = sr_bytes_put(at, c->ids, 8);
	at = sr_bytes_put(at, c->leases, 8);
	return (size_t)(at - out);
}

int sr_decode_clock(const void *in, size_t size, struct sr_clock *c)
{
	const unsigned char *at = in;
	unsigned schema = size ? at[0] : SR_SCHEMA;
	bool is_first = size == SR_CLOCK_SIZE_FIRST && schema == 1;
	size_t right = is_first     ? SR_CLOCK_SIZE_FIRST
		       : schema < 3 ? SR_CLOCK_SIZE_2
		       : schema < 4 ? SR_CLOCK_SIZE_3
				    : SR_CLOCK_SIZE;
	int rc = sr_codec_check(at, size, right, right, "clock");

	if (rc)
		return rc;
	at++;
	c->version = sr_bytes_take(&at, 8);
	c->starts = sr_bytes_take(&at, 8);
	c->tokens = is_first ? 0 : sr_bytes_take(&at, 8);
	c->ids = schema < 3 ? 0 : sr_bytes_take(&at, 8);
	c->leases = schema < 4 ? 0 : sr_bytes_take(&at, 8);
	return 0;
}

size_t sr_encode_token(const struct sr_token *token, unsigned char out[SR_TOKEN_VALUE_SIZE])
{
	unsigned char *at = out;

	at = sr_bytes_put(at, SR_SCHEMA, 1);
	at = sr_bytes_put(at, token->version, 8);
	at = sr_bytes_put(at, token->place, 8);
	at = sr_bytes_put(at, token->digest, 8);
	return (size_t)(at - out);
}

int sr_decode_token(const void *in, size_t size, struct sr_token *token)
{
	const unsigned char *at = in;
	bool has_digest = size && at[0] > 2;
	size_t right = has_digest ? SR_TOKEN_VALUE_SIZE : SR_TOKEN_VALUE_SIZE_2;
	int rc = sr_codec_check(at, size, right, right, "token");

	if (rc)
		return rc;
	at++;
	token->version = sr_bytes_take(&at, 8);
	token->place = sr_bytes_take(&at, 8);
	token->digest = has_digest ? sr_bytes_take(&at, 8) : 0;
	return 0;
}

size_t sr_encode_riders(const struct sr_riders *riders,
			unsigned char out[SR_RIDERS_FIXED + SR_RIDERS_MAX * SR_RIDER_SIZE])
{
	unsigned char *at = out;

	at = sr_bytes_put(at, SR_SCHEMA, 1);
	at = sr_bytes_put(at, riders->start, 8);
	for (uint32_t i = 0; i < riders->n; i++) {
		at = sr_bytes_put(at, riders->rider[i].lane_id, 8);
		at = sr_bytes_put(at, riders->rider[i].seq, 8);
		at = sr_bytes_put(at, riders->rider[i].version, 8);
	}
	return (size_t)(at - out);
}

int sr_decode_riders(const void *in, size_t size, struct sr_riders *riders)
{
	const unsigned char *at = in;
	int rc = sr_codec_check(at, size, SR_RIDERS_FIXED, SR_RIDERS_FIXED + SR_RIDERS_MAX * SR_RIDER_SIZE,
				"row of riders");

	if (!rc && (size - SR_RIDERS_FIXED) % SR_RIDER_SIZE)
		rc = sr_fail(SEGREG_E_CORRUPT, "registry.mdb is damaged: it has a row of riders of %zu bytes", size);
	if (rc)
		return rc;
	at++;
	riders->start = sr_bytes_take(&at, 8);
	riders->n = (uint32_t)((size - SR_RIDERS_FIXED) / SR_RIDER_SIZE);
	for (uint32_t i = 0; i < riders->n; i++) {
		riders->rider[i].lane_id = sr_bytes_take(&at, 8);
		riders->rider[i].seq = sr_bytes_take(&at, 8);
		riders->rider[i].version = sr_bytes_take(&at, 8);
	}
	return 0;
}

size_t sr_encode_entry(const struct sr_entry *e, unsigned char out[SR_ENTRY_FIXED + SR_ENTRY_TEXT])
{
	size_t label = strlen(e->label), by_label = strlen(e->by_label);
	unsigned char *at = out;

	at = sr_bytes_put(at, SR_SCHEMA, 1);
	at = sr_bytes_put(at, e->kind, 1);
	at = sr_bytes_put(at, label, 1);
	at = sr_bytes_put(at, by_label, 1);
	at = sr_bytes_put(at, (uint64_t)e->at, 8);
	at = sr_bytes_put(at, e->id, 8);
	at = sr_bytes_put(at, e->born, 8);
	at = sr_bytes_put(at, e->retired, 8);
	at = sr_bytes_put(at, (uint64_t)e->registered_at, 8);
	at = sr_bytes_put(at, (uint64_t)e->retired_at, 8);
	at = sr_bytes_put(at, e->bytes, 8);
	at = sr_bytes_put(at, e->decided, 8);
	at = sr_bytes_put(at, e->asked, 4);
	at = sr_bytes_put(at, e->lane, 4);
	at = sr_bytes_put(at, e->uid, 4);
	at = sr_bytes_put(at, (uint64_t)e->pid, 8);
	at = sr_bytes_put(at, (uint64_t)e->attached_at, 8);
	at = sr_bytes_put(at, e->pins, 8);
	at = sr_bytes_put(at, e->snapshots, 8);
	at = sr_bytes_put(at, e->by_uid, 4);
	at = sr_bytes_put(at, (uint64_t)e->by_pid, 8);
	at = sr_bytes_put(at, e->was_gone, 1);
	at = sr_bytes_put(at, e->user_size, 1);
	at = put_text(at, e->label, label);
	at = put_text(at, e->by_label, by_label);
	at = put_text(at, e->user, e->user_size);
	return (size_t)(put_text(at, e->path, e->path_length) - out);
}

/* Size of an entry without its texts. */
static size_t entry_fixed(unsigned schema)
{
	return schema == 1 ? SR_ENTRY_FIXED_1 : schema == 2 ? SR_ENTRY_FIXED_2 : SR_ENTRY_FIXED;
}

int sr_decode_entry(const void *in, size_t size, uint64_t number, struct sr_entry *e)
{
	const unsigned char *at = in;
	unsigned schema = size ? at[0] : SR_SCHEMA;
	size_t label, by_label, user, fixed = entry_fixed(schema), user_most = schema > 2 ? SEGREG_USER_SIZE : 0;
	uint64_t flags;
	int rc = sr_codec_check(at, size, fixed, fixed + SR_ENTRY_TEXT, "entry of the journal");

	if (rc)
		return rc;
	at++;
	e->number = number;
	e->kind = (uint32_t)sr_bytes_take(&at, 1);
	label = sr_bytes_take(&at, 1);
	by_label = sr_bytes_take(&at, 1);
	e->at = (int64_t)sr_bytes_take(&at, 8);
	e->id = sr_bytes_take(&at, 8);
	e->born = sr_bytes_take(&at, 8);
	e->retired = sr_bytes_take(&at, 8);
	e->registered_at = (int64_t)sr_bytes_take(&at, 8);
	e->retired_at = (int64_t)sr_bytes_take(&at, 8);
	e->bytes = sr_bytes_take(&at, 8);
	e->decided = sr_bytes_take(&at, 8);
	e->asked = (uint32_t)sr_bytes_take(&at, 4);
	e->lane = (uint32_t)sr_bytes_take(&at, 4);
	e->uid = (uint32_t)sr_bytes_take(&at, 4);
	e->pid = (int64_t)sr_bytes_take(&at, 8);
	e->attached_at = (int64_t)sr_bytes_take(&at, 8);
	e->pins = sr_bytes_take(&at, 8);
	e->snapshots = sr_bytes_take(&at, 8);
	e->by_uid = (uint32_t)sr_bytes_take(&at, 4);
	e->by_pid = (int64_t)sr_bytes_take(&at, 8);
	flags = schema > 1 ? sr_bytes_take(&at, 1) : 0;
	user = schema > 2 ? sr_bytes_take(&at, 1) : 0;
	e->was_gone = flags & 1;
	size -= fixed;
	if (flags > 1 || label >= SEGREG_LABEL_SIZE || by_label >= SEGREG_LABEL_SIZE || user > user_most ||
	    label + by_label + user > size || size - label - by_label - user > SEGREG_PATH_MAX ||
	    e->kind < SEGREG_LOG_DELETED || e->kind > SEGREG_LOG_LEASE_DROPPED)
		return sr_fail(SEGREG_E_CORRUPT,
			       "registry.mdb is damaged: entry %llu of the journal has impossible values",
			       (unsigned long long)number);
	e->path_length = (uint16_t)(size - label - by_label - user);
	e->user_size = (uint8_t)user;
	take_text(&at, label, e->label);
	take_text(&at, by_label, e->by_label);
	take_user(&at, e->user_size, e->user);
	take_text(&at, e->path_length, e->path);
	return 0;
}
