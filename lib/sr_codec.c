/*
 * sr_codec.c - the bytes of registry.mdb's values: little-endian, packed, each with the schema's version in front.
 */
#include "sr_codec.h"
#include "sr_error.h"

#include <string.h>

static unsigned char *put(unsigned char *at, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		*at++ = (unsigned char)(value >> (8 * i));
	return at;
}

static uint64_t take(const unsigned char **at, int bytes)
{
	uint64_t value = 0;

	for (int i = 0; i < bytes; i++)
		value |= (uint64_t)*(*at)++ << (8 * i);
	return value;
}

static int check(const unsigned char *in, size_t size, size_t least, size_t most, const char *what)
{
	if (size >= 1 && in[0] != SR_SCHEMA)
		return sr_fail(SEGREG_E_VERSION, "registry.mdb has schema %u, this library (segreg %s) knows schema %u", in[0],
			       segreg_version_string(), SR_SCHEMA);
	if (size < least || size > most)
		return sr_fail(SEGREG_E_CORRUPT, "registry.mdb is damaged: a %s of %zu bytes", what, size);
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

size_t sr_encode_record(const struct sr_record *r, unsigned char out[SR_RECORD_FIXED + SEGREG_PATH_MAX])
{
	unsigned char *at = out;

	at = put(at, SR_SCHEMA, 1);
	at = put(at, (uint64_t)r->state, 1);
	at = put(at, r->is_directory, 1);
	at = put(at, r->born, 8);
	at = put(at, r->retired, 8);
	at = put(at, (uint64_t)r->registered_at, 8);
	at = put(at, (uint64_t)r->retired_at, 8);
	at = put(at, r->ino, 8);
	at = put(at, (uint64_t)r->btime, 8);
	memcpy(at, r->path, r->path_length);
	return (size_t)(at - out) + r->path_length;
}

int sr_decode_record(const void *in, size_t size, uint64_t id, struct sr_record *r)
{
	const unsigned char *at = in;
	uint64_t flags;
	int rc = check(at, size, SR_RECORD_FIXED + 1, SR_RECORD_FIXED + SEGREG_PATH_MAX, "record");

	if (rc)
		return rc;
	at++;
	r->id = id;
	r->state = (enum sr_state)take(&at, 1);
	flags = take(&at, 1);
	r->is_directory = flags & 1;
	r->born = take(&at, 8);
	r->retired = take(&at, 8);
	r->registered_at = (int64_t)take(&at, 8);
	r->retired_at = (int64_t)take(&at, 8);
	r->ino = take(&at, 8);
	r->btime = (int64_t)take(&at, 8);
	r->path_length = (uint16_t)(size - SR_RECORD_FIXED);
	memcpy(r->path, at, r->path_length);
	r->path[r->path_length] = '\0';
	if ((r->state != SR_BUILDING && r->state != SR_LIVE && r->state != SR_PENDING && r->state != SR_DELETING) || flags > 1 ||
	    memchr(r->path, '\0', r->path_length))
		return sr_fail(SEGREG_E_CORRUPT, "registry.mdb is damaged: the record of segment %llu makes no sense",
			       (unsigned long long)id);
	return 0;
}

size_t sr_encode_meta(const struct sr_meta *m, unsigned char out[SR_META_FIXED + SEGREG_PATH_SIZE])
{
	unsigned char *at = out;
	size_t length = strlen(m->base);

	at = put(at, SR_SCHEMA, 1);
	memcpy(at, m->uuid, SR_UUID_SIZE);
	at += SR_UUID_SIZE;
	at = put(at, m->max_segments, 4);
	at = put(at, m->max_lanes, 4);
	at = put(at, (uint64_t)m->created_at, 8);
	memcpy(at, m->base, length);
	return (size_t)(at - out) + length;
}

int sr_decode_meta(const void *in, size_t size, struct sr_meta *m)
{
	const unsigned char *at = in;
	int rc = check(at, size, SR_META_FIXED + 1, SR_META_FIXED + SEGREG_PATH_SIZE - 1, "description of the registry");

	if (rc)
		return rc;
	at++;
	memcpy(m->uuid, at, SR_UUID_SIZE);
	at += SR_UUID_SIZE;
	m->max_segments = (uint32_t)take(&at, 4);
	m->max_lanes = (uint32_t)take(&at, 4);
	m->created_at = (int64_t)take(&at, 8);
	memcpy(m->base, at, size - SR_META_FIXED);
	m->base[size - SR_META_FIXED] = '\0';
	if (m->base[0] != '/')
		return sr_fail(SEGREG_E_CORRUPT, "registry.mdb is damaged: its base is not an absolute path");
	return 0;
}

size_t sr_encode_clock(const struct sr_clock *c, unsigned char out[SR_CLOCK_SIZE])
{
	unsigned char *at = out;

	at = put(at, SR_SCHEMA, 1);
	at = put(at, c->version, 8);
	at = put(at, c->starts, 8);
	at = put(at, c->tokens, 8);
	return (size_t)(at - out);
}

int sr_decode_clock(const void *in, size_t size, struct sr_clock *c)
{
	const unsigned char *at = in;
	int rc = check(at, size, SR_CLOCK_SIZE, SR_CLOCK_SIZE, "clock");

	if (rc)
		return rc;
	at++;
	c->version = take(&at, 8);
	c->starts = take(&at, 8);
	c->tokens = take(&at, 8);
	return 0;
}

size_t sr_encode_token(uint64_t version, uint64_t place, unsigned char out[SR_TOKEN_VALUE_SIZE])
{
	unsigned char *at = out;

	at = put(at, SR_SCHEMA, 1);
	at = put(at, version, 8);
	at = put(at, place, 8);
	return (size_t)(at - out);
}

int sr_decode_token(const void *in, size_t size, uint64_t *version)
{
	const unsigned char *at = in;
	int rc = check(at, size, SR_TOKEN_VALUE_SIZE, SR_TOKEN_VALUE_SIZE, "token");

	if (rc)
		return rc;
	at++;
	*version = take(&at, 8);
	return 0;
}
