/*
 * received.c - a handle makes a snapshot its own that another of its threads holds, and releases meanwhile; then its
 * segment is retired and swept.
 */
#include "world.h"

static struct segreg_snapshot theirs, given;

static void reset(void)
{
	struct sr_lane *lane;
	uint64_t *cells;

	world_reset(SR_LIVE);
	lane = sr_region_lane(&world.region, 0);
	lane->cells = 2;
	cells = sr_row_cells(sr_region_row(&world.region, 0));
	cells[1] = 1; /* so that the first one is taken, and looked at first from then on, in each run */
	sr_snapshot_take(&world.owner, SEGREG_SNAPSHOT, &theirs);
	cells[1] = 0;
	given = theirs;
}

static void receiver(void)
{
	struct segreg_snapshot ours;

	if (sr_snapshot_receive(&world.owner, &given, &ours))
		return;
	world_use(&world.file);
	sr_snapshot_release(&world.owner, &ours);
}

static void holder(void)
{
	sr_snapshot_release(&world.owner, &theirs);
	world_retire();
	world_sweep();
}

const struct m_scenario scenario = {
	.name = "received", .reset = reset, .n_threads = 2, .thread = { receiver, holder }
};
