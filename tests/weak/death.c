/*
 * death.c - a process dies anywhere in a pin, a use or a snapshot, while another reclaims, retires what it held, and
 * sweeps.
 */
#include "lane.h"

static void reset(void)
{
	lane_reset(false);
}

const struct m_scenario scenario = {
	.name = "death",
	.reset = reset,
	.n_threads = 2,
	.thread = { lane_owner, lane_sweeper },
	.mortal = 1,
	.end = lane_end,
};
