/*
 * pin.c - a handle pins, uses and unpins what a sweep decides, removes, and whose slot another segment gets meanwhile.
 */
#include "world.h"

static void reset(void)
{
	world_reset(SR_PENDING);
}

static void sweeper(void)
{
	if (!world_sweep())
		world_sweep();
	world_reuse();
}

const struct m_scenario scenario = { .name = "pin", .reset = reset, .n_threads = 2, .thread = { world_pin, sweeper } };
