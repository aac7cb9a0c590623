/*
 * sr_lane.h - a handle's row of counts: getting one, giving memory to it, giving it back, and taking away what it
 * holds.
 *
 * A handle takes a lane by its byte of registry.lock, without the table lock, so that any number of processes can come
 * at once. It takes the byte before it publishes the lane as used, and holds the byte as long as its process lives. So
 * a process that gets the byte of a used lane knows that the owner is gone. The rest of a lane's life is under the
 * table lock.
 */
#ifndef SR_LANE_H
#define SR_LANE_H

#include "registry/sr_registry.h"

/* Take a free lane. Fails with SEGREG_E_FULL if there is none, even after reclaiming. */
int sr_lane_attach(struct segreg *reg);
/* Give the lane back. *pins becomes the number of pins that were left. *held: there were pins or snapshots, or an
 * eviction has taken them. On failure both stay as they were. */
int sr_lane_detach(struct segreg *reg, uint64_t *pins, bool *held);

/* Give memory to the page of counts that has the slot's count. */
int sr_lane_add_page(struct segreg *reg, uint32_t slot);

/* Give memory to more snapshot cells than the lane had. */
int sr_lane_add_cells(struct segreg *reg, uint32_t had);

static inline bool sr_row_has_page(const struct sr_row *row, uint32_t slot)
{
	uint32_t page = slot / SR_COUNTS_PER_PAGE;

	return sr_load_acquire_u64(&row->pages[page / 64]) >> page % 64 & 1;
}

/* Returns SEGREG_E_EVICTED, with its text. */
int sr_lane_fail_evicted(const struct segreg *reg) __attribute__((cold));

/* Take away what a handle holds, and let it have no more. *holds becomes the number of pins and snapshots that it
 * held. Fails with SEGREG_E_NOENT if it is not attached. */
int sr_lane_evict(struct segreg *reg, uint32_t lane, uint32_t epoch, uint64_t *holds);

/* Take all pins and memory away and mark the lane free. Returns the number of pins. [table] */
uint64_t sr_lane_empty(const struct sr_region *region, uint32_t lane);

/* Describe a handle that is taken away, from its lane. [table] */
struct sr_note sr_lane_note(const struct sr_region *region, uint32_t lane, enum segreg_log_kind kind);

/* Returns the lane's next page of counts, at or after page, that has memory; SR_NONE if there is none. [table] */
uint32_t sr_lane_next_page(const struct sr_region *region, uint32_t lane, uint32_t page);

/* Returns the number of pins of a lane. [table] */
uint64_t sr_lane_pins(const struct sr_region *region, uint32_t lane);

#endif
