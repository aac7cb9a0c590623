/*
 * reuse.c - a handle pins the segment that gets the slot of a removed one, at any moment of that. The index names the
 * slot from the start: a reader may see an entry before what it leads to.
 */
#include "world.h"

static void reset(void)
{
	uint64_t hash = sr_index_hash(NEXT_ID);
	const struct sr_level *level = &world.region.level[0];

	world_reset(SR_PENDING);
	((uint32_t *)(void *)world.region.index)[hash >> level->shift] = sr_index_tag(hash) | (world.slot + 1);
}

static void pinner(void)
{
	struct segreg_pin pin;

	if (!sr_pin(&world.owner, NEXT_ID, 0, &pin))
		world_use(&world.next_file);
}

static void sweeper(void)
{
	world_sweep();
	world_reuse();
}

const struct m_scenario scenario = { .name = "reuse", .reset = reset, .n_threads = 2, .thread = { pinner, sweeper } };
