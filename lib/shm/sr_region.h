/*
 * sr_region.h - one process's mapping of a registry's shared memory.
 *
 * A process keeps only the mapping, no descriptor. It asks for the memory of new parts with MADV_POPULATE_WRITE, which
 * reports a full /dev/shm as an error. It gives memory back with MADV_REMOVE. A forked child does not have the mapping
 * (MADV_DONTFORK).
 */
#ifndef SR_REGION_H
#define SR_REGION_H

#include "sys/sr_access.h"
#include "sys/sr_atomic.h"
#include "sys/sr_error.h"
#include "shm/sr_layout.h"
#include "shm/sr_state.h"

#include <sys/types.h>

#define SR_REGION_NAME_SIZE 64 /* "/segreg-" and 32 hexadecimal digits */

/* A level of the index: one hash table. */
struct sr_level {
	const uint32_t *entries;
	uint32_t shift; /* the first place of a hash is hash >> shift */
	uint32_t mask;
};

struct sr_region {
	struct sr_header *header;
	uint64_t ino;                         /* inode number of the object */
	char object[SR_REGION_NAME_SIZE + 8]; /* path of the object: a ring touches it */
	const char *lock_path;                /* registry.lock, the caller's string: a ring opens it otherwise */
	struct sr_geometry geometry;
	/* Addresses of the parts, computed once: */
	char *base;
	struct sr_note *notes;
	unsigned char *index;
	uint32_t levels;
	struct sr_level level[SR_INDEX_LEVELS + 1]; /* the last is empty, and serves where the header is damaged */
	struct sr_slot *slots;
	struct sr_detail *details;
	uint32_t *queue;
	uint64_t *path_map;
	char *paths;
	struct sr_discard *discards;
};

/* Make a random name for a new object, so that no stranger can make the object first. */
int sr_region_name(char name[SR_REGION_NAME_SIZE]);

/*
 * Make a new object; or, if is_there, use the empty object that has this name already. Only header and base get memory,
 * all zero but magic, fingerprint and limits.
 */
int sr_region_create(struct sr_region *region, const char *name, bool is_there, uint32_t max_segments,
		     uint32_t max_lanes, const struct sr_access *access);

/*
 * Remove an object that no process has mapped. /dev/shm is sticky, so only the object's owner and root can remove it.
 * Any other participant empties it, which gives its memory back. The next builder then uses the empty object under its
 * name.
 *
 * lock_dev, lock_ino: identity of the registry.lock that names the object. Returns 0 if the object is gone,
 * SR_REGION_EMPTIED or SR_REGION_STAYS.
 */
int sr_region_discard(const char *name, const struct sr_access *access, uint64_t lock_dev, uint64_t lock_ino);

/*
 * Map the object name. Refuses an object that is not a region of this build, or that no participant made. Returns 0,
 * SR_REGION_ABSENT, SR_REGION_UNFINISHED or SEGREG_E_*.
 */
int sr_region_map(struct sr_region *region, const char *name, const struct sr_access *access);

/* Whether name still names the object that is mapped; true if this process cannot open it. */
bool sr_region_is_named(const struct sr_region *region, const char *name);

void sr_region_unmap(struct sr_region *region);

/* Give memory to the first `bytes` bytes of a part. [table] */
int sr_region_grow(struct sr_region *region, enum sr_part part, uint64_t bytes);
/* Give memory to size bytes at address, which lies in the region. `what` names them in the error text. */
int sr_region_populate(void *address, uint64_t size, const char *what);

static inline struct sr_lane *sr_region_lane(const struct sr_region *region, uint32_t lane)
{
	return (struct sr_lane *)(void *)((unsigned char *)region->header + region->geometry.heads) + lane;
}

static inline struct sr_row *sr_region_row(const struct sr_region *region, uint32_t lane)
{
	return (struct sr_row *)(void *)((unsigned char *)region->header + region->geometry.rows +
					 region->geometry.row_size * lane);
}

static inline uint32_t *sr_row_counts(struct sr_row *row)
{
	return (uint32_t *)(void *)((unsigned char *)row + (1 + SR_CELL_PAGES) * SR_PAGE);
}

static inline uint64_t *sr_row_cells(struct sr_row *row)
{
	return (uint64_t *)(void *)((unsigned char *)row + SR_PAGE);
}

/* Whether a handle has the lane. */
static inline bool sr_lane_is_taken(const struct sr_lane *lane)
{
	return sr_load_acquire_u32(&lane->state) != SR_LANE_FREE;
}

static inline bool sr_lane_counts_are_held(const struct sr_lane *lane)
{
	uint32_t state = sr_load_seqcst_u32(&lane->state);

	return state == SR_LANE_USED || state == SR_LANE_EVICTING;
}

/*
 * Whether pins and snapshots that the handle makes from now on protect anything. They do not in a lane that is evicted
 * or being evicted.
 */
static inline bool sr_lane_may_hold(const struct sr_lane *lane)
{
	return sr_load_seqcst_u32(&lane->state) == SR_LANE_USED;
}

static inline bool sr_lane_has_counts(const struct sr_lane *lane)
{
	return sr_load_seqcst_u32(&lane->has_counts);
}

/* Number of the lane's snapshot cells, read once and bounded. */
static inline uint32_t sr_lane_n_cells(const struct sr_lane *lane)
{
	uint32_t n = sr_load_acquire_u32(&lane->cells);

	return n < SR_CELLS_MAX ? n : SR_CELLS_MAX;
}

/* Read once and bounded, so that a damaged header does not lead out of the mapping. */
static inline uint32_t sr_region_slot_top(const struct sr_region *region)
{
	uint32_t top = sr_load_acquire_u32(&region->header->slot_top);

	return top < region->geometry.max_segments ? top : region->geometry.max_segments;
}

static inline uint32_t sr_region_lane_top(const struct sr_region *region)
{
	uint32_t top = sr_load_seqcst_u32(&region->header->lane_top);

	return top < region->geometry.max_lanes ? top : region->geometry.max_lanes;
}

/* The lane that lane_id names; NULL if lane_id is 0, or the lane was emptied since. */
static inline struct sr_lane *sr_region_find_lane(const struct sr_region *region, uint64_t lane_id)
{
	uint32_t n = (uint32_t)lane_id;

	if (!lane_id || n >= sr_region_lane_top(region) ||
	    sr_load_acquire_u32(&sr_region_lane(region, n)->epoch) != lane_id >> 32)
		return NULL;
	return sr_region_lane(region, n);
}

/* Wake threads, and ring watches (sr_ring.h), that wait until a sweep may have something to do. */
void sr_region_wake(struct sr_region *region);
/* Wake the threads alone. */
void sr_region_wake_sleepers(struct sr_region *region);

/* Store a new version, and wake the threads that wait for one. The caller rings, without a lock. [table] */
void sr_region_set_version(struct sr_region *region, uint64_t version);
/* Wake the threads that wait for a version, to look once more. */
void sr_region_wake_versions(struct sr_region *region);

/* Fail with SEGREG_E_CORRUPT: the region is damaged. `what` names the part. */
int sr_region_damaged(const char *what) __attribute__((cold));

#endif
