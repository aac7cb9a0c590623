/*
 * evict_walk.c - a handle takes a snapshot and walks it while an operator evicts it. What it holds may go, and another
 * segment may get the slot. Even so, what a walk finds is of one segment. The fence of look_at decides in this
 * scenario alone: a walk of a held snapshot finds nothing in a slot that changes hands.
 */
#include "world.h"

static void reset(void)
{
	world_reset(SR_LIVE);
}

static void reader(void)
{
	struct segreg_snapshot snapshot;
	struct segreg_entry entry = { .cursor = 0 };

	if (sr_snapshot_take(&world.owner, SEGREG_SNAPSHOT, &snapshot))
		return;
	if (sr_snapshot_next(&world.owner, &snapshot, &entry) == 1)
		world_compare(&entry);
}

static void evictor(void)
{
	uint64_t holds;

	sr_lane_evict(&world.owner, 0, 1, &holds);
	world_retire();
	world_sweep();
	world_reuse();
}

const struct m_scenario scenario = {
	.name = "evict_walk", .reset = reset, .n_threads = 2, .thread = { reader, evictor }
};
