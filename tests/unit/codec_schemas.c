/*
 * codec_schemas.c - sr_codec: the bytes of this schema are fixed, and those of earlier schemas are read.
 */
#include "codec.h"
#include "db/sr_codec.h"
#include "harness.h"

#include <string.h>

/* What all schemas have in common. */
#define FIRST_BYTES                                                                                                    \
	3, 1,                                            /* pending, directory */                                      \
		8, 7, 6, 5, 4, 3, 2, 1,                  /* born */                                                    \
		9, 0, 0, 0, 0, 0, 0, 0,                  /* retired */                                                 \
		0xfe, 255, 255, 255, 255, 255, 255, 255, /* registered_at: -2 */                                       \
		0, 1, 0, 0, 0, 0, 0, 0,                  /* retired_at */                                              \
		0xef, 0xbe, 0, 0, 0, 0, 0, 0,            /* ino */                                                     \
		0, 0, 0, 0, 0, 0, 0, 0x40                /* btime */

/* What schema 2 added. */
#define SECOND_BYTES                                                                                                   \
	1, 2, 3, 4, 5, 6, 7, 8,                         /* fid */                                                      \
		17, 0, 0, 0, 0, 0, 0, 0,                /* parent_ino */                                               \
		18, 0, 0, 0, 0, 0, 0, 0,                /* parent_fid */                                               \
		3, 0, 0, 0,                             /* attempts */                                                 \
		16,                                     /* error */                                                    \
		0xff, 255, 255, 255, 255, 255, 255, 255 /* retry_at: -1 */

static struct sr_record record_on_disk(void)
{
	return (struct sr_record){
		.born = 0x0102030405060708,
		.retired = 9,
		.registered_at = -2,
		.retired_at = 256,
		.ino = 0xbeef,
		.btime = 1ll << 62,
		.state = SR_PENDING,
		.is_directory = true,
		.path_length = 3,
		.path = "seg",
	};
}

static struct sr_record second_record_on_disk(void)
{
	struct sr_record r = record_on_disk();

	r.fid = 0x0807060504030201;
	r.parent_ino = 17;
	r.parent_fid = 18;
	r.attempts = 3;
	r.error = 16;
	r.retry_at = -1;
	return r;
}

/* Bytes that are on disks already: a change of them is a change of SR_SCHEMA. */
static void bytes_on_disk(void)
{
	static const unsigned char expected[] = { 4, FIRST_BYTES, SECOND_BYTES, 2, 'u', '\0', 's', 'e', 'g' };
	struct sr_record r = second_record_on_disk();
	unsigned char bytes[RECORD_SIZE];

	r.user_size = 2;
	r.user[0] = 'u';
	T_EQ(sr_encode_record(&r, bytes), sizeof(expected));
	T_CHECK(memcmp(bytes, expected, sizeof(expected)) == 0);
}

static void bytes_of_schema_1(void)
{
	static const unsigned char old[] = { 1, FIRST_BYTES, 's', 'e', 'g' };
	const struct sr_record expected = record_on_disk();
	struct sr_record r;

	memset(&r, 0xee, sizeof(r));
	T_OK(sr_decode_record(old, sizeof(old), 0, &r));
	check_same(&r, &expected);
}

static void bytes_of_schema_2(void)
{
	static const unsigned char old[] = { 2, FIRST_BYTES, SECOND_BYTES, 's', 'e', 'g' };
	const struct sr_record expected = second_record_on_disk();
	unsigned char bytes[SR_RECORD_FIXED_2 + SEGREG_PATH_MAX + 1] = { 0 };
	struct sr_record r;

	memset(&r, 0xee, sizeof(r));
	T_OK(sr_decode_record(old, sizeof(old), 0, &r));
	check_same(&r, &expected);
	memcpy(bytes, old, sizeof(old));
	memset(bytes + SR_RECORD_FIXED_2, 'p', SEGREG_PATH_MAX + 1);
	T_OK(sr_decode_record(bytes, sizeof(bytes) - 1, 0, &r));
	T_ERR(SEGREG_E_CORRUPT, sr_decode_record(bytes, sizeof(bytes), 0, &r));
}

static void tokens_of_earlier_schemas(void)
{
	unsigned char bytes[] = { 0, 8, 7, 6, 5, 4, 3, 2, 1, 5, 0, 0, 0, 0, 0, 0, 0 };

	for (bytes[0] = 1; bytes[0] <= 2; bytes[0]++) {
		struct sr_token token = { .digest = 77 };

		T_OK(sr_decode_token(bytes, sizeof(bytes), &token));
		T_EQ(token.version, 0x0102030405060708);
		T_EQ(token.place, 5);
		T_EQ(token.digest, 0);
	}
	T_ERR(SEGREG_E_CORRUPT, sr_decode_token(bytes, sizeof(bytes), &(struct sr_token){ 0 }));
}

static void clocks_of_earlier_schemas(void)
{
	static const unsigned char old[] = {
		2, 8, 7, 6, 5, 4, 3, 2, 1, /* version */
		5, 0, 0, 0, 0, 0, 0, 0,    /* starts */
		9, 0, 0, 0, 0, 0, 0, 0,    /* tokens */
		6, 0, 0, 0, 0, 0, 0, 0,    /* ids: schema 3 */
	};
	unsigned char bytes[sizeof(old)];

	memcpy(bytes, old, sizeof(old));
	for (bytes[0] = 1; bytes[0] <= 3; bytes[0]++) {
		struct sr_clock c = { .ids = 77, .leases = 78 };

		T_OK(sr_decode_clock(bytes, bytes[0] < 3 ? SR_CLOCK_SIZE_2 : SR_CLOCK_SIZE_3, &c));
		T_EQ(c.version, 0x0102030405060708);
		T_EQ(c.starts, 5);
		T_EQ(c.tokens, 9);
		T_EQ(c.ids, bytes[0] < 3 ? 0 : 6);
		T_EQ(c.leases, 0);
	}
	T_ERR(SEGREG_E_CORRUPT, sr_decode_clock(bytes, SR_CLOCK_SIZE_3, &(struct sr_clock){ 0 }));
}

/* They are those of this schema without what it added. */
static void entries_of_earlier_schemas(void)
{
	struct sr_entry entry = make_entry(0), out;
	unsigned char bytes[SR_ENTRY_FIXED + SR_ENTRY_TEXT];
	size_t size = sr_encode_entry(&entry, bytes), texts = size - SR_ENTRY_FIXED;

	for (bytes[0] = 2; bytes[0] >= 1; bytes[0]--) {
		size_t fixed = bytes[0] == 2 ? SR_ENTRY_FIXED_2 : SR_ENTRY_FIXED_1;

		memmove(bytes + fixed, bytes + fixed + 1, texts);
		memset(&out, 0, sizeof(out));
		T_OK(sr_decode_entry(bytes, fixed + texts, 9, &out));
		T_CHECK(!memcmp(&out, &entry, sizeof(out)));
	}
}

static void another_schema(void)
{
	unsigned char bytes[META_SIZE] = { 0 };
	struct sr_record r;
	struct sr_meta m;
	struct sr_clock c;
	struct sr_riders riders;
	struct sr_token t;

	for (unsigned schema = 0; schema < 256; schema++) {
		bytes[0] = (unsigned char)schema;
		if (schema >= 1 && schema <= SR_SCHEMA)
			continue;
		T_ERR(SEGREG_E_VERSION, sr_decode_record(bytes, 1, 1, &r)); /* of whatever size it may be */
		T_ERR(SEGREG_E_VERSION, sr_decode_record(bytes, 100, 1, &r));
		T_ERR(SEGREG_E_VERSION, sr_decode_meta(bytes, 100, &m));
		T_ERR(SEGREG_E_VERSION, sr_decode_clock(bytes, 100, &c));
		T_ERR(SEGREG_E_VERSION, sr_decode_token(bytes, 100, &t));
		T_ERR(SEGREG_E_VERSION, sr_decode_riders(bytes, 100, &riders));
	}
}

T_SUITE(codec_schemas, { "a record's bytes are those of earlier builds", bytes_on_disk },
	{ "records of schema 1 are read, without what schema 2 added", bytes_of_schema_1 },
	{ "records of schema 2 are read, without what schema 3 added", bytes_of_schema_2 },
	{ "tokens of schemas 1 and 2 are read, without what schema 3 added", tokens_of_earlier_schemas },
	{ "entries of earlier schemas are read, without what later schemas added", entries_of_earlier_schemas },
	{ "clocks of earlier schemas are read, without what later ones added", clocks_of_earlier_schemas },
	{ "every other schema is named in the error, whatever its size", another_schema });
