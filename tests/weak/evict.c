/*
 * evict.c - an operator evicts a handle that is getting memory for its counts, and a sweep follows. The eviction
 * spoils the counts that the handle can still pin with.
 */
#include "world.h"

static bool ready;

static void reset(void)
{
	world_reset(SR_PENDING);
	world.owner.row->pages[0] = 0;
	world.owner.lane_head->has_counts = 0;
	world.owner.n_counts_mapped = 0;
	ready = false;
}

static void owner(void)
{
	ready = !sr_lane_add_page(&world.owner, world.slot);
}

static void evictor(void)
{
	uint64_t holds;

	sr_lane_evict(&world.owner, 0, 1, &holds);
}

static void end(void)
{
	struct sr_lane *lane = sr_region_lane(&world.region, 0);

	m_check(lane->state == SR_LANE_EVICTED, "the handle is not evicted");
	m_check(!ready || (int32_t)sr_row_counts(sr_region_row(&world.region, 0))[world.slot] < 0,
		"an evicted handle can pin");
}

const struct m_scenario scenario = {
	.name = "evict", .reset = reset, .n_threads = 2, .thread = { owner, evictor }, .end = end
};
