/*
 * layout.c - sr_layout: the parts of the region, for all limits that there are.
 */
#include "harness.h"
#include "shm/sr_layout.h"
#include "shm/sr_region.h"

struct part {
	const char *name;
	uint64_t at, size; /* size: the least */
};

#define PARTS (6 + SR_PARTS)

static void list_parts(const struct sr_geometry *g, struct part parts[PARTS])
{
	uint64_t segments = g->max_segments;
	struct part all[PARTS] = {
		{ "header", 0, sizeof(struct sr_header) },
		{ "base", g->base, SEGREG_PATH_SIZE },
		{ "notes", g->notes, SR_NOTES * sizeof(struct sr_note) },
		{ "heads", g->heads, g->max_lanes * sizeof(struct sr_lane) },
		{ "index", g->index, sr_index_level(g->index_max_bits + 1) },
		{ "slots", g->part[SR_PART_SLOTS], segments * sizeof(struct sr_slot) },
		{ "details", g->part[SR_PART_DETAILS], segments * sizeof(struct sr_detail) },
		{ "queue", g->part[SR_PART_QUEUE], segments * sizeof(uint32_t) },
		{ "path map", g->part[SR_PART_PATH_MAP], segments * sizeof(uint64_t) },
		{ "paths", g->part[SR_PART_PATHS], (uint64_t)g->path_units * SR_PATH_UNIT },
		{ "discards", g->part[SR_PART_DISCARDS], SR_DISCARDS * sizeof(struct sr_discard) },
		{ "lanes", g->rows, g->row_size * g->max_lanes },
	};

	for (int i = 0; i < PARTS; i++)
		parts[i] = all[i];
}

static void check_geometry(uint32_t max_segments, uint32_t max_lanes)
{
	struct part parts[PARTS];
	struct sr_geometry g;

	T_CHECK(sr_geometry_init(&g, max_segments, max_lanes));
	list_parts(&g, parts);
	for (int i = 0; i < PARTS; i++) {
		uint64_t end = i + 1 < PARTS ? parts[i + 1].at : g.size;

		if (parts[i].at % SR_PAGE != 0 || parts[i].at + parts[i].size > end)
			T_FAIL("%u segments, %u lanes: %s from %#llx, %#llx long, runs into what begins at %#llx",
			       max_segments, max_lanes, parts[i].name, (unsigned long long)parts[i].at,
			       (unsigned long long)parts[i].size, (unsigned long long)end);
	}
	for (int part = 0; part < SR_PARTS; part++)
		T_CHECK(g.part_size[part] >= parts[5 + part].size); /* as far as it may be given memory */
	T_CHECK((1ull << g.index_max_bits) >= 2ull * max_segments);
	T_CHECK(g.index_max_bits == SR_INDEX_MIN_BITS || (1ull << (g.index_max_bits - 1)) < 2ull * max_segments);
	T_CHECK(g.path_units >= max_segments * SR_PATH_UNITS_MAX);
	T_CHECK(g.row_size >= (1 + SR_CELL_PAGES) * SR_PAGE + max_segments * sizeof(uint32_t));
	T_CHECK(g.row_size % SR_PAGE == 0);
	T_CHECK(g.size < 1ull << 46); /* an address space has room for it */
}

static void all_limits(void)
{
	static const uint32_t segments[] = { 1, 2, 511, 512, 513, 1023, 1024, 1025, 1u << 20, SEGREG_MAX_SEGMENTS };
	static const uint32_t lanes[] = { 1, 2, 1024, SEGREG_MAX_LANES };

	for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++)
		for (size_t j = 0; j < sizeof(lanes) / sizeof(lanes[0]); j++)
			check_geometry(segments[i], lanes[j]);
}

static void beyond_limits(void)
{
	struct sr_geometry g;

	T_CHECK(!sr_geometry_init(&g, 0, 1));
	T_CHECK(!sr_geometry_init(&g, 1, 0));
	T_CHECK(!sr_geometry_init(&g, SEGREG_MAX_SEGMENTS + 1, 1));
	T_CHECK(!sr_geometry_init(&g, 1, SEGREG_MAX_LANES + 1));
	T_CHECK(!sr_geometry_init(&g, UINT32_MAX, UINT32_MAX));
}

static void levels(void)
{
	for (uint32_t bits = SR_INDEX_MIN_BITS; bits < 26; bits++)
		T_EQ(sr_index_level(bits + 1) - sr_index_level(bits), sizeof(uint32_t) << bits);
	T_EQ(sr_index_level(SR_INDEX_MIN_BITS), 0);
}

/* What a pin reads and what it writes must not share a cache line with what others write. */
static void cache_lines(void)
{
	T_EQ(offsetof(struct sr_header, lock) % 128, 0);
	T_EQ(sizeof(struct sr_lock_word) % 128, 0);
	T_EQ(offsetof(struct sr_header, index_bits) % 128, 0);
	T_EQ(offsetof(struct sr_header, version) % 128, 0);
	T_EQ(offsetof(struct sr_header, wake) % 128, 0);
	T_EQ(offsetof(struct sr_header, letters) % 128, 0);
	T_EQ(offsetof(struct sr_header, slot_top) % 128, 0);
	T_EQ(offsetof(struct sr_row, letter) % 64, 0);
	T_EQ(sizeof(struct sr_lane) % 128, 0);
}

T_SUITE(layout, { "for all limits, parts are on pages of their own and do not overlap", all_limits },
	{ "limits out of range are refused", beyond_limits },
	{ "levels of the index follow each other without gaps", levels },
	{ "what is written often is on cache lines of its own", cache_lines });
