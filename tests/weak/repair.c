/*
 * repair.c - a handle pins, uses and unpins what a sweep was deciding when it died: a repair makes it pending again.
 * The next sweep dies when it has removed the file, and a repair frees the slot, which is used again.
 */
#include "world.h"

static void reset(void)
{
	world_reset(SR_PENDING);
}

static void repairer(void)
{
	m_lock(M_TABLE);
	sr_table_move(&world.region, world.slot, SR_DECIDING);
	m_unlock(M_TABLE);
	world_settle(SR_PENDING);
	if (world_decide())
		world_settle(SR_GONE);
	world_reuse();
}

const struct m_scenario scenario = {
	.name = "repair", .reset = reset, .n_threads = 2, .thread = { world_pin, repairer }
};
