/*
 * codec.c - sr_codec: what is written is what is read, and nothing else is.
 */
#include "codec.h"
#include "db/sr_codec.h"
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static struct sr_record make_record(enum sr_state state, size_t path_length, size_t user_size)
{
	struct sr_record r = {
		.id = 42,
		.born = 0x0102030405060708,
		.retired = UINT64_MAX,
		.registered_at = INT64_MIN,
		.retired_at = -1,
		.ino = 0x1122334455667788,
		.btime = INT64_MAX,
		.fid = UINT64_MAX - 1,
		.parent_ino = 0x99,
		.parent_fid = 1ull << 63,
		.attempts = UINT32_MAX,
		.error = 133,
		.retry_at = -7,
		.state = state,
		.is_directory = path_length % 2,
		.path_length = (uint16_t)path_length,
		.user_size = (uint8_t)user_size,
	};

	memset(r.path, 'p', path_length);
	for (size_t i = 0; i < user_size; i++)
		r.user[i] = (unsigned char)(200 + i); /* one of 64 is a NUL */
	return r;
}

/* ---------------------------------------------------------------- there and back */

static void record_round_trip(void)
{
	static const enum sr_state states[] = { SR_BUILDING, SR_LIVE, SR_PENDING, SR_DELETING };
	static const size_t lengths[] = { 1, 2, 16, 17, 499, SEGREG_PATH_MAX };
	static const size_t user_sizes[] = { 0, 1, 63, SEGREG_USER_SIZE };
	unsigned char bytes[RECORD_SIZE];

	for (size_t i = 0; i < 4 * 4; i++)
		for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++) {
			struct sr_record in = make_record(states[i % 4], lengths[j], user_sizes[i / 4]), out;
			size_t size = sr_encode_record(&in, bytes);

			memset(&out, 0xee, sizeof(out));
			T_EQ(size, SR_RECORD_FIXED + user_sizes[i / 4] + lengths[j]);
			T_OK(sr_decode_record(bytes, size, 42, &out));
			check_same(&out, &in);
		}
}

static void meta_round_trip(void)
{
	struct sr_meta in = { .max_segments = 16777214, .max_lanes = 1, .created_at = -5 }, out;
	unsigned char bytes[META_SIZE];

	for (int i = 0; i < SR_UUID_SIZE; i++)
		in.uuid[i] = (uint8_t)(255 - i);
	memset(in.base, 'b', SEGREG_PATH_SIZE - 1);
	in.base[0] = '/';
	T_OK(sr_decode_meta(bytes, sr_encode_meta(&in, bytes), &out));
	T_CHECK(memcmp(in.uuid, out.uuid, sizeof(in.uuid)) == 0);
	T_EQ(out.max_segments, in.max_segments);
	T_EQ(out.max_lanes, in.max_lanes);
	T_EQ(out.created_at, in.created_at);
	T_STR(out.base, in.base);
}

static void owner_round_trip(void)
{
	struct sr_owner in = { .place = "/" }, out;
	unsigned char bytes[SR_OWNER_FIXED + SEGREG_PATH_SIZE + 1];
	size_t size;

	for (int i = 0; i < SR_NONCE_SIZE; i++)
		in.nonce[i] = (uint8_t)(255 - i);
	memset(in.place + 1, 'p', SEGREG_PATH_SIZE - 2);
	size = sr_encode_owner(&in, bytes);
	T_OK(sr_decode_owner(bytes, size, &out));
	T_CHECK(memcmp(in.nonce, out.nonce, sizeof(in.nonce)) == 0);
	T_STR(out.place, in.place);
	bytes[size] = 'p';
	T_ERR(SEGREG_E_CORRUPT, sr_decode_owner(bytes, size + 1, &out)); /* no room for the NUL */
	for (size = 0; size <= SR_OWNER_FIXED; size++)
		T_ERR(SEGREG_E_CORRUPT, sr_decode_owner(bytes, size, &out));
	bytes[SR_OWNER_FIXED] = 'p';
	T_ERR(SEGREG_E_CORRUPT, sr_decode_owner(bytes, SR_OWNER_FIXED + 1, &out));
}

static void clock_and_token_round_trip(void)
{
	struct sr_clock in = { UINT64_MAX, 1, 1ull << 63, 1ull << 62, 1ull << 61 }, out;
	const struct sr_token made = { .version = 77, .place = 4095, .digest = UINT64_MAX - 3 };
	unsigned char bytes[SR_CLOCK_SIZE], token[SR_TOKEN_VALUE_SIZE];
	struct sr_token read;

	T_OK(sr_decode_clock(bytes, sr_encode_clock(&in, bytes), &out));
	T_EQ(out.version, in.version);
	T_EQ(out.starts, in.starts);
	T_EQ(out.tokens, in.tokens);
	T_EQ(out.ids, in.ids);
	T_EQ(out.leases, in.leases);
	T_OK(sr_decode_token(token, sr_encode_token(&made, token), &read));
	T_EQ(read.version, made.version);
	T_EQ(read.place, made.place);
	T_EQ(read.digest, made.digest);
}

static struct sr_riders make_riders(uint32_t n)
{
	struct sr_riders riders = { .start = UINT64_MAX - 1, .n = n };

	for (uint32_t i = 0; i < n; i++)
		riders.rider[i] =
			(struct sr_rider){ .lane_id = (uint64_t)i << 32 | 7, .seq = UINT64_MAX - i, .version = i };
	return riders;
}

static void riders_round_trip(void)
{
	unsigned char bytes[RIDERS_SIZE];

	for (uint32_t n = 0; n <= SR_RIDERS_MAX; n++) {
		const struct sr_riders in = make_riders(n);
		struct sr_riders out;

		T_OK(sr_decode_riders(bytes, sr_encode_riders(&in, bytes), &out));
		T_EQ(out.start, in.start);
		T_EQ(out.n, n);
		for (uint32_t i = 0; i < n; i++) {
			T_EQ(out.rider[i].lane_id, in.rider[i].lane_id);
			T_EQ(out.rider[i].seq, in.rider[i].seq);
			T_EQ(out.rider[i].version, in.rider[i].version);
		}
	}
}

static void entry_round_trip(void)
{
	static const uint16_t lengths[] = { 0, 1, SEGREG_USER_SIZE, SEGREG_PATH_MAX };
	unsigned char bytes[SR_ENTRY_FIXED + SR_ENTRY_TEXT];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const struct sr_entry in = make_entry(lengths[i]);
		struct sr_entry out;

		memset(&out, 0, sizeof(out));
		T_OK(sr_decode_entry(bytes, sr_encode_entry(&in, bytes), 9, &out));
		T_CHECK(memcmp(&in, &out, sizeof(in)) == 0);
	}
}

/* ---------------------------------------------------------------- what is refused */

static void bad_entries(void)
{
	const struct sr_entry entry = make_entry(10); /* 10 bytes of user and path each */
	unsigned char bytes[SR_ENTRY_FIXED + SR_ENTRY_TEXT + 1] = { 0 };
	size_t size = sr_encode_entry(&entry, bytes);
	struct sr_entry out;

	for (size_t less = 0; less < size - 10; less++)
		T_ERR(SEGREG_E_CORRUPT, sr_decode_entry(bytes, less, 1, &out));
	T_ERR(SEGREG_E_CORRUPT, sr_decode_entry(bytes, sizeof(bytes), 1, &out));
	for (unsigned kind = 0; kind < 256; kind++) {
		bytes[1] = (unsigned char)kind;
		T_EQ(sr_decode_entry(bytes, size, 1, &out), kind >= 1 && kind <= 7 ? 0 : SEGREG_E_CORRUPT);
	}
	bytes[1] = 1;
	for (unsigned length = 0; length < 256; length++) {
		bool fits = length <= size - SR_ENTRY_FIXED - bytes[3] - 10;

		bytes[2] = (unsigned char)length;
		T_EQ(sr_decode_entry(bytes, size, 1, &out), fits && length < SEGREG_LABEL_SIZE ? 0 : SEGREG_E_CORRUPT);
	}
	bytes[2] = 0;
	for (unsigned length = 0; length < 256; length++) {
		bytes[SR_ENTRY_FIXED - 1] = (unsigned char)length;
		T_EQ(sr_decode_entry(bytes, size, 1, &out),
		     length <= size - SR_ENTRY_FIXED - bytes[3] && length <= SEGREG_USER_SIZE ? 0 : SEGREG_E_CORRUPT);
	}
	bytes[0] = SR_SCHEMA + 1;
	T_ERR(SEGREG_E_VERSION, sr_decode_entry(bytes, size, 1, &out));
}

static void truncated(void)
{
	const struct sr_record r = make_record(SR_LIVE, 1, 3);
	const struct sr_meta m = { .max_segments = 1, .max_lanes = 1, .base = "/" };
	const struct sr_clock c = { .version = 1 };
	unsigned char record[RECORD_SIZE], meta[META_SIZE], clock[SR_CLOCK_SIZE], token[SR_TOKEN_VALUE_SIZE];
	size_t record_size = sr_encode_record(&r, record), meta_size = sr_encode_meta(&m, meta);
	size_t clock_size = sr_encode_clock(&c, clock);
	size_t token_size = sr_encode_token(&(struct sr_token){ .version = 1 }, token);
	const struct sr_riders r3 = make_riders(3);
	unsigned char riders[RIDERS_SIZE];
	size_t riders_size = sr_encode_riders(&r3, riders);
	struct sr_riders riders_out;
	struct sr_record r_out;
	struct sr_meta m_out;
	struct sr_clock c_out;
	struct sr_token t_out;

	for (size_t size = 0; size < record_size; size++)
		T_ERR(SEGREG_E_CORRUPT, sr_decode_record(record, size, 1, &r_out));
	for (size_t size = 0; size < meta_size; size++)
		T_ERR(SEGREG_E_CORRUPT, sr_decode_meta(meta, size, &m_out));
	for (size_t size = 0; size < clock_size; size++)
		T_ERR(SEGREG_E_CORRUPT, sr_decode_clock(clock, size, &c_out));
	for (size_t size = 0; size < token_size; size++)
		T_ERR(SEGREG_E_CORRUPT, sr_decode_token(token, size, &t_out));
	for (size_t size = 0; size < riders_size; size++) {
		bool whole = size >= SR_RIDERS_FIXED && (size - SR_RIDERS_FIXED) % SR_RIDER_SIZE == 0;

		T_EQ(sr_decode_riders(riders, size, &riders_out), whole ? 0 : SEGREG_E_CORRUPT);
	}
	T_OK(sr_decode_record(record, record_size, 1, &r_out));
	T_OK(sr_decode_meta(meta, meta_size, &m_out));
}

static void too_long(void)
{
	const struct sr_record r = make_record(SR_LIVE, SEGREG_PATH_MAX, SEGREG_USER_SIZE);
	const struct sr_clock c = { .version = 1 };
	unsigned char record[RECORD_SIZE + 1], meta[META_SIZE + 1];
	unsigned char clock[SR_CLOCK_SIZE + 1], token[SR_TOKEN_VALUE_SIZE + 1],
		riders[RIDERS_SIZE + SR_RIDER_SIZE] = { SR_SCHEMA };
	struct sr_riders riders_out;
	struct sr_record r_out;
	struct sr_meta m_out;
	struct sr_clock c_out;
	struct sr_token t_out;

	sr_encode_record(&r, record);
	sr_encode_clock(&c, clock);
	sr_encode_token(&(struct sr_token){ .version = 1 }, token);
	record[RECORD_SIZE] = clock[SR_CLOCK_SIZE] = token[SR_TOKEN_VALUE_SIZE] = 'x';
	memset(meta, '/', sizeof(meta));
	meta[0] = SR_SCHEMA;
	T_ERR(SEGREG_E_CORRUPT, sr_decode_record(record, sizeof(record), 1, &r_out));
	memset(record + SR_RECORD_FIXED - 1, 'p', sizeof(record) - SR_RECORD_FIXED + 1);
	/* The path has a limit of its own. */
	for (unsigned user_size = 0; user_size <= SEGREG_USER_SIZE + 1; user_size++) {
		record[SR_RECORD_FIXED - 1] = (unsigned char)user_size;
		T_EQ(sr_decode_record(record, RECORD_SIZE, 1, &r_out),
		     user_size == SEGREG_USER_SIZE ? 0 : SEGREG_E_CORRUPT);
	}
	T_ERR(SEGREG_E_CORRUPT, sr_decode_meta(meta, META_SIZE, &m_out)); /* no room for the NUL */
	T_OK(sr_decode_meta(meta, META_SIZE - 1, &m_out));
	T_ERR(SEGREG_E_CORRUPT, sr_decode_clock(clock, sizeof(clock), &c_out));
	T_ERR(SEGREG_E_CORRUPT, sr_decode_token(token, sizeof(token), &t_out));
	T_ERR(SEGREG_E_CORRUPT, sr_decode_riders(riders, sizeof(riders), &riders_out));
}

static void impossible(void)
{
	const struct sr_record good = make_record(SR_LIVE, 10, 4);
	unsigned char bytes[RECORD_SIZE], meta[META_SIZE];
	const struct sr_meta relative = { .max_segments = 1, .max_lanes = 1, .base = "base" };
	size_t size = sr_encode_record(&good, bytes);
	struct sr_record r;
	struct sr_meta m;

	for (unsigned state = 0; state < 256; state++) {
		bool known = state == SR_BUILDING || state == SR_LIVE || state == SR_PENDING || state == SR_DELETING;

		bytes[1] = (unsigned char)state;
		T_EQ(sr_decode_record(bytes, size, 1, &r), known ? 0 : SEGREG_E_CORRUPT);
	}
	bytes[1] = SR_LIVE;
	bytes[2] = 2;
	T_ERR(SEGREG_E_CORRUPT, sr_decode_record(bytes, size, 1, &r));
	bytes[2] = 0;
	for (unsigned user_size = 0; user_size < 256; user_size++) {
		bytes[SR_RECORD_FIXED - 1] = (unsigned char)user_size;
		T_EQ(sr_decode_record(bytes, size, 1, &r), user_size < size - SR_RECORD_FIXED ? 0 : SEGREG_E_CORRUPT);
	}
	bytes[SR_RECORD_FIXED - 1] = 4;
	bytes[SR_RECORD_FIXED + 3] = '\0'; /* the last of the caller's own */
	T_OK(sr_decode_record(bytes, size, 1, &r));
	bytes[SR_RECORD_FIXED + 4] = '\0';
	T_ERR(SEGREG_E_CORRUPT, sr_decode_record(bytes, size, 1, &r));
	T_ERR(SEGREG_E_CORRUPT, sr_decode_meta(meta, sr_encode_meta(&relative, meta), &m));
}

/* Whatever is accepted is what would have been written: no two records mean the same. */
static void garbage(void)
{
	unsigned char bytes[RECORD_SIZE], again[RECORD_SIZE];
	unsigned seed = 12345;

	for (int round = 0; round < 20000; round++) {
		size_t size = (size_t)rand_r(&seed) % (SR_RECORD_FIXED + 40);
		struct sr_record r;
		int rc;

		for (size_t i = 0; i < size; i++)
			bytes[i] = (unsigned char)rand_r(&seed);
		bytes[0] = SR_SCHEMA;
		bytes[1] %= 6;
		bytes[2] %= 3;
		rc = sr_decode_record(bytes, size, 1, &r);
		T_CHECK(rc == 0 || rc == SEGREG_E_CORRUPT);
		if (rc == 0) {
			T_EQ(sr_encode_record(&r, again), size);
			T_CHECK(memcmp(bytes, again, size) == 0);
		}
	}
}

/* ---------------------------------------------------------------- keys */

static void order_of_keys(void)
{
	static const uint64_t ids[] = { 0, 1, 255, 256, 65535, 1ull << 32, INT64_MAX, 1ull << 63, UINT64_MAX };
	unsigned char before[8], key[8];

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		sr_encode_id(ids[i], key);
		T_EQ(sr_decode_id(key), ids[i]);
		if (i > 0)
			T_CHECK(memcmp(before, key, 8) < 0);
		memcpy(before, key, 8);
	}
}

T_SUITE(codec, { "a record comes back as it was", record_round_trip },
	{ "the registry's description comes back as it was", meta_round_trip },
	{ "the owner of base comes back as it was, and only what can be is read", owner_round_trip },
	{ "clock and token come back as they were", clock_and_token_round_trip },
	{ "riders come back as they were, from none to as many as there can be", riders_round_trip },
	{ "an entry of the journal comes back as it was", entry_round_trip },
	{ "an entry of the journal that cannot be is refused", bad_entries },
	{ "every truncation is refused", truncated }, { "what is too long is refused", too_long },
	{ "what cannot be is refused", impossible },
	{ "of garbage only what could have been written is accepted", garbage },
	{ "keys sort as their ids", order_of_keys });
