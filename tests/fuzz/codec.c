/*
 * codec.c - the values in registry.mdb: whatever is decoded is encoded to the same bytes.
 */
#include "fuzz.h"
#include "segreg.h"
#include "db/sr_codec.h"

#include <stdbool.h>

/* What was written by an earlier schema is written as ours. */
static bool is_same(const uint8_t *in, const unsigned char *out, size_t size)
{
	return size && in[0] <= SR_SCHEMA && out[0] == SR_SCHEMA && !memcmp(in + 1, out + 1, size - 1);
}

static void record(const uint8_t *in, size_t size)
{
	unsigned char out[SR_RECORD_FIXED + SR_RECORD_TEXT];
	struct sr_record r;

	if (fuzz_rc(sr_decode_record(in, size, 7, &r)))
		return;
	FUZZ_CLAIM(r.path_length == strlen(r.path) && r.path_length <= SEGREG_PATH_MAX);
	FUZZ_CLAIM(r.user_size <= SEGREG_USER_SIZE);
	if (in[0] == SR_SCHEMA) /* earlier ones are shorter */
		FUZZ_CLAIM(sr_encode_record(&r, out) == size && is_same(in, out, size));
}

static void meta(const uint8_t *in, size_t size)
{
	unsigned char out[SR_META_FIXED + SEGREG_PATH_SIZE];
	struct sr_meta m;

	if (fuzz_rc(sr_decode_meta(in, size, &m)))
		return;
	FUZZ_CLAIM(m.base[0] == '/' && strlen(m.base) < SEGREG_PATH_SIZE);
	FUZZ_CLAIM(sr_encode_meta(&m, out) == SR_META_FIXED + strlen(m.base) &&
		   is_same(in, out, SR_META_FIXED + strlen(m.base)));
}

static void clock_value(const uint8_t *in, size_t size)
{
	unsigned char out[SR_CLOCK_SIZE];
	struct sr_clock c;

	if (fuzz_rc(sr_decode_clock(in, size, &c)) == 0 && in[0] == SR_SCHEMA)
		FUZZ_CLAIM(sr_encode_clock(&c, out) == size && is_same(in, out, size));
}

static void token(const uint8_t *in, size_t size)
{
	unsigned char out[SR_TOKEN_VALUE_SIZE];
	struct sr_token t;

	if (fuzz_rc(sr_decode_token(in, size, &t)) == 0 && in[0] == SR_SCHEMA)
		FUZZ_CLAIM(sr_encode_token(&t, out) == size && is_same(in, out, size));
}

static void riders(const uint8_t *in, size_t size)
{
	unsigned char out[SR_RIDERS_FIXED + SR_RIDERS_MAX * SR_RIDER_SIZE];
	struct sr_riders r;

	if (fuzz_rc(sr_decode_riders(in, size, &r)))
		return;
	FUZZ_CLAIM(r.n <= SR_RIDERS_MAX);
	FUZZ_CLAIM(sr_encode_riders(&r, out) == size && is_same(in, out, size));
}

static void one(const uint8_t *data, size_t size)
{
	static void (*const values[])(const uint8_t *in, size_t size) = { record, meta, clock_value, token, riders };

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		values[i](data, size);
}

const struct fuzz_target fuzz_codec = { .name = "codec", .one = one };
