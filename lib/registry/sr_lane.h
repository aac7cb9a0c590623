/*
 * sr_lane.h - a handle's row of counts: getting one, giving memory to it, giving it back, and taking it from the dead.
 *
 * A lane is taken by its byte of registry.lock: without the table lock, so that any number of processes can come at once. The byte is
 * taken before the lane is published as used and is held as long as the process lives, so whoever gets the byte of a used lane
 * knows that its owner is gone. The rest of a lane's life is under the table lock.
 */
#ifndef SR_LANE_H
#define SR_LANE_H

#include "registry/sr_registry.h"

/* Take a free lane. SEGREG_E_FULL if there is none, even after reclaiming. */
int sr_lane_attach(struct segreg *reg);
/* Give it back; *pins (may be NULL) gets the number of pins that were left. */
int sr_lane_detach(struct segreg *reg, uint64_t *pins);

/* Give memory to the page of counts that slot's is on. */
int sr_lane_add_page(struct segreg *reg, uint32_t slot);

/* Give memory to more snapshot cells than the lane had. */
int sr_lane_add_cells(struct segreg *reg, uint32_t had);

static inline bool sr_row_has_page(const struct sr_row *row, uint32_t slot)
{
	uint32_t page = slot / SR_COUNTS_PER_PAGE;

	return sr_load_acquire_u64(&row->pages[page / 64]) >> page % 64 & 1;
}

/* SEGREG_E_EVICTED. */
int sr_lane_fail_evicted(const struct segreg *reg) __attribute__((cold));

/* Take away what a handle holds, and let it have no more. *holds: how many pins and snapshots that were. SEGREG_E_NOENT. */
int sr_lane_evict(struct segreg *reg, uint32_t lane, uint32_t epoch, uint64_t *holds);

/* Take all pins and memory away and mark the lane free. Returns the number of pins. [table] */
uint64_t sr_lane_empty(const struct sr_region *region, uint32_t lane);

/* What its lane says of a handle that is taken away. [table] */
struct sr_note sr_lane_note(const struct sr_region *region, uint32_t lane, enum segreg_log_kind kind);

/* All pins of a lane. [table] */
uint64_t sr_lane_pins(const struct sr_region *region, uint32_t lane);

#endif
