/*
 * table_index.c - sr_table: the index finds every id, in few probes, whatever ids there are.
 */
#include "harness.h"
#include "shm/sr_paths.h"
#include "shm/sr_table.h"
#include "table.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---------------------------------------------------------------- index */

/* Ids whose searches begin at the same entry, and whose entries have the same tag. */
static uint64_t colliding_id(uint64_t *last, uint32_t bits)
{
	uint64_t home = sr_index_hash(1) >> (64 - bits);

	do
		++*last;
	while (sr_index_hash(*last) >> (64 - bits) != home ||
	       sr_index_tag(sr_index_hash(*last)) != sr_index_tag(sr_index_hash(1)));
	return *last;
}

static void random_ids(void)
{
	struct table t = make_table(5000);
	uint32_t bits = 0;

	T_EQ(t.region.header->index_bits, SR_INDEX_MIN_BITS);
	for (int i = 0; i < 12; i++) {
		churn(&t, 2000);
		check_table(&t);
		check_absent(&t);
		T_CHECK(t.region.header->index_bits >= bits);
		bits = t.region.header->index_bits;
	}
	T_CHECK(bits >= SR_INDEX_MIN_BITS + 3); /* it has grown, over several levels */
	T_CHECK((1ull << bits) >= 2ull * t.n);
	while (t.n)
		drop(&t, below(&t, t.n));
	check_table(&t);
	drop_table(&t);
}

static void extreme_ids(void)
{
	static const uint64_t ids[8] = {
		0, 1, UINT32_MAX, 1ull << 32, INT64_MAX, 1ull << 63, UINT64_MAX - 1, UINT64_MAX,
	};
	struct table t = make_table(8);

	for (size_t i = 0; i < 8; i++)
		add(&t, ids[i], 20);
	check_table(&t);
	drop(&t, 0); /* id 0, which an empty slot has too */
	T_EQ(sr_table_find(&t.region, 0), SR_NONE);
	check_table(&t);
	drop_table(&t);
}

static void colliding_ids(void)
{
	struct table t = make_table(400);
	uint64_t last = 0;

	for (int i = 0; i < 40; i++)
		add(&t, colliding_id(&last, SR_INDEX_MIN_BITS), 20);
	check_table(&t);
	for (int round = 0; round < 200; round++) {
		drop(&t, below(&t, t.n)); /* each one closes a gap behind it */
		check_table(&t);
		add(&t, colliding_id(&last, SR_INDEX_MIN_BITS), 20);
		if (round % 20 == 0)
			add(&t, any_id(&t), 20);
	}
	check_table(&t);
	drop_table(&t);
}

/* Searches that run over the end of the index go on at its beginning. */
static void ids_at_the_end(void)
{
	struct table t = make_table(100);
	uint64_t id = 0, last = (1u << SR_INDEX_MIN_BITS) - 1;

	while (t.n < 30)
		if (sr_index_hash(++id) >> (64 - SR_INDEX_MIN_BITS) >= last - 1)
			add(&t, id, 20);
	check_table(&t);
	while (t.n) {
		drop(&t, below(&t, t.n));
		check_table(&t);
	}
	drop_table(&t);
}

/* ---------------------------------------------------------------- how far a search goes */

static uint64_t spread(uint64_t n)
{
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ull;
	return n ^ n >> 27;
}

/* The n-th id of each way to make ids. */
#define WAY(name, id)                                                                                                  \
	static uint64_t name(uint64_t n)                                                                               \
	{                                                                                                              \
		return id;                                                                                             \
	}
WAY(consecutive, n + 1)
WAY(downward, UINT64_MAX - n)
WAY(steps_of_89, n * 89)
WAY(steps_of_1853, n * 1853)
WAY(steps_of_50000, n * 50000)
WAY(steps_of_page, n * 4096 + 77)
WAY(steps_of_2_to_16, n << 16)
WAY(steps_of_2_to_32, n << 32)
WAY(steps_of_2_to_40, n << 40)
WAY(steps_of_fibonacci, n * 1346269)
WAY(type_first, (n % 4) << 56 | n / 4)
WAY(type_and_step, (n % 16) << 60 | n / 16 << 16)
WAY(two_halves, n / 1000 << 32 | n % 1000)
WAY(bytes_reversed, __builtin_bswap64(n))
WAY(time_and_number, (1700000000000ull + n / 8) << 20 | n % 8)
WAY(by_chance, spread(n + 1))

/* The place in the index where a search for s ends, counted from where it begins: 1 is at home. */
static uint32_t probes(const struct sr_region *region, const struct segment *s)
{
	const struct sr_level *level = sr_table_level(region);
	uint64_t hash = sr_index_hash(s->id);
	uint32_t n = 0, entry;

	do
		entry = level->entries[((hash >> level->shift) + n++) & level->mask];
	while (entry && sr_index_slot(entry, hash) != s->slot);
	T_CHECK(entry);
	return n;
}

/* Mean probes, in percent, of a table with n ids of that family. */
static uint64_t mean_probes(uint64_t (*family)(uint64_t), uint32_t n)
{
	struct table t = make_table(n);
	uint64_t sum = 0;

	T_OK(sr_table_prepare(&t.region, n));
	for (uint32_t i = 0; i < n; i++) {
		struct segment s = { .id = family(i), .state = SR_LIVE, .path = "s" };
		struct sr_record record = record_of(&s);

		T_OK(sr_table_load(&t.region, &record));
	}
	sr_table_load_index(&t.region);
	for (uint32_t slot = 0; slot < n; slot++)
		sum += probes(&t.region, &(struct segment){ .id = t.region.slots[slot].id, .slot = slot });
	drop_table(&t);
	return sum * 100 / n;
}

/* Half full, chance makes a mean of 1.5 probes. */
static void ids_in_steps(void)
{
	static uint64_t (*const families[])(uint64_t) = {
		consecutive,      downward,         steps_of_89,      steps_of_1853,      steps_of_50000, steps_of_page,
		steps_of_2_to_16, steps_of_2_to_32, steps_of_2_to_40, steps_of_fibonacci, type_first,     type_and_step,
		two_halves,       bytes_reversed,   time_and_number,  by_chance,
	};
	static const uint32_t sizes[] = { 500, 1000, 20000, 100000 };

	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			uint64_t mean = mean_probes(families[f], sizes[i]);

			if (mean > (f ? 180u : 120u))
				T_FAIL("family %zu, %u ids: %" PRIu64 " probes in a hundred searches", f, sizes[i],
				       mean);
		}
}

T_SUITE(table_index, { "many random ids, over several levels of the index", random_ids },
	{ "ids at the ends of their range", extreme_ids },
	{ "ids that collide, inserted and removed in any order", colliding_ids },
	{ "ids at the end of the index", ids_at_the_end },
	{ "ids in regular steps are found after few probes, and consecutive ones after fewer", ids_in_steps });
