/*
 * newcomer.c - the first process ever attaches, gets memory for counts and pins, while a sweeper decides: it may miss
 * the lane itself.
 */
#include "world.h"

static void reset(void)
{
	struct sr_lane *lane;

	world_watch_lane();
	world_watch_top();
	world_reset(SR_PENDING);
	lane = sr_region_lane(&world.region, 0);
	lane->state = SR_LANE_FREE;
	lane->epoch = lane->cells = lane->has_counts = 0;
	sr_region_row(&world.region, 0)->pages[0] = 0;
	world.region.header->lane_top = 0;
}

static void newcomer(void)
{
	struct segreg_pin pin;

	if (!sr_lane_attach(&world.newcomer) && !sr_pin(&world.newcomer, ID, 0, &pin))
		world_use(&world.file);
}

static void sweeper(void)
{
	world_sweep();
}

const struct m_scenario scenario = {
	.name = "newcomer", .reset = reset, .n_threads = 2, .thread = { newcomer, sweeper }
};
