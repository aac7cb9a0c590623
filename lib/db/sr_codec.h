/*
 * sr_codec.h - the bytes of registry.mdb's values: little-endian, packed, each with the schema's version in front.
 *
 *      record   u8 schema, u8 state, u8 flags (bit 0: directory), u64 born, u64 retired, i64 registered_at,
 *               i64 retired_at, u64 ino, i64 btime, u64 fid, u64 parent_ino, u64 parent_fid, u32 attempts, u8 error,
 *               i64 retry_at, u8 length of user, user, path (to the end); schema 2 has no user, and schema 1 ends with
 *               ino, btime, path
 *      meta     u8 schema, uuid[16], u32 max_segments, u32 max_lanes, i64 created_at, base (to the end)
 *      clock    u8 schema, u64 version, u64 starts, u64 tokens, u64 ids, u64 leases; schema 3 has no leases, schemas 1
 *               and 2 have no ids either, and the first builds of schema 1 had no tokens
 *      token    u8 schema, u64 version, u64 place, u64 digest; schemas 1 and 2 have no digest
 *      entry    u8 schema, u8 kind, u8 length of label, u8 length of by_label, i64 at, u64 id, u64 born, u64 retired,
 *               i64 registered_at, i64 retired_at, u64 bytes, u64 decided, u32 asked, u32 lane, u32 uid, i64 pid,
 *               i64 attached_at, u64 pins, u64 snapshots, u32 by_uid, i64 by_pid, u8 flags (bit 0: was gone),
 *               u8 length of user, label, by_label, user, path (to the end); schema 2 has no user, and schema 1 has
 *               neither flags nor user
 *      owner    u8 schema, nonce[16], place (to the end)
 *      riders   u8 schema, u64 start, then for each rider u64 lane_id, u64 seq, u64 version
 */
#ifndef SR_CODEC_H
#define SR_CODEC_H

#include "shm/sr_record.h"

#define SR_RECORD_FIXED_1 (3 + 6 * 8) /* in schema 1 */
#define SR_RECORD_FIXED_2 (SR_RECORD_FIXED_1 + 3 * 8 + 4 + 1 + 8)
#define SR_RECORD_FIXED (SR_RECORD_FIXED_2 + 1)
#define SR_RECORD_TEXT (SEGREG_USER_SIZE + SEGREG_PATH_MAX)
#define SR_META_FIXED (1 + SR_UUID_SIZE + 4 + 4 + 8)
#define SR_OWNER_FIXED (1 + SR_NONCE_SIZE)
#define SR_CLOCK_SIZE_FIRST (1 + 2 * 8)
#define SR_CLOCK_SIZE_2 (1 + 3 * 8) /* up to schema 2 */
#define SR_CLOCK_SIZE_3 (1 + 4 * 8)
#define SR_CLOCK_SIZE (1 + 5 * 8)
#define SR_TOKEN_VALUE_SIZE_2 (1 + 2 * 8) /* up to schema 2 */
#define SR_TOKEN_VALUE_SIZE (1 + 3 * 8)
#define SR_RIDERS_FIXED (1 + 8)
#define SR_RIDER_SIZE (3 * 8)
#define SR_ENTRY_FIXED_1 (4 + 13 * 8 + 4 * 4) /* in schema 1 */
#define SR_ENTRY_FIXED_2 (SR_ENTRY_FIXED_1 + 1)
#define SR_ENTRY_FIXED (SR_ENTRY_FIXED_2 + 1)
#define SR_ENTRY_TEXT (2 * (SEGREG_LABEL_SIZE - 1) + SEGREG_USER_SIZE + SEGREG_PATH_MAX)

/* Each returns the number of bytes that it wrote. */
size_t sr_encode_record(const struct sr_record *record, unsigned char out[SR_RECORD_FIXED + SR_RECORD_TEXT]);
size_t sr_encode_meta(const struct sr_meta *meta, unsigned char out[SR_META_FIXED + SEGREG_PATH_SIZE]);
size_t sr_encode_owner(const struct sr_owner *owner, unsigned char out[SR_OWNER_FIXED + SEGREG_PATH_SIZE]);
size_t sr_encode_token(const struct sr_token *token, unsigned char out[SR_TOKEN_VALUE_SIZE]);
size_t sr_encode_clock(const struct sr_clock *clock, unsigned char out[SR_CLOCK_SIZE]);
size_t sr_encode_riders(const struct sr_riders *riders,
			unsigned char out[SR_RIDERS_FIXED + SR_RIDERS_MAX * SR_RIDER_SIZE]);

size_t sr_encode_entry(const struct sr_entry *entry, unsigned char out[SR_ENTRY_FIXED + SR_ENTRY_TEXT]);

/*
 * Each returns 0, SEGREG_E_VERSION for a schema that this library does not know, or SEGREG_E_CORRUPT for an impossible
 * value.
 */
int sr_decode_record(const void *in, size_t size, uint64_t id, struct sr_record *record);
int sr_decode_meta(const void *in, size_t size, struct sr_meta *meta);
int sr_decode_owner(const void *in, size_t size, struct sr_owner *owner);
int sr_decode_token(const void *in, size_t size, struct sr_token *token);
int sr_decode_clock(const void *in, size_t size, struct sr_clock *clock);
int sr_decode_entry(const void *in, size_t size, uint64_t number, struct sr_entry *entry);
int sr_decode_riders(const void *in, size_t size, struct sr_riders *riders);

/*
 * Check the schema and the size of a value, named `what` in the error. The library reads values of all schemas up to
 * its own, and writes only its own. Returns 0, SEGREG_E_VERSION or SEGREG_E_CORRUPT.
 */
int sr_codec_check(const unsigned char *in, size_t size, size_t least, size_t most, const char *what);

/* Keys of the tables segments, tokens and journal: numbers, big-endian. */
void sr_encode_id(uint64_t id, unsigned char out[8]);
uint64_t sr_decode_id(const unsigned char in[8]);

#endif
