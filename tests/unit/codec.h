/*
 * codec.h - records with values of every kind.
 */
#ifndef CODEC_H
#define CODEC_H

#include "db/sr_codec.h"
#include "harness.h"

#include <string.h>

#define RECORD_SIZE (SR_RECORD_FIXED + SR_RECORD_TEXT)
#define META_SIZE (SR_META_FIXED + SEGREG_PATH_SIZE)
#define RIDERS_SIZE (SR_RIDERS_FIXED + SR_RIDERS_MAX * SR_RIDER_SIZE)

static inline void check_same(const struct sr_record *a, const struct sr_record *b)
{
	T_EQ(a->id, b->id);
	T_EQ(a->born, b->born);
	T_EQ(a->retired, b->retired);
	T_EQ(a->registered_at, b->registered_at);
	T_EQ(a->retired_at, b->retired_at);
	T_EQ(a->ino, b->ino);
	T_EQ(a->btime, b->btime);
	T_EQ(a->fid, b->fid);
	T_EQ(a->parent_ino, b->parent_ino);
	T_EQ(a->parent_fid, b->parent_fid);
	T_EQ(a->attempts, b->attempts);
	T_EQ(a->error, b->error);
	T_EQ(a->retry_at, b->retry_at);
	T_EQ(a->state, b->state);
	T_EQ(a->is_directory, b->is_directory);
	T_EQ(a->path_length, b->path_length);
	T_STR(a->path, b->path);
	T_EQ(a->user_size, b->user_size);
	T_CHECK(!memcmp(a->user, b->user, sizeof(a->user)));
}

static inline struct sr_entry make_entry(uint16_t path_length)
{
	struct sr_entry entry = {
		.number = 9,
		.kind = SEGREG_LOG_EVICTED,
		.at = 1,
		.id = UINT64_MAX,
		.born = 2,
		.retired = 3,
		.registered_at = -4,
		.retired_at = 5,
		.bytes = 1ull << 60,
		.decided = 6,
		.asked = 7,
		.lane = 8,
		.uid = UINT32_MAX,
		.pid = -10,
		.attached_at = 11,
		.pins = 12,
		.snapshots = 13,
		.label = "whose",
		.by_uid = 14,
		.by_pid = 15,
		.by_label = "a label of thirty-one bytes, so",
		.path_length = path_length,
		.user_size = (uint8_t)(path_length % (SEGREG_USER_SIZE + 1)),
	};

	memset(entry.user, 0xff, entry.user_size);
	memset(entry.path, 'p', path_length);
	return entry;
}

#endif
