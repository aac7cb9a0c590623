/*
 * pin.c - a handle pins, uses and unpins what a sweep decides, removes, and whose slot another segment gets meanwhile.
 */
#include "world.h"

static void reset(void)
{
	world_reset(SR_PENDING);
}

static void pinner(void)
{
	struct segreg_pin pin;

	if (sr_pin(&world.owner, ID, 0, &pin))
		return;
	world_use(&world.file);
	sr_unpin(&world.owner, &pin);
}

static void sweeper(void)
{
	if (!world_sweep())
		world_sweep();
	world_reuse();
}

const struct m_scenario scenario = { .name = "pin", .reset = reset, .n_threads = 2, .thread = { pinner, sweeper } };
