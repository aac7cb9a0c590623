/*
 * reclaim.c - a newcomer takes the lane of a dead process, which had a pin and a snapshot, and pins, while another
 * reclaims.
 */
#include "lane.h"

static void reset(void)
{
	lane_reset(true);
}

const struct m_scenario scenario = {
	.name = "reclaim",
	.reset = reset,
	.n_threads = 2,
	.thread = { lane_heir, lane_reclaimer },
	.end = lane_end,
};
