/*
 * snapshot.c - a handle takes a snapshot and walks it while a segment is retired and swept, and its slot used again.
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
	int found;

	if (sr_snapshot_take(&world.owner, SEGREG_SNAPSHOT, &snapshot))
		return;
	found = sr_snapshot_next(&world.owner, &snapshot, &entry);
	m_check(found == (snapshot.version == VERSION),
		"a walk does not find what its version has, or finds what it has not");
	if (found == 1) {
		world_compare(&entry);
		m_check(entry.id == ID, "a walk finds what its version has not");
		world_use(&world.file);
	}
	sr_snapshot_release(&world.owner, &snapshot);
}

static void writer(void)
{
	world_retire();
	world_sweep();
	world_reuse();
}

const struct m_scenario scenario = { .name = "snapshot", .reset = reset, .n_threads = 2, .thread = { reader, writer } };
