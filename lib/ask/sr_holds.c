/*
 * sr_holds.c - walks over all that holds segments, one hold after the other.
 *
 * A walk reads the cells of each lane and the pages of counts that have memory. So its time grows with what is held,
 * and not with segments times lanes. It holds the table lock for one batch at a time. If a lane is
 * freed and taken again between two batches, the second shows holds of its new owner, which has another epoch.
 */
#include "ask/sr_holds.h"
#include "registry/sr_enter.h"
#include "registry/sr_lane.h"
#include "shm/sr_cells.h"
#include "sys/sr_error.h"

#include <stdlib.h>

#define HOLDS_BATCH 1024u /* holds that one hold of the table lock reads at most */
#define READS_BATCH 256u  /* lanes and pages of counts that it looks at, at most */

/* Where the walk continues. A lane's cells come before its counts. */
struct place {
	uint32_t lane, cell;
	uint32_t page; /* of counts */
	uint32_t at;   /* count in that page */
};

struct batch {
	struct segreg_hold holds[HOLDS_BATCH];
	uint32_t n, reads;
};

static struct segreg_hold *add(const struct segreg *reg, struct batch *batch, uint32_t lane, enum segreg_hold_kind kind)
{
	struct segreg_hold *hold = &batch->holds[batch->n++];

	*hold = (struct segreg_hold){
		.lane = lane,
		.epoch = sr_load_acquire_u32(&sr_region_lane(&reg->region, lane)->epoch),
		.kind = kind,
	};
	return hold;
}

/* Returns false if the batch is full before the lane's cells end. [table] */
static bool read_cells(const struct segreg *reg, struct place *place, struct batch *batch)
{
	const uint64_t *cells = sr_row_cells(sr_region_row(&reg->region, place->lane));
	uint32_t n = sr_lane_n_cells(sr_region_lane(&reg->region, place->lane));

	for (; place->cell < n; place->cell++) {
		uint64_t cell = sr_load_acquire_u64(&cells[place->cell]);
		struct segreg_hold *hold;
		bool is_horizon;

		if (!cell)
			continue;
		if (batch->n == HOLDS_BATCH)
			return false;
		is_horizon = sr_cell_kind(cell) == SEGREG_HORIZON;
		hold = add(reg, batch, place->lane, is_horizon ? SEGREG_HOLD_HORIZON : SEGREG_HOLD_SNAPSHOT);
		hold->version = sr_cell_version(cell);
	}
	return true;
}

/* Returns false if the batch is full before the page ends. [table] */
static bool read_page(const struct segreg *reg, struct place *place, struct batch *batch)
{
	const struct sr_region *region = &reg->region;
	const uint32_t *counts = sr_row_counts(sr_region_row(region, place->lane));
	uint32_t first = place->page * SR_COUNTS_PER_PAGE, top = sr_region_slot_top(region);

	for (; place->at < SR_COUNTS_PER_PAGE && first + place->at < top; place->at++) {
		uint32_t slot = first + place->at, count = sr_load_acquire_u32(&counts[slot]);
		struct segreg_hold *hold;

		if ((int32_t)count <= 0 || sr_word_state(sr_load_acquire_u64(&region->slots[slot].word)) != SR_PENDING)
			continue;
		if (batch->n == HOLDS_BATCH)
			return false;
		hold = add(reg, batch, place->lane, SEGREG_HOLD_PINS);
		hold->id = region->slots[slot].id;
		hold->pins = count;
	}
	place->at = 0;
	return true;
}

/* Returns false if the batch is full before the lane's counts end. [table] */
static bool read_counts(const struct segreg *reg, struct place *place, struct batch *batch)
{
	while ((place->page = sr_lane_next_page(&reg->region, place->lane, place->page)) != SR_NONE) {
		if (batch->reads++ >= READS_BATCH || !read_page(reg, place, batch))
			return false;
		place->page++;
	}
	return true;
}

/* Read the next holds. Returns false if no lane is left. [table] */
static bool read_batch(const struct segreg *reg, struct place *place, struct batch *batch)
{
	uint32_t top = sr_region_lane_top(&reg->region);

	for (; place->lane < top; *place = (struct place){ .lane = place->lane + 1 }) {
		if (batch->reads++ >= READS_BATCH)
			return true;
		if (!sr_lane_counts_are_held(sr_region_lane(&reg->region, place->lane)))
			continue;
		if (!read_cells(reg, place, batch) || !read_counts(reg, place, batch))
			return true;
	}
	return false;
}

int sr_holds_each(struct segreg *reg, segreg_hold_fn *fn, void *arg)
{
	struct batch *batch = sr_sys_malloc(sizeof(*batch));
	struct place place = { .lane = 0 };
	bool more = true;
	int rc = batch ? 0 : sr_fail(SEGREG_E_NOMEM, "no memory to list what holds segments");

	while (more && !rc) {
		rc = sr_table_lock_take(reg);
		if (rc)
			break;
		batch->n = batch->reads = 0;
		more = read_batch(reg, &place, batch);
		sr_table_lock_give(reg);
		for (uint32_t i = 0; i < batch->n && !rc; i++)
			rc = fn(arg, &batch->holds[i]);
	}
	free(batch);
	return rc;
}
