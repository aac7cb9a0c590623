/*
 * sr_table.h - the segments in the region: slots, the index from id to slot, and the sweeper's queue.
 *
 * The index is a hash table with linear probing, at most half full. An entry is one 32-bit word. Writers hold the table
 * lock, readers hold nothing. A reader never finds a wrong slot, because it compares the id. But it may miss an entry,
 * if a deletion is just moving entries or a larger level has just replaced this one. So a miss counts only under the
 * commit or the table lock. Therefore no order between entries matters, and each store is complete by itself.
 *
 * A crash inside a change leaves the dirty word set. Then sr_table_repair derives index, queue, free list and path map
 * from the slots alone. It writes each word of the index once, with its final value.
 *
 * sr_table_find, sr_table_level and sr_table_flags need no lock. Functions that only read, and sr_table_repair, need
 * the table lock. All others need the commit lock as well, and lie between two calls of sr_change.h.
 */
#ifndef SR_TABLE_H
#define SR_TABLE_H

#include "shm/sr_region.h"
#include "shm/sr_record.h"

/*
 * The first bits of the hash are the place of an id in the index. Bits 24 to 31 are its tag.
 *
 * Fibonacci hashing (Knuth, TAOCP 6.4) spreads consecutive ids evenly, better than chance. Alone it puts ids in steps
 * of 1853 or 65536 into chains of hundreds. Such a step moves the place by less than one entry. So each block of 512
 * ids begins at a place of its own, which the two halves of a product mix. Within a block no step is long enough to
 * make a chain.
 *
 * The two constants are public. A program whose ids a stranger chooses must mix a secret into them first. Otherwise the
 * stranger can choose ids that all share one place, and each pin of such an id walks over all of them.
 */
static inline uint64_t sr_index_hash(uint64_t id)
{
	__extension__ typedef unsigned __int128 u128;
	u128 block = (u128)(id >> 9) * 0xe680b683ce60fab1ull;

	return (id + ((uint64_t)block ^ (uint64_t)(block >> 64))) * 0x9e3779b97f4a7c15ull;
}

/* The tag of a hash, in the bits where an entry has its tag. */
static inline uint32_t sr_index_tag(uint64_t hash)
{
	return (uint32_t)hash & ~((1u << SR_INDEX_SLOT_BITS) - 1);
}

/*
 * The slot that an entry names for a hash. It is beyond all slots if the entry is empty or has another tag. The result
 * then has a bit of a tag, or ones in all 24 bits of the slot. SEGREG_MAX_SEGMENTS is at most 2^24 - 2 (sr_layout.h).
 */
static inline uint32_t sr_index_slot(uint32_t entry, uint64_t hash)
{
	return (entry ^ sr_index_tag(hash)) - 1;
}

/* The level of the index that is searched now; an empty level if the header is damaged. */
static inline const struct sr_level *sr_table_level(const struct sr_region *region)
{
	uint32_t n = sr_load_acquire_u32(&region->header->index_bits) - SR_INDEX_MIN_BITS;

	return &region->level[n < region->levels ? n : SR_INDEX_LEVELS];
}

/* The slot of id, or SR_NONE. SR_NONE may be wrong if the caller holds neither the commit nor the table lock. */
uint32_t sr_table_find(const struct sr_region *region, uint64_t id);

/* Make an empty table with the first level of the index. [build] */
int sr_table_init(struct sr_region *region);

/* Get all that n more segments need, except room for their paths. SEGREG_E_FULL, SEGREG_E_NOMEM. */
int sr_table_prepare(struct sr_region *region, uint32_t n);

/* The value of sr_detail.flags for a record. */
uint8_t sr_table_flags(const struct sr_record *record);

/* Take a free slot for record and fill it, except its index entry and its state. *slot gets its number. */
int sr_table_take(struct sr_region *region, const struct sr_record *record, uint32_t *slot);
/* Give back a slot that was taken and not published. */
void sr_table_untake(struct sr_region *region, uint32_t slot);
/* Publish a slot that was taken. Cannot fail after sr_table_prepare. */
void sr_table_publish(struct sr_region *region, uint32_t slot, enum sr_state state);

/*
 * Fill the table of a new region, after sr_table_prepare for all segments. sr_table_load puts a segment into the next
 * slot. sr_table_load_index makes the index, after the last segment. [build]
 */
int sr_table_load(struct sr_region *region, const struct sr_record *record);
void sr_table_load_index(struct sr_region *region);

/*
 * Copy the queue: the slots of all segments that a sweep must examine. The caller frees *slots. SEGREG_E_NOMEM. [table]
 */
int sr_table_copy_queue(const struct sr_region *region, uint32_t **slots, uint32_t *n);

/*
 * Move a slot to another state, and update queue and counters. SEGREG_E_CORRUPT if sr_state.h does not allow the move.
 */
int sr_table_move(struct sr_region *region, uint32_t slot, enum sr_state to);
/*
 * End a decision: DECIDING becomes DELETING or GONE, REMOVING becomes GONE. A GONE slot leaves the index. It becomes
 * FREE as soon as no lane counts it. *done is false if a pin or a walk took the decision back, so that the slot is
 * PENDING or LIVE.
 */
int sr_table_decide(struct sr_region *region, uint32_t slot, enum sr_state to, bool *done);
/* Take a decision back, if no pin or walk has. */
void sr_table_keep(struct sr_region *region, uint32_t slot);
/* Unregister a slot: it leaves the index, and becomes FREE, or GONE while a lane counts it. */
int sr_table_drop(struct sr_region *region, uint32_t slot);
/* Make a GONE slot FREE, if no lane counts it any more. */
int sr_table_free_gone(struct sr_region *region, uint32_t slot);

/* The number of pins on slot, in all lanes together. */
uint64_t sr_table_count(const struct sr_region *region, uint32_t slot);

/* Derive all other tables from the slots. First take back each decision that is under way. */
int sr_table_repair(struct sr_region *region);

#endif
