/*
 * table.h - a table in memory, beside a plain model of it.
 */
#ifndef TABLE_H
#define TABLE_H

#include "harness.h"
#include "shm/sr_paths.h"
#include "shm/sr_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LANES 2

/* A segment as the model has it. */
struct segment {
	uint64_t id;
	uint32_t slot;
	enum sr_state state;
	char path[SEGREG_PATH_MAX + 1];
	size_t user_size;
	unsigned char user[SEGREG_USER_SIZE];
};

struct table {
	struct sr_region region;
	struct segment *segments;
	uint32_t n, max;
	unsigned seed;
};

static inline struct table make_table(uint32_t max)
{
	struct table t = { .max = max, .seed = max };
	const struct sr_access access = { .uid = geteuid(), .gid = getegid(), .mode = 0600 };
	char name[SR_REGION_NAME_SIZE];

	T_OK(sr_region_name(name));
	T_OK(sr_region_create(&t.region, name, false, max, LANES, &access));
	T_SYS(shm_unlink(name));
	T_OK(sr_table_init(&t.region));
	t.segments = calloc(max, sizeof(*t.segments));
	T_CHECK(t.segments);
	return t;
}

static inline void drop_table(struct table *t)
{
	sr_region_unmap(&t->region);
	free(t->segments);
}

static inline uint32_t below(struct table *t, uint32_t limit)
{
	return (uint32_t)rand_r(&t->seed) % limit;
}

static inline struct sr_record record_of(const struct segment *segment)
{
	struct sr_record r = { .id = segment->id, .state = segment->state };

	r.path_length = (uint16_t)strlen(segment->path);
	memcpy(r.path, segment->path, r.path_length);
	r.user_size = (uint8_t)segment->user_size;
	memcpy(r.user, segment->user, sizeof(r.user));
	return r;
}

/* Begins with the id, so that a wrong path is seen; then filled up to length. */
static inline void make_path(struct segment *segment, uint32_t length)
{
	int begin = snprintf(segment->path, sizeof(segment->path), "%" PRIx64 "-", segment->id);

	for (uint32_t i = (uint32_t)begin; i < length; i++)
		segment->path[i] = (char)('a' + (segment->id + i) % 26);
	segment->path[length > (uint32_t)begin ? length : (uint32_t)begin] = '\0';
}

/* None, all that fit, or some. */
static inline void make_user(struct segment *segment)
{
	size_t some = segment->id * 7 % (SEGREG_USER_SIZE + 1), most = segment->id % 2 * SEGREG_USER_SIZE;

	segment->user_size = segment->id % 3 ? some : most;
	for (size_t i = 0; i < segment->user_size; i++)
		segment->user[i] = (unsigned char)(segment->id * 31 + i);
}

static inline void add(struct table *t, uint64_t id, uint32_t path_length)
{
	struct segment *s = &t->segments[t->n];
	struct sr_record record;

	*s = (struct segment){ .id = id, .state = SR_LIVE };
	make_path(s, path_length);
	make_user(s);
	record = record_of(s);
	T_OK(sr_table_prepare(&t->region, 1));
	T_OK(sr_table_take(&t->region, &record, &s->slot));
	sr_table_publish(&t->region, s->slot, SR_LIVE);
	t->n++;
}

static inline void move(struct table *t, uint32_t i, enum sr_state to)
{
	T_OK(sr_table_move(&t->region, t->segments[i].slot, to));
	t->segments[i].state = to;
}

static inline void drop(struct table *t, uint32_t i)
{
	T_OK(sr_table_drop(&t->region, t->segments[i].slot));
	t->segments[i] = t->segments[--t->n];
}

static inline void check_segment(const struct table *t, const struct segment *s)
{
	unsigned char user[SEGREG_USER_SIZE];
	char path[SEGREG_PATH_MAX + 1];
	size_t user_size;

	T_EQ(sr_table_find(&t->region, s->id), s->slot);
	T_EQ(sr_word_state(t->region.slots[s->slot].word), s->state);
	T_CHECK(sr_paths_get(&t->region, s->slot, path));
	T_STR(path, s->path);
	memset(path, 0xee, sizeof(path));
	memset(user, 0xee, sizeof(user));
	T_CHECK(sr_paths_get_text(&t->region, s->slot, path, user, &user_size));
	T_STR(path, s->path);
	T_EQ(user_size, s->user_size);
	T_CHECK(!memcmp(user, s->user, sizeof(user)));
}

static inline void check_queue(const struct table *t)
{
	const struct sr_header *header = t->region.header;
	uint32_t queued = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t slot = t->segments[i].slot, pos = t->region.details[slot].queue_pos;

		if (!sr_state_is_queued(t->segments[i].state))
			continue;
		queued++;
		T_CHECK(pos < header->queue_length && t->region.queue[pos] == slot);
	}
	T_EQ(header->queue_length, queued);
}

static inline void check_counters(const struct table *t)
{
	const struct sr_header *header = t->region.header;
	uint64_t in[SR_STATES] = { 0 };

	for (uint32_t i = 0; i < t->n; i++)
		in[t->segments[i].state]++;
	T_EQ(header->live, in[SR_LIVE]);
	T_EQ(header->pending, in[SR_PENDING] + in[SR_DECIDING]);
	T_EQ(header->deleting, in[SR_DELETING]);
	T_EQ(header->building, in[SR_BUILDING]);
	T_EQ(header->slots_used, t->n);
	T_CHECK(header->slot_top <= t->max);
}

static inline void check_table(const struct table *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		check_segment(t, &t->segments[i]);
	check_queue(t);
	check_counters(t);
}

static inline uint64_t any_id(struct table *t)
{
	uint64_t id = 0;

	for (int i = 0; i < 4; i++)
		id = id << 20 ^ (uint64_t)rand_r(&t->seed);
	return sr_table_find(&t->region, id) == SR_NONE ? id : any_id(t);
}

static inline void check_absent(struct table *t)
{
	for (int i = 0; i < 100; i++)
		T_EQ(sr_table_find(&t->region, any_id(t)), SR_NONE);
}

static inline void churn(struct table *t, uint32_t rounds)
{
	for (uint32_t round = 0; round < rounds; round++) {
		uint32_t i = t->n ? below(t, t->n) : 0;

		if (t->n < t->max && below(t, 5) < 3)
			add(t, any_id(t), 1 + below(t, 60));
		else if (t->n && t->segments[i].state == SR_LIVE)
			move(t, i, SR_PENDING);
		else if (t->n && below(t, 2))
			drop(t, i);
	}
}

#endif
