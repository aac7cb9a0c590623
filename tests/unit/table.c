/*
 * table.c - sr_table: slots, index, paths and queue against a plain model; and their repair after scribbling.
 */
#include "harness.h"
#include "shm/sr_paths.h"
#include "shm/sr_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LANES 2

/* A segment as the model has it. */
struct segment {
	uint64_t id;
	uint32_t slot;
	enum sr_state state;
	char path[SEGREG_PATH_MAX + 1];
	size_t user_size;
	unsigned char user[SEGREG_USER_SIZE];
};

struct table {
	struct sr_region region;
	struct segment *segments;
	uint32_t n, max;
	unsigned seed;
};

static struct table make_table(uint32_t max)
{
	struct table t = { .max = max, .seed = max };
	const struct sr_access access = { .uid = geteuid(), .gid = getegid(), .mode = 0600 };
	char name[SR_REGION_NAME_SIZE];

	T_OK(sr_region_name(name));
	T_OK(sr_region_create(&t.region, name, false, max, LANES, &access));
	T_SYS(shm_unlink(name));
	T_OK(sr_table_init(&t.region));
	t.segments = calloc(max, sizeof(*t.segments));
	T_CHECK(t.segments);
	return t;
}

static void drop_table(struct table *t)
{
	sr_region_unmap(&t->region);
	free(t->segments);
}

static uint32_t below(struct table *t, uint32_t limit)
{
	return (uint32_t)rand_r(&t->seed) % limit;
}

/* ---------------------------------------------------------------- changes, in both */

static struct sr_record record_of(const struct segment *segment)
{
	struct sr_record r = { .id = segment->id, .state = segment->state };

	r.path_length = (uint16_t)strlen(segment->path);
	memcpy(r.path, segment->path, r.path_length);
	r.user_size = (uint8_t)segment->user_size;
	memcpy(r.user, segment->user, sizeof(r.user));
	return r;
}

/* Begins with the id, so that a wrong path is seen; then filled up to length. */
static void make_path(struct segment *segment, uint32_t length)
{
	int begin = snprintf(segment->path, sizeof(segment->path), "%" PRIx64 "-", segment->id);

	for (uint32_t i = (uint32_t)begin; i < length; i++)
		segment->path[i] = (char)('a' + (segment->id + i) % 26);
	segment->path[length > (uint32_t)begin ? length : (uint32_t)begin] = '\0';
}

/* None, all that fit, or some. */
static void make_user(struct segment *segment)
{
	size_t some = segment->id * 7 % (SEGREG_USER_SIZE + 1), most = segment->id % 2 * SEGREG_USER_SIZE;

	segment->user_size = segment->id % 3 ? some : most;
	for (size_t i = 0; i < segment->user_size; i++)
		segment->user[i] = (unsigned char)(segment->id * 31 + i);
}

static void add(struct table *t, uint64_t id, uint32_t path_length)
{
	struct segment *s = &t->segments[t->n];
	struct sr_record record;

	*s = (struct segment){ .id = id, .state = SR_LIVE };
	make_path(s, path_length);
	make_user(s);
	record = record_of(s);
	T_OK(sr_table_prepare(&t->region, 1));
	T_OK(sr_table_take(&t->region, &record, &s->slot));
	sr_table_publish(&t->region, s->slot, SR_LIVE);
	t->n++;
}

static void move(struct table *t, uint32_t i, enum sr_state to)
{
	T_OK(sr_table_move(&t->region, t->segments[i].slot, to));
	t->segments[i].state = to;
}

static void drop(struct table *t, uint32_t i)
{
	T_OK(sr_table_drop(&t->region, t->segments[i].slot));
	t->segments[i] = t->segments[--t->n];
}

/* ---------------------------------------------------------------- comparison */

static void check_segment(const struct table *t, const struct segment *s)
{
	unsigned char user[SEGREG_USER_SIZE];
	char path[SEGREG_PATH_MAX + 1];
	size_t user_size;

	T_EQ(sr_table_find(&t->region, s->id), s->slot);
	T_EQ(sr_word_state(t->region.slots[s->slot].word), s->state);
	T_CHECK(sr_paths_get(&t->region, s->slot, path));
	T_STR(path, s->path);
	memset(path, 0xee, sizeof(path));
	memset(user, 0xee, sizeof(user));
	T_CHECK(sr_paths_get_text(&t->region, s->slot, path, user, &user_size));
	T_STR(path, s->path);
	T_EQ(user_size, s->user_size);
	T_CHECK(!memcmp(user, s->user, sizeof(user)));
}

static void check_queue(const struct table *t)
{
	const struct sr_header *header = t->region.header;
	uint32_t queued = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t slot = t->segments[i].slot, pos = t->region.details[slot].queue_pos;

		if (!sr_state_is_queued(t->segments[i].state))
			continue;
		queued++;
		T_CHECK(pos < header->queue_length && t->region.queue[pos] == slot);
	}
	T_EQ(header->queue_length, queued);
}

static void check_counters(const struct table *t)
{
	const struct sr_header *header = t->region.header;
	uint64_t in[SR_STATES] = { 0 };

	for (uint32_t i = 0; i < t->n; i++)
		in[t->segments[i].state]++;
	T_EQ(header->live, in[SR_LIVE]);
	T_EQ(header->pending, in[SR_PENDING] + in[SR_DECIDING]);
	T_EQ(header->deleting, in[SR_DELETING]);
	T_EQ(header->building, in[SR_BUILDING]);
	T_EQ(header->slots_used, t->n);
	T_CHECK(header->slot_top <= t->max);
}

static void check_table(const struct table *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		check_segment(t, &t->segments[i]);
	check_queue(t);
	check_counters(t);
}

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

static uint64_t any_id(struct table *t)
{
	uint64_t id = 0;

	for (int i = 0; i < 4; i++)
		id = id << 20 ^ (uint64_t)rand_r(&t->seed);
	return sr_table_find(&t->region, id) == SR_NONE ? id : any_id(t);
}

static void check_absent(struct table *t)
{
	for (int i = 0; i < 100; i++)
		T_EQ(sr_table_find(&t->region, any_id(t)), SR_NONE);
}

static void churn(struct table *t, uint32_t rounds)
{
	for (uint32_t round = 0; round < rounds; round++) {
		uint32_t i = t->n ? below(t, t->n) : 0;

		if (t->n < t->max && below(t, 5) < 3)
			add(t, any_id(t), 1 + below(t, 60));
		else if (t->n && t->segments[i].state == SR_LIVE)
			move(t, i, SR_PENDING);
		else if (t->n && below(t, 2))
			drop(t, i);
	}
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

T_SUITE(table, { "many random ids, over several levels of the index", random_ids },
	{ "ids at the ends of their range", extreme_ids },
	{ "ids that collide, inserted and removed in any order", colliding_ids },
	{ "ids at the end of the index", ids_at_the_end },
	{ "ids in regular steps are found after few probes, and consecutive ones after fewer", ids_in_steps },
	{ "the limit is met exactly", full },
	{ "a slot that a lane counts serves nobody else until it does not", counted },
	{ "a slot that was taken and given back was never seen", untaken },
	{ "a move that is not allowed changes nothing", refused_moves },
	{ "as many longest paths as segments fit", longest_paths },
	{ "paths of all lengths, however many came and went", paths_of_all_lengths },
	{ "a repair restores all from slots and details", repair },
	{ "a repair frees slots that were taken and never published", repair_of_taken_slots },
	{ "a damaged header leads nowhere", repair_of_a_damaged_header });
