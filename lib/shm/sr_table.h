/*
 * sr_table.h - the segments in the region: slots, the index from id to slot, and the sweeper's queue.
 *
 * The index is a hash table with linear probing, at most half full, in which an entry is one 32-bit word. Writers
 * hold the table lock; readers hold nothing. A reader may see a deletion's entries move and miss one that is there,
 * or search a level that was just replaced: it never finds a wrong slot, since it compares the id, and a miss is
 * only ever believed under the table lock. So no order between entries matters, and every store is final by itself.
 *
 * A crash inside a change leaves the dirty word set; sr_table_repair then derives index, queue, free list and path
 * map from the slots alone, writing each word once with its final value.
 *
 * All functions but sr_table_find need the table lock; those that grow the table also the commit lock.
 */
#ifndef SR_TABLE_H
#define SR_TABLE_H

#include "shm/sr_region.h"
#include "shm/sr_record.h"

/*
 * An index takes the first bits of the hash as the place of an id, and bits 24 to 31 as its tag.
 *
 * Fibonacci hashing (Knuth, TAOCP 6.4) spreads consecutive ids evenly, better than chance. Alone it puts ids in steps of 1853 or 65536 into
 * chains of hundreds, since such a step moves the place by less than one entry. So each block of 512 ids begins at a place of its own,
 * which the two halves of a product mix. Within a block no step is long enough to make a chain.
 *
 * The two constants are public. A program whose ids a stranger chooses mixes a secret into them first: such a stranger can find ids
 * that all share one place, and each pin of those then walks over all of them.
 */
static inline uint64_t sr_index_hash(uint64_t id)
{
	__extension__ typedef unsigned __int128 u128;
	u128 block = (u128)(id >> 9) * 0xe680b683ce60fab1ull;

	return (id + ((uint64_t)block ^ (uint64_t)(block >> 64))) * 0x9e3779b97f4a7c15ull;
}

/* Where it stands in an entry. */
static inline uint32_t sr_index_tag(uint64_t hash)
{
	return (uint32_t)hash & ~((1u << SR_INDEX_SLOT_BITS) - 1);
}

/* The slot that an entry names for a hash: beyond all slots if the entry is empty, or its tag another one. */
static inline uint32_t sr_index_slot(uint32_t entry, uint64_t hash)
{
	return (entry ^ sr_index_tag(hash)) - 1;
}

/* The level of the index that is searched now; an empty one if the header is damaged. */
static inline const struct sr_level *sr_table_level(const struct sr_region *region)
{
	uint32_t n = sr_load_acquire_u32(&region->header->index_bits) - SR_INDEX_MIN_BITS;

	return &region->level[n < region->levels ? n : SR_INDEX_LEVELS];
}

/* The slot of id, or SR_NONE, which without the lock may be wrong. */
uint32_t sr_table_find(const struct sr_region *region, uint64_t id);

/* Make the first level and an empty table. [build] */
int sr_table_init(struct sr_region *region);

/* See that adding n segments will not fail but for their paths. SEGREG_E_FULL, SEGREG_E_NOMEM. */
int sr_table_prepare(struct sr_region *region, uint32_t n);

/* sr_detail.flags of what record says. */
uint8_t sr_table_flags(const struct sr_record *record);

/* Take a free slot for record, write all of it but the index entry and the state. *slot. */
int sr_table_take(struct sr_region *region, const struct sr_record *record, uint32_t *slot);
/* Give it back, unpublished. */
void sr_table_untake(struct sr_region *region, uint32_t slot);
/* Publish it: cannot fail after sr_table_prepare. */
void sr_table_publish(struct sr_region *region, uint32_t slot, enum sr_state state);

/* Filling the table of a new region, after sr_table_prepare for all: a segment into the next slot; at the end, the index. [build] */
int sr_table_load(struct sr_region *region, const struct sr_record *record);
void sr_table_load_index(struct sr_region *region);

/* A copy of the queue as it is now, to be freed: segments that a sweep must look at. SEGREG_E_NOMEM. [table] */
int sr_table_copy_queue(const struct sr_region *region, uint32_t **slots, uint32_t *n);

/* Move a slot to another state, with all that hangs on it (queue, counters). SEGREG_E_CORRUPT if the move is not allowed. */
int sr_table_move(struct sr_region *region, uint32_t slot, enum sr_state to);
/* End a decision (sr_state_decide): DECIDING becomes DELETING or GONE, REMOVING becomes GONE; a slot that is GONE leaves the index,
 * and is FREE once no lane counts it. *done: false if somebody took the decision back, so that the slot is PENDING or LIVE. */
int sr_table_decide(struct sr_region *region, uint32_t slot, enum sr_state to, bool *done);
/* Take a decision back, if nobody has. */
void sr_table_keep(struct sr_region *region, uint32_t slot);
/* Unregister a slot: out of the index; then FREE, or GONE if a lane still counts it. */
int sr_table_drop(struct sr_region *region, uint32_t slot);
/* A GONE slot that no lane counts any more becomes FREE. */
int sr_table_free_gone(struct sr_region *region, uint32_t slot);

/* Pins on slot, over all lanes. */
uint64_t sr_table_count(const struct sr_region *region, uint32_t slot);

/* Derive everything else from the slots. What was under decision is PENDING or LIVE again. */
int sr_table_repair(struct sr_region *region);

#endif
