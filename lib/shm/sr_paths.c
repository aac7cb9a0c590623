/*
 * sr_paths.c - the paths of the segments in the region.
 *
 * A path is a run of units inside one word of the path map. A word has as many units as the longest path needs. So each
 * segment needs at most one word. There are as many words as slots, so a segment with a slot finds room.
 */
#include "shm/sr_paths.h"
#include "sys/sr_error.h"

#include <string.h>

#define WORD_UNITS SR_PATH_UNITS_MAX
#define SEARCH_WORDS 2048u /* words that a search examines before it takes a new word */
_Static_assert(WORD_UNITS == 32, "a word of the path map is an uint32_t");

static uint32_t units_of(size_t length)
{
	return (uint32_t)((length + SR_PATH_UNIT - 1) / SR_PATH_UNIT);
}

static uint32_t run_mask(uint32_t units)
{
	return (uint32_t)((1ull << units) - 1);
}

/* Take a run of units inside the word. Returns its position, or SR_NONE. */
static uint32_t take_in_word(uint32_t *word, uint32_t units)
{
	uint32_t starts = ~*word;
	uint32_t at;

	for (uint32_t i = 1; i < units && starts; i++)
		starts &= starts >> 1;
	if (!starts)
		return SR_NONE;
	at = (uint32_t)__builtin_ctz(starts);
	*word |= run_mask(units) << at;
	return at;
}

static uint32_t search(struct sr_region *region, uint32_t units, uint32_t words)
{
	struct sr_header *header = region->header;
	uint32_t top = header->path_top / WORD_UNITS;

	for (uint32_t i = 0; i < words && i < top; i++) {
		uint32_t word = header->path_cursor < top ? header->path_cursor : 0;
		uint32_t at = take_in_word(&region->path_map[word], units);

		if (at != SR_NONE)
			return word * WORD_UNITS + at;
		header->path_cursor = word + 1;
	}
	return SR_NONE;
}

int sr_paths_take(struct sr_region *region, size_t length, uint32_t *unit)
{
	struct sr_header *header = region->header;
	uint32_t units = units_of(length), words = header->path_top / WORD_UNITS;
	int rc;

	if (header->path_top > region->geometry.path_units)
		return sr_region_damaged("path map");
	*unit = search(region, units, header->path_freed ? SEARCH_WORDS : 1);
	if (*unit != SR_NONE)
		return 0;
	header->path_freed = 0;
	if (header->path_top == region->geometry.path_units) {
		*unit = search(region, units, words);
		return *unit != SR_NONE ? 0 : sr_fail(SEGREG_E_FULL, "no room for another path of %zu bytes", length);
	}
	rc = sr_region_grow(region, SR_PART_PATH_MAP, (words + 1) * sizeof(uint32_t));
	if (!rc)
		rc = sr_region_grow(region, SR_PART_PATHS, (words + 1) * (uint64_t)WORD_UNITS * SR_PATH_UNIT);
	if (rc)
		return rc;
	region->path_map[words] = run_mask(units);
	header->path_cursor = words;
	header->path_top += WORD_UNITS;
	*unit = words * WORD_UNITS;
	return 0;
}

static bool is_sound(const struct sr_region *region, const struct sr_detail *detail)
{
	uint32_t units = units_of(detail->path_length);

	return detail->path_length > 0 && detail->path_length <= SEGREG_PATH_MAX && detail->path % WORD_UNITS + units <= WORD_UNITS &&
	       detail->path < region->geometry.path_units;
}

void sr_paths_mark(struct sr_region *region, const struct sr_detail *detail, bool used)
{
	uint32_t run;

	if (!is_sound(region, detail))
		return;
	run = run_mask(units_of(detail->path_length)) << detail->path % WORD_UNITS;
	if (used) {
		region->path_map[detail->path / WORD_UNITS] |= run;
		return;
	}
	region->path_map[detail->path / WORD_UNITS] &= ~run;
	region->header->path_freed += units_of(detail->path_length);
}

bool sr_paths_get(const struct sr_region *region, uint32_t slot, char path[SEGREG_PATH_MAX + 1])
{
	const struct sr_detail *detail = &region->details[slot];
	struct sr_detail copy = { .path = detail->path, .path_length = detail->path_length };

	if (!is_sound(region, &copy))
		return false;
	memcpy(path, region->paths + (uint64_t)copy.path * SR_PATH_UNIT, copy.path_length);
	path[copy.path_length] = '\0';
	return true;
}

int sr_paths_restore(struct sr_region *region, uint32_t slot, const char *path, uint16_t length)
{
	struct sr_detail *detail = &region->details[slot];
	char there[SEGREG_PATH_MAX + 1];
	uint32_t unit;
	int rc;

	if (detail->path_length == length && sr_paths_get(region, slot, there) && !memcmp(there, path, length))
		return 0;
	rc = sr_paths_take(region, length, &unit);
	if (rc)
		return rc;
	memcpy(region->paths + (uint64_t)unit * SR_PATH_UNIT, path, length);
	detail->path = unit;
	detail->path_length = length;
	return 0;
}
