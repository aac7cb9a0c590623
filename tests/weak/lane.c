/*
 * lane.c - see lane.h. The memory of a dead one's counts and cells stays as it was until the lane's next use.
 */
#include "lane.h"
#include "registry/sr_reclaim.h"

static struct segreg_pin left; /* by the dead one, where its heir finds it */

void lane_reset(bool dead)
{
	struct sr_row *row;

	world_watch_lane();
	world_reset(dead ? SR_PENDING : SR_LIVE);
	left = (struct segreg_pin){ 0 };
	if (!dead) {
		m_hold(LANE_LOCK, 0);
		return;
	}
	world.region.header->version = VERSION + 1;
	world.region.details[world.slot].retired = VERSION + 1;
	row = sr_region_row(&world.region, 0);
	left = (struct segreg_pin){ .id = ID, .owner = world.owner.lane_id, .slot = world.slot };
	left.generation = sr_word_generation(world.region.slots[world.slot].word);
	sr_row_counts(row)[world.slot] = 1;
	*sr_row_cells(row) = VERSION << SR_CELL_KIND_BITS | SEGREG_SNAPSHOT;
}

void lane_owner(void)
{
	struct segreg_snapshot snapshot;
	struct segreg_pin pin;

	if (sr_pin(&world.owner, ID, 0, &pin))
		return;
	left = pin;
	world_use(&world.file);
	sr_snapshot_take(&world.owner, SEGREG_SNAPSHOT, &snapshot);
}

void lane_heir(void)
{
	struct segreg *reg = &world.newcomer;
	struct segreg_pin pin;

	if (sr_lane_attach(reg) || sr_pin(reg, ID, 0, &pin))
		return;
	m_check(sr_unpin(reg, &left) != 0, "a pin of the dead one's counts as its heir's");
	world_use(&world.file);
	m_check(!sr_unpin(reg, &pin), "the heir's pin was taken away");
}

static void check_dead(void *arg, const struct sr_reclaimed *dead)
{
	(void)arg;
	m_check(dead->pins == 1 || (!dead->pins && !left.id), "the dead one's pins are miscounted");
}

static void reclaim(void)
{
	uint64_t lanes = 0, pins = 0;

	sr_reclaim(&world.sweeper, check_dead, NULL, &lanes, &pins);
}

void lane_reclaimer(void)
{
	reclaim();
}

void lane_sweeper(void)
{
	reclaim();
	if (world.region.header->version == VERSION)
		world_retire();
	world_sweep();
}

void lane_end(void)
{
	reclaim();
	m_check(world.region.header->reclaimed == 1, "a dead one is not reclaimed, or a living one is");
	m_check(!world.file || world_sweep(), "what a dead one held is held for ever");
}
