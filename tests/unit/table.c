/*
 * table.c - sr_table: slots, paths and queue against a plain model; and their repair after scribbling.
 */
#include "harness.h"
#include "shm/sr_paths.h"
#include "shm/sr_table.h"
#include "table.h"

/* ---------------------------------------------------------------- how far a search goes */

static void full(void)
{
	struct table t = make_table(1500);

	while (t.n < t.max)
		add(&t, any_id(&t), 8);
	check_table(&t);
	T_ERR(SEGREG_E_FULL, sr_table_prepare(&t.region, 1));
	drop(&t, 700);
	T_ERR(SEGREG_E_FULL, sr_table_prepare(&t.region, 2));
	add(&t, any_id(&t), 8);
	check_table(&t);
	drop_table(&t);
}

/* ---------------------------------------------------------------- slots that are counted */

static uint32_t *count_in_lane(struct table *t, uint32_t n, uint32_t slot)
{
	struct sr_lane *lane = sr_region_lane(&t->region, n);

	lane->state = SR_LANE_USED;
	lane->has_counts = 1;
	sr_region_row(&t->region, n)->pages[0] |= 1;
	t->region.header->lane_top = LANES;
	return &sr_row_counts(sr_region_row(&t->region, n))[slot];
}

static void counted(void)
{
	struct table t = make_table(10);
	uint32_t slot, generation, *count;
	struct segment gone;

	add(&t, 1, 20);
	add(&t, 2, 20);
	gone = t.segments[0];
	slot = gone.slot;
	count = count_in_lane(&t, 1, slot);
	*count = 3;
	*count_in_lane(&t, 0, slot) = 2;
	T_EQ(sr_table_count(&t.region, slot), 5);
	*count_in_lane(&t, 0, slot) = 0;
	generation = sr_word_generation(t.region.slots[slot].word);
	drop(&t, 0);
	T_EQ(sr_table_find(&t.region, 1), SR_NONE);
	T_EQ(sr_word_state(t.region.slots[slot].word), SR_GONE);
	T_EQ(sr_word_generation(t.region.slots[slot].word), generation);
	for (uint64_t id = 3; id < 10; id++) {
		add(&t, id, 20);
		T_CHECK(t.segments[t.n - 1].slot != slot);
	}
	add(&t, 1, 20); /* id 1 again, in another slot */
	T_CHECK(t.segments[t.n - 1].slot != slot);
	T_ERR(SEGREG_E_FULL, sr_table_prepare(&t.region, 1));
	T_OK(sr_table_free_gone(&t.region, slot));
	T_EQ(sr_word_state(t.region.slots[slot].word), SR_GONE); /* still counted */
	*count = 0;
	T_OK(sr_table_free_gone(&t.region, slot));
	T_EQ(sr_word_state(t.region.slots[slot].word), SR_FREE);
	T_EQ(sr_word_generation(t.region.slots[slot].word), generation + 1);
	check_table(&t);
	add(&t, 11, 20);
	T_EQ(t.segments[t.n - 1].slot, slot);
	check_table(&t);
	drop_table(&t);
}

static void untaken(void)
{
	struct table t = make_table(3);
	struct segment s = { .id = 7 };
	struct sr_record record;
	uint32_t slot;

	make_path(&s, 500);
	record = record_of(&s);
	for (int i = 0; i < 10; i++) { /* more often than there are slots and room for paths */
		T_OK(sr_table_prepare(&t.region, 1));
		T_OK(sr_table_take(&t.region, &record, &slot));
		T_EQ(sr_table_find(&t.region, 7), SR_NONE); /* not to be seen before it is published */
		sr_table_untake(&t.region, slot);
	}
	check_table(&t);
	drop_table(&t);
}

static void refused_moves(void)
{
	struct table t = make_table(3);

	add(&t, 1, 20);
	T_ERR(SEGREG_E_CORRUPT, sr_table_move(&t.region, t.segments[0].slot, SR_DELETING));
	T_ERR(SEGREG_E_CORRUPT, sr_table_move(&t.region, t.segments[0].slot, SR_LIVE));
	check_table(&t);
	drop_table(&t);
}

/* ---------------------------------------------------------------- paths */

static void longest_paths(void)
{
	struct table t = make_table(50);

	for (uint64_t id = 1; id <= 50; id++)
		add(&t, id, SEGREG_PATH_MAX);
	check_table(&t);
	drop_table(&t);
}

/* However its paths were cut up before: a full table with one slot free takes any path. */
static void paths_of_all_lengths(void)
{
	struct table t = make_table(60);
	uint64_t id = 0;

	while (t.n < t.max)
		add(&t, ++id, 1 + below(&t, SEGREG_PATH_MAX));
	for (int round = 0; round < 5000; round++) {
		uint32_t length = below(&t, 3) ? 1 + below(&t, SEGREG_PATH_MAX) : below(&t, 2) ? 5 : SEGREG_PATH_MAX;

		drop(&t, below(&t, t.n));
		add(&t, ++id, length);
		if (round % 100 == 0)
			check_table(&t);
	}
	check_table(&t);
	T_CHECK(t.region.header->path_top <= t.region.geometry.path_units);
	drop_table(&t);
}

/* ---------------------------------------------------------------- repair */

static void scribble(struct table *t, void *at, size_t size)
{
	unsigned char *bytes = at;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)below(t, 256);
}

/* All that can be derived is lost; slots and details are not. */
static void lose_everything(struct table *t)
{
	struct sr_header *header = t->region.header;
	size_t index_size = sizeof(uint32_t) << header->index_bits;

	scribble(t, t->region.index + sr_index_level(header->index_bits), index_size);
	scribble(t, t->region.queue, header->slot_top * sizeof(uint32_t));
	scribble(t, t->region.path_map, header->path_top / SR_PATH_UNITS_MAX * sizeof(*t->region.path_map));
	scribble(t, &header->slot_free, sizeof(header->slot_free));
	scribble(t, &header->slots_used, sizeof(header->slots_used));
	scribble(t, &header->queue_length, sizeof(header->queue_length));
	scribble(t, &header->live, sizeof(header->live));
	scribble(t, &header->pending, sizeof(header->pending));
	scribble(t, &header->deleting, sizeof(header->deleting));
	scribble(t, &header->building, sizeof(header->building));
	scribble(t, &header->failed, sizeof(header->failed));
	scribble(t, &header->missing, sizeof(header->missing));
	for (uint32_t slot = 0; slot < header->slot_top; slot++)
		scribble(t, &t->region.details[slot].queue_pos, sizeof(uint32_t));
}

static void repair(void)
{
	struct table t = make_table(1000);

	for (int round = 0; round < 10; round++) {
		churn(&t, 1500);
		lose_everything(&t);
		T_OK(sr_table_repair(&t.region));
		check_table(&t);
		check_absent(&t);
	}
	while (t.n)
		drop(&t, 0);
	while (t.n < t.max)
		add(&t, any_id(&t), 1 + below(&t, SEGREG_PATH_MAX));
	check_table(&t);
	drop_table(&t);
}

/* A process took slots for an edit and died before publishing them. */
static void repair_of_taken_slots(void)
{
	struct table t = make_table(20);
	struct segment s = { .id = 77 };
	struct sr_record record;
	uint32_t slot;

	make_path(&s, 300);
	record = record_of(&s);
	for (uint64_t id = 1; id <= 10; id++)
		add(&t, id, 100);
	for (int i = 0; i < 10; i++)
		T_OK(sr_table_prepare(&t.region, 1) || sr_table_take(&t.region, &record, &slot));
	T_ERR(SEGREG_E_FULL, sr_table_prepare(&t.region, 1));
	T_OK(sr_table_repair(&t.region));
	check_table(&t);
	for (uint64_t id = 11; id <= 20; id++)
		add(&t, id, SEGREG_PATH_MAX);
	check_table(&t);
	drop_table(&t);
}

/* A repair must not be led out of the mapping by what it finds. */
static void repair_of_a_damaged_header(void)
{
	struct table t = make_table(20);
	struct sr_header *header = t.region.header;

	add(&t, 1, 20);
	header->slot_top = UINT32_MAX;
	T_CHECK(sr_region_slot_top(&t.region) == 20);
	header->slot_top = 1;
	header->path_top = UINT32_MAX - 31;
	T_ERR(SEGREG_E_CORRUPT, sr_table_repair(&t.region));
	header->path_top = SR_PATH_UNITS_MAX;
	header->index_bits = 31;
	T_EQ(sr_table_find(&t.region, 1), SR_NONE);
	T_ERR(SEGREG_E_CORRUPT, sr_table_repair(&t.region));
	header->index_bits = 0;
	T_EQ(sr_table_find(&t.region, 1), SR_NONE);
	header->index_bits = SR_INDEX_MIN_BITS;
	T_OK(sr_table_repair(&t.region));
	check_table(&t);
	t.region.details[t.segments[0].slot].path = UINT32_MAX;
	char path[SEGREG_PATH_MAX + 1];
	T_CHECK(!sr_paths_get(&t.region, t.segments[0].slot, path));
	drop_table(&t);
}

T_SUITE(table, { "the limit is met exactly", full },
	{ "a slot that a lane counts serves nobody else until it does not", counted },
	{ "a slot that was taken and given back was never seen", untaken },
	{ "a move that is not allowed changes nothing", refused_moves },
	{ "as many longest paths as segments fit", longest_paths },
	{ "paths of all lengths, however many came and went", paths_of_all_lengths },
	{ "a repair restores all from slots and details", repair },
	{ "a repair frees slots that were taken and never published", repair_of_taken_slots },
	{ "a damaged header leads nowhere", repair_of_a_damaged_header });
