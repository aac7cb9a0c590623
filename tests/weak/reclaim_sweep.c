/*
 * reclaim_sweep.c - a newcomer takes the lane of a dead process, which had a pin and a snapshot, and pins, while a
 * sweeper reclaims and sweeps.
 */
#include "lane.h"

static void reset(void)
{
	lane_reset(true);
}

const struct m_scenario scenario = {
	.name = "reclaim_sweep",
	.reset = reset,
	.n_threads = 2,
	.thread = { lane_heir, lane_sweeper },
	.end = lane_end,
};
