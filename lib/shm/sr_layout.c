/*
 * sr_layout.c - where the parts of the region are, and the fingerprint by which a build knows a region of another
 * build.
 */
#include "shm/sr_layout.h"
#include "shm/sr_record.h"

static uint64_t round_up(uint64_t value)
{
	return (value + SR_PAGE - 1) / SR_PAGE * SR_PAGE;
}

int sr_geometry_init(struct sr_geometry *g, uint32_t max_segments, uint32_t max_lanes)
{
	static const uint64_t per_segment[SR_PARTS] = {
		[SR_PART_SLOTS] = sizeof(struct sr_slot),
		[SR_PART_DETAILS] = sizeof(struct sr_detail),
		[SR_PART_QUEUE] = sizeof(uint32_t),
		[SR_PART_PATH_MAP] = sizeof(uint64_t),
		[SR_PART_PATHS] = (uint64_t)SR_PATH_UNITS_MAX * SR_PATH_UNIT,
	};
	uint64_t at;

	if (max_segments < 1 || max_segments > SEGREG_MAX_SEGMENTS || max_lanes < 1 || max_lanes > SEGREG_MAX_LANES)
		return 0;
	g->max_segments = max_segments;
	g->max_lanes = max_lanes;
	g->path_units = max_segments * SR_PATH_UNITS_MAX; /* each segment has one word of the path map */

	/* At most half full, so that a search ends soon. */
	g->index_max_bits = SR_INDEX_MIN_BITS;
	while ((1ull << g->index_max_bits) < 2ull * max_segments)
		g->index_max_bits++;

	at = SR_PAGE;
	_Static_assert(SEGREG_PATH_SIZE <= SR_PAGE, "base fits its page");
	g->base = at;
	at += SR_PAGE;
	g->notes = at;
	at += SR_NOTES * sizeof(struct sr_note);
	g->heads = at;
	at += round_up(sizeof(struct sr_lane) * (uint64_t)max_lanes);
	g->index = at;
	at += round_up(sr_index_level(g->index_max_bits + 1));
	for (int part = 0; part < SR_PARTS; part++) {
		g->part[part] = at;
		g->part_size[part] = part == SR_PART_DISCARDS ? SR_DISCARDS * sizeof(struct sr_discard)
							      : round_up(per_segment[part] * (max_segments + 2));
		at += g->part_size[part];
	}
	g->rows = at;
	g->row_size = (1 + SR_CELL_PAGES) * (uint64_t)SR_PAGE + round_up(sizeof(uint32_t) * (uint64_t)max_segments);
	g->size = at + g->row_size * max_lanes;
	return 1;
}

/*
 * The fingerprint includes the database's schema. Processes that share a region also read the records that the others
 * write.
 */
uint64_t sr_layout_fingerprint(void)
{
	const uint64_t facts[] = {
		SR_LAYOUT_VERSION,
		SR_SCHEMA,
		sizeof(struct sr_header),
		sizeof(struct sr_lock_word),
		sizeof(pthread_mutex_t),
		sizeof(struct sr_slot),
		sizeof(struct sr_detail),
		sizeof(struct sr_lane),
		SR_PATH_UNIT,
		SEGREG_PATH_MAX,
		SEGREG_USER_SIZE,
		offsetof(struct sr_header, lock),
		offsetof(struct sr_row, pages),
		sizeof(struct sr_row),
		sizeof(struct sr_letter),
		SR_LETTER_EDIT,
		offsetof(struct sr_row, letter),
		offsetof(struct sr_header, posted),
		sizeof(struct sr_note),
		SR_NOTES,
		sizeof(struct sr_discard),
		SR_DISCARDS,
	};
	uint64_t hash = 14695981039346656037ull; /* FNV-1a over the bytes in this machine's order */

	for (size_t i = 0; i < sizeof(facts); i++)
		hash = (hash ^ ((const unsigned char *)facts)[i]) * 1099511628211ull;
	return hash;
}
