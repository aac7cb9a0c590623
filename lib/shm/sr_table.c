/*
 * sr_table.c - the segments in the region: slots, the index from id to slot, and the sweeper's queue.
 */
#include "shm/sr_table.h"
#include "shm/sr_paths.h"
#include "sys/sr_error.h"
#include "sys/sr_sys.h"

#include <stdlib.h>
#include <string.h>

static enum sr_state state_of(const struct sr_region *region, uint32_t slot)
{
	return sr_word_state(sr_load_acquire_u64(&region->slots[slot].word));
}

/* ---------------------------------------------------------------- index */

static uint32_t *level(const struct sr_region *region, uint32_t bits)
{
	return (uint32_t *)(void *)(region->index + sr_index_level(bits));
}

/* The current level of the index, bounded: a damaged header leads to misses, and not out of the mapping. */
static uint32_t bits_of(const struct sr_region *region)
{
	uint32_t bits = sr_load_acquire_u32(&region->header->index_bits);

	if (bits < SR_INDEX_MIN_BITS)
		return SR_INDEX_MIN_BITS;
	return bits < region->geometry.index_max_bits ? bits : region->geometry.index_max_bits;
}

static uint32_t home_of(uint64_t id, uint32_t bits)
{
	return (uint32_t)(sr_index_hash(id) >> (64 - bits));
}

uint32_t sr_table_find(const struct sr_region *region, uint64_t id)
{
	const struct sr_level *level = sr_table_level(region);
	uint64_t hash = sr_index_hash(id);
	uint32_t at = (uint32_t)(hash >> level->shift);

	for (uint32_t probes = 0; probes <= level->mask; probes++, at++) {
		uint32_t entry = sr_load_acquire_u32(&level->entries[at & level->mask]);
		uint32_t slot = sr_index_slot(entry, hash);

		if (slot < region->geometry.max_segments && sr_load_acquire_u64(&region->slots[slot].id) == id)
			return slot;
		if (!entry)
			return SR_NONE;
	}
	return SR_NONE;
}

/* Enter a slot into entries: a level of the index, or a private copy of a level. */
static void enter(const struct sr_region *region, uint32_t *entries, uint32_t bits, uint32_t slot)
{
	uint64_t id = region->slots[slot].id;
	uint32_t mask = (1u << bits) - 1, at = home_of(id, bits);

	for (uint32_t probes = 0; entries[at] && probes < mask; probes++)
		at = (at + 1) & mask;
	sr_store_release_u32(&entries[at], sr_index_tag(sr_index_hash(id)) | (slot + 1));
}

static uint32_t slot_of_entry(const struct sr_region *region, uint32_t entry)
{
	uint32_t slot = (entry & ((1u << SR_INDEX_SLOT_BITS) - 1)) - 1;

	return slot < region->geometry.max_segments ? slot : 0; /* damage leads to a miss, and not out of the mapping */
}

/* Delete with backward shift (Knuth, TAOCP 6.4, algorithm R), which leaves no tombstones to collect. */
static void leave(const struct sr_region *region, uint32_t slot)
{
	uint32_t bits = bits_of(region), mask = (1u << bits) - 1;
	uint32_t *entries = level(region, bits);
	uint32_t hole = home_of(region->slots[slot].id, bits), at, probes = 0;

	while (entries[hole] && slot_of_entry(region, entries[hole]) != slot && probes++ < mask)
		hole = (hole + 1) & mask;
	if (!entries[hole])
		return;
	for (at = (hole + 1) & mask; entries[at] && probes++ < mask; at = (at + 1) & mask) {
		uint32_t home = home_of(region->slots[slot_of_entry(region, entries[at])].id, bits);

		/* Move the entry into the hole, unless its home lies between the hole and the entry. */
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			sr_store_release_u32(&entries[hole], entries[at]);
			hole = at;
		}
	}
	sr_store_release_u32(&entries[hole], 0);
}

static bool is_indexed(enum sr_state state)
{
	return state != SR_FREE && state != SR_GONE;
}

/* number of slots ahead whose index entries are prefetched, because they lie scattered over the index */
#define AHEAD 16u

/* Write the entries of all slots into entries, which are zero. */
static void enter_all(const struct sr_region *region, uint32_t *entries, uint32_t bits)
{
	uint32_t top = sr_region_slot_top(region);

	for (uint32_t slot = 0; slot < top; slot++) {
		if (slot + AHEAD < top)
			__builtin_prefetch(&entries[home_of(region->slots[slot + AHEAD].id, bits)], 1);
		if (is_indexed(state_of(region, slot)))
			enter(region, entries, bits, slot);
	}
}

/* Switch to a level that n segments fill at most half. No reader looks at the new level before index_bits names it. */
static int grow_index(struct sr_region *region, uint32_t n)
{
	struct sr_header *header = region->header;
	uint32_t had = bits_of(region), bits = had;
	uint64_t size;
	int rc;

	while (bits < region->geometry.index_max_bits && (1ull << bits) < 2ull * n)
		bits++;
	if (bits == had)
		return 0;
	size = sizeof(uint32_t) << bits;
	rc = sr_region_populate(level(region, bits), size, "the index");
	if (rc)
		return rc;
	memset(level(region, bits), 0, size);
	enter_all(region, level(region, bits), bits);
	header->index_bytes += size;
	sr_store_release_u32(&header->index_bits, bits);
	return 0;
}

static int rebuild_index(struct sr_region *region)
{
	uint32_t bits = bits_of(region);
	uint32_t *right = sr_sys_calloc((size_t)1 << bits, sizeof(uint32_t)), *entries = level(region, bits);

	if (!right)
		return sr_fail(SEGREG_E_NOMEM, "no memory to repair the index");
	enter_all(region, right, bits);
	for (uint32_t at = 0; at < 1u << bits; at++)
		if (entries[at] != right[at])
			sr_store_release_u32(&entries[at], right[at]);
	free(right);
	return 0;
}

/* ---------------------------------------------------------------- queue */

static int enqueue(struct sr_region *region, uint32_t slot)
{
	struct sr_header *header = region->header;

	if (header->queue_length >= region->geometry.max_segments)
		return sr_region_damaged("queue");
	region->details[slot].queue_pos = header->queue_length;
	region->queue[header->queue_length++] = slot;
	return 0;
}

static int dequeue(struct sr_region *region, uint32_t slot)
{
	struct sr_header *header = region->header;
	uint32_t pos = region->details[slot].queue_pos, last;

	if (pos >= header->queue_length || header->queue_length > region->geometry.max_segments ||
	    region->queue[pos] != slot)
		return sr_region_damaged("queue");
	last = region->queue[--header->queue_length];
	if (last >= region->geometry.max_segments)
		return sr_region_damaged("queue");
	region->queue[pos] = last;
	region->details[last].queue_pos = pos;
	return 0;
}

int sr_table_copy_queue(const struct sr_region *region, uint32_t **slots, uint32_t *n)
{
	uint32_t room = region->geometry.max_segments, length = region->header->queue_length;

	length = length < room ? length : room;
	*n = 0;
	*slots = sr_sys_malloc(length * sizeof(**slots));
	if (!*slots)
		return sr_fail(SEGREG_E_NOMEM, "no memory to list %u retired segments", length);
	for (uint32_t i = 0; i < length; i++)
		if (region->queue[i] < sr_region_slot_top(region))
			(*slots)[(*n)++] = region->queue[i];
	return 0;
}

/* ---------------------------------------------------------------- slots */

int sr_table_init(struct sr_region *region)
{
	struct sr_header *header = region->header;
	uint64_t size = sizeof(uint32_t) << SR_INDEX_MIN_BITS;
	int rc = sr_region_populate(region->index, size, "the index");

	if (rc)
		return rc;
	header->index_bytes = size;
	header->index_bits = SR_INDEX_MIN_BITS;
	header->slot_free = SR_NONE;
	return 0;
}

int sr_table_prepare(struct sr_region *region, uint32_t n)
{
	struct sr_header *header = region->header;
	uint32_t max = region->geometry.max_segments, fresh;
	int rc;

	if (header->slot_top > max || header->slots_used > header->slot_top)
		return sr_region_damaged("slots");
	if (n > max - header->slots_used)
		return sr_fail(SEGREG_E_FULL,
			       "%u of %u segments are in use (max_segments, fixed when the registry was made); segctl "
			       "why shows what is kept; for more, make a larger registry (segctl init -s) and load the "
			       "old one (segctl dump, load)",
			       header->slots_used, max);
	fresh = header->slot_top - header->slots_used;
	fresh = n > fresh ? n - fresh : 0;
	rc = sr_region_grow(region, SR_PART_SLOTS, (header->slot_top + fresh) * sizeof(struct sr_slot));
	if (!rc)
		rc = sr_region_grow(region, SR_PART_DETAILS, (header->slot_top + fresh) * sizeof(struct sr_detail));
	if (!rc)
		rc = sr_region_grow(region, SR_PART_QUEUE, (header->slot_top + fresh) * sizeof(uint32_t));
	return rc ? rc : grow_index(region, header->slots_used + n);
}

static int pop_free(struct sr_region *region, uint32_t *slot)
{
	struct sr_header *header = region->header;

	if (header->slot_free == SR_NONE) {
		if (header->slot_top >= region->geometry.max_segments)
			return sr_region_damaged("free list");
		*slot = header->slot_top;
		sr_store_release_u32(&header->slot_top, *slot + 1);
	} else {
		*slot = header->slot_free;
		if (*slot >= sr_region_slot_top(region) || state_of(region, *slot) != SR_FREE)
			return sr_region_damaged("free list");
		header->slot_free = region->details[*slot].queue_pos;
	}
	header->slots_used++;
	return 0;
}

static void push_free(struct sr_region *region, uint32_t slot)
{
	struct sr_header *header = region->header;

	region->details[slot].queue_pos = header->slot_free;
	header->slot_free = slot;
	header->slots_used--;
}

uint8_t sr_table_flags(const struct sr_record *record)
{
	bool is_weak = record->ino && !record->fid && !record->btime;

	return (uint8_t)((record->is_directory ? SR_DETAIL_DIRECTORY : 0) | (is_weak ? SR_DETAIL_WEAK : 0));
}

int sr_table_take(struct sr_region *region, const struct sr_record *record, uint32_t *slot)
{
	struct sr_detail *detail;
	struct sr_text text;
	int rc = sr_paths_take(region, record, &text);

	if (!rc)
		rc = pop_free(region, slot);
	if (rc)
		return rc;
	detail = &region->details[*slot];
	/* A walk over a snapshot may read this slot now. sr_snapshot.c shows why that does no harm. */
	sr_store_release_u64(&detail->born, record->born);
	sr_store_release_u64(&detail->retired, record->retired);
	detail->registered_at = record->registered_at;
	detail->retired_at = record->retired_at;
	detail->held_since = 0;
	detail->retry_at = record->retry_at;
	sr_paths_put(region, *slot, &text);
	sr_store_relaxed_u8(&detail->flags, sr_table_flags(record));
	detail->error = record->error;
	detail->attempts = record->attempts;
	sr_store_release_u64(&region->slots[*slot].id, record->id);
	return 0;
}

static void free_text(struct sr_region *region, uint32_t slot)
{
	const struct sr_text text = sr_paths_of(region, slot);

	sr_paths_mark(region, &text, false);
}

void sr_table_untake(struct sr_region *region, uint32_t slot)
{
	free_text(region, slot);
	push_free(region, slot);
}

static uint64_t *counter_of(struct sr_header *header, enum sr_state state)
{
	switch (state) {
	case SR_BUILDING:
		return &header->building;
	case SR_LIVE:
	case SR_REMOVING:
		return &header->live;
	case SR_PENDING:
	case SR_DECIDING:
		return &header->pending;
	case SR_DELETING:
		return &header->deleting;
	default:
		return NULL;
	}
}

static bool is_retired(enum sr_state state)
{
	return state == SR_PENDING || state == SR_DECIDING || state == SR_DELETING;
}

static void account(struct sr_region *region, uint32_t slot, enum sr_state state, int by)
{
	struct sr_header *header = region->header;
	const struct sr_detail *detail = &region->details[slot];
	uint64_t *counter = counter_of(header, state);

	if (counter)
		*counter += (uint64_t)by;
	if (sr_state_undecided(state) == SR_LIVE && detail->flags & SR_DETAIL_MISSING)
		header->missing += (uint64_t)by;
	if (state == SR_DELETING && detail->attempts)
		header->failed += (uint64_t)by;
	if (is_retired(state) && (detail->flags & SR_DETAIL_DIRECTORY || !detail->born))
		sr_store_release_u64(&header->retired_trees, header->retired_trees + (uint64_t)by);
}

static void show(struct sr_region *region, uint32_t slot, enum sr_state state)
{
	account(region, slot, state, 1);
	if (sr_state_is_queued(state))
		enqueue(region, slot);
	sr_state_force(&region->slots[slot].word, state);
}

void sr_table_publish(struct sr_region *region, uint32_t slot, enum sr_state state)
{
	show(region, slot, state);
	enter(region, level(region, bits_of(region)), bits_of(region), slot);
}

int sr_table_load(struct sr_region *region, const struct sr_record *record)
{
	uint32_t slot;
	int rc = sr_table_take(region, record, &slot);

	if (!rc)
		show(region, slot, record->state);
	return rc;
}

void sr_table_load_index(struct sr_region *region)
{
	enter_all(region, level(region, bits_of(region)), bits_of(region));
}

/* Update counters and queue after a slot's state has changed. */
static int follow(struct sr_region *region, uint32_t slot, enum sr_state from, enum sr_state to)
{
	int rc = 0;

	account(region, slot, from, -1);
	account(region, slot, to, 1);
	if (sr_state_is_queued(to) && !sr_state_is_queued(from))
		rc = enqueue(region, slot);
	else if (sr_state_is_queued(from) && !sr_state_is_queued(to))
		rc = dequeue(region, slot);
	return rc;
}

int sr_table_move(struct sr_region *region, uint32_t slot, enum sr_state to)
{
	enum sr_state from = state_of(region, slot);

	return sr_state_move(&region->slots[slot].word, to) ? follow(region, slot, from, to)
							    : sr_region_damaged("state of a segment");
}

int sr_table_decide(struct sr_region *region, uint32_t slot, enum sr_state to, bool *done)
{
	enum sr_state from = state_of(region, slot);
	int rc;

	*done = sr_state_decide(&region->slots[slot].word, to);
	if (!*done)
		return 0;
	rc = follow(region, slot, from, to);
	if (rc || to != SR_GONE)
		return rc;
	leave(region, slot);
	return sr_table_free_gone(region, slot);
}

void sr_table_keep(struct sr_region *region, uint32_t slot)
{
	uint64_t *word = &region->slots[slot].word;

	sr_state_take_back(word, sr_load_acquire_u64(word));
}

int sr_table_drop(struct sr_region *region, uint32_t slot)
{
	int rc;

	leave(region, slot);
	rc = sr_table_move(region, slot, SR_GONE);
	return rc ? rc : sr_table_free_gone(region, slot);
}

int sr_table_free_gone(struct sr_region *region, uint32_t slot)
{
	int rc;

	if (sr_table_count(region, slot))
		return 0;
	rc = sr_table_move(region, slot, SR_FREE);
	if (rc)
		return rc;
	free_text(region, slot);
	push_free(region, slot);
	return 0;
}

uint64_t sr_table_count(const struct sr_region *region, uint32_t slot)
{
	uint32_t page = slot / SR_COUNTS_PER_PAGE, top = sr_region_lane_top(region);
	uint64_t count = 0;

	for (uint32_t i = 0; i < top; i++) {
		struct sr_lane *lane = sr_region_lane(region, i);

		if (sr_lane_counts_are_held(lane) && sr_lane_has_counts(lane) &&
		    sr_load_seqcst_u64(&sr_region_row(region, i)->pages[page / 64]) >> page % 64 & 1)
			count += sr_load_seqcst_u32(&sr_row_counts(sr_region_row(region, i))[slot]);
	}
	return count;
}

/* ---------------------------------------------------------------- repair */

int sr_table_repair(struct sr_region *region)
{
	struct sr_header *header = region->header;
	uint32_t top = sr_region_slot_top(region);
	int rc = 0;

	if (header->path_top > region->geometry.path_units || header->index_bits > region->geometry.index_max_bits ||
	    header->index_bits < SR_INDEX_MIN_BITS)
		return sr_region_damaged("header");
	header->slot_top = top;
	header->slot_free = SR_NONE;
	header->slots_used = top; /* push_free subtracts the free slots again */
	header->queue_length = 0;
	header->building = header->live = header->pending = header->deleting = header->failed = header->missing = 0;
	header->retired_trees = 0;
	sr_paths_clear(region);
	for (uint32_t slot = top; slot-- > 0 && !rc;) {
		const struct sr_text text = sr_paths_of(region, slot);
		enum sr_state state;

		sr_table_keep(region, slot);
		state = state_of(region, slot);
		if (state == SR_FREE) {
			push_free(region, slot);
			continue;
		}
		sr_paths_mark(region, &text, true);
		account(region, slot, state, 1);
		if (sr_state_is_queued(state))
			rc = enqueue(region, slot);
	}
	return rc ? rc : rebuild_index(region);
}
