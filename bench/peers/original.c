/*
 * original.c - in C, the registry inside one process from which segreg grew. A hash map leads from an id to a segment,
 * under a reader-writer lock. Each user of a segment has a counted reference.
 */
#include "common/fail.h"
#include "place/segment.h"
#include "peers/peer.h"

#include <pthread.h>
#include <stdlib.h>

struct segment {
	uint64_t id;
	uint64_t references;
	char path[SEGMENT_PATH_LENGTH + 1];
};

struct map {
	pthread_rwlock_t lock;
	struct segment **entries; /* linear probing, at most half full */
	size_t mask;
};

static struct segment **find(const struct map *map, uint64_t id)
{
	size_t at = (size_t)((id ^ id >> 32) * 0x9e3779b97f4a7c15ull >> 20) & map->mask;

	while (map->entries[at] && map->entries[at]->id != id)
		at = (at + 1) & map->mask;
	return &map->entries[at];
}

static void *start(const struct peer_ids *ids)
{
	struct map *map = calloc(1, sizeof(*map));
	size_t size = 16;

	while (size < 2 * ids->n)
		size *= 2;
	if (!map || !(map->entries = calloc(size, sizeof(struct segment *))))
		fail("calloc");
	map->mask = size - 1;
	pthread_rwlock_init(&map->lock, NULL);
	for (size_t i = 0; i < ids->n; i++) {
		struct segment *segment = malloc(sizeof(*segment));

		if (!segment)
			fail("malloc");
		segment->id = ids->known[i];
		segment->references = 1;
		segment_path(i + 1, segment->path);
		*find(map, segment->id) = segment;
	}
	return map;
}

static struct segment *get(struct map *map, uint64_t id)
{
	struct segment *segment;

	pthread_rwlock_rdlock(&map->lock);
	segment = *find(map, id);
	if (segment)
		__atomic_fetch_add(&segment->references, 1, __ATOMIC_RELAXED);
	pthread_rwlock_unlock(&map->lock);
	return segment;
}

static void drop(struct segment *segment)
{
	if (__atomic_fetch_sub(&segment->references, 1, __ATOMIC_ACQ_REL) == 1)
		free(segment);
}

static inline __attribute__((always_inline)) void run(void *state, const struct peer_ids *ids, size_t count, bool chase)
{
	uint64_t step = 0;

	for (size_t i = 0; i < count; i++) {
		struct segment *segment = get(state, ids->ids[(i + step) & ids->mask]);

		if (!segment)
			fail("an id is missing");
		if (chase)
			step = segment->references >> 63;
		drop(segment);
	}
}

static void use(void *state, const struct peer_ids *ids, size_t count)
{
	run(state, ids, count, false);
}

static void chase(void *state, const struct peer_ids *ids, size_t count)
{
	run(state, ids, count, true);
}

static void stop(void *state)
{
	struct map *map = state;

	for (size_t i = 0; i <= map->mask; i++)
		if (map->entries[i])
			drop(map->entries[i]);
	pthread_rwlock_destroy(&map->lock);
	free(map->entries);
	free(map);
}

const struct peer peer_original = { "in-process map, rwlock (C)", start, use, stop, chase };
