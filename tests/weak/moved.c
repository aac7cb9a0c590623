/*
 * moved.c - a handle takes a snapshot while versions go on. The version that it finds at last has a segment that was
 * born after the version that it found first. This segment is retired and swept at once.
 */
#include "world.h"

static void reset(void)
{
	world_reset(SR_BUILDING);
}

static void reader(void)
{
	struct segreg_snapshot snapshot;
	struct segreg_entry entry = { .cursor = 0 };
	int found;

	if (sr_snapshot_take(&world.owner, SEGREG_SNAPSHOT, &snapshot))
		return;
	found = sr_snapshot_next(&world.owner, &snapshot, &entry);
	m_check(found == (snapshot.version == VERSION + 1),
		"a walk does not find what its version has, or finds what it has not");
	if (found == 1)
		world_use(&world.file);
}

static void writer(void)
{
	world_publish();
	world_retire();
	world_sweep();
}

const struct m_scenario scenario = { .name = "moved", .reset = reset, .n_threads = 2, .thread = { reader, writer } };
