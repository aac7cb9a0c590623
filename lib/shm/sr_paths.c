/*
 * sr_paths.c - the texts of the segments in the region: a segment's path, and behind it the caller's own bytes.
 *
 * A text is a run of units inside one word of the path map. A word has as many units as the longest text needs. So each
 * segment needs at most one word. There are as many words as slots, so a segment with a slot finds room.
 */
#include "shm/sr_paths.h"
#include "sys/sr_error.h"

#include <string.h>

#define WORD_UNITS SR_PATH_UNITS_MAX
#define SEARCH_WORDS 2048u /* words that a search examines before it takes a new word */
#define WHOLE_WORD ((UINT64_C(1) << WORD_UNITS) - 1)
_Static_assert(WORD_UNITS < 64, "a word of the path map is an uint64_t");

static uint32_t units_of(size_t length)
{
	return (uint32_t)((length + SR_PATH_UNIT - 1) / SR_PATH_UNIT);
}

static uint64_t run_mask(uint32_t units)
{
	return (UINT64_C(1) << units) - 1;
}

/* Take a run of units inside the word. Returns its position, or SR_NONE. */
static uint32_t take_in_word(uint64_t *word, uint32_t units)
{
	uint64_t starts = ~*word & WHOLE_WORD;
	uint32_t at;

	for (uint32_t i = 1; i < units && starts; i++)
		starts &= starts >> 1;
	if (!starts)
		return SR_NONE;
	at = (uint32_t)__builtin_ctzll(starts);
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

/* Find room for a text of length bytes. *unit gets the first unit. */
static int take_room(struct sr_region *region, size_t length, uint32_t *unit)
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
	rc = sr_region_grow(region, SR_PART_PATH_MAP, (words + 1) * sizeof(*region->path_map));
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

int sr_paths_take(struct sr_region *region, const struct sr_record *record, struct sr_text *text)
{
	int rc = take_room(region, (size_t)record->path_length + record->user_size, &text->unit);
	char *at;

	if (rc)
		return rc;
	at = region->paths + (uint64_t)text->unit * SR_PATH_UNIT;
	memcpy(at, record->path, record->path_length);
	memcpy(at + record->path_length, record->user, record->user_size);
	text->path_length = record->path_length;
	text->user_size = record->user_size;
	return 0;
}

struct sr_text sr_paths_of(const struct sr_region *region, uint32_t slot)
{
	const struct sr_detail *detail = &region->details[slot];

	return (struct sr_text){
		.unit = detail->path,
		.path_length = detail->path_length,
		.user_size = (uint8_t)detail->user_size,
	};
}

void sr_paths_put(struct sr_region *region, uint32_t slot, const struct sr_text *text)
{
	struct sr_detail *detail = &region->details[slot];

	detail->path = text->unit;
	detail->path_length = text->path_length & ((1u << 9) - 1);
	detail->user_size = text->user_size & ((1u << 7) - 1);
}

static uint32_t text_units(const struct sr_text *text)
{
	return units_of((size_t)text->path_length + text->user_size);
}

static bool is_sound(const struct sr_region *region, const struct sr_text *text)
{
	return text->path_length > 0 && text->path_length <= SEGREG_PATH_MAX && text->user_size <= SEGREG_USER_SIZE &&
	       text->unit % WORD_UNITS + text_units(text) <= WORD_UNITS && text->unit < region->geometry.path_units;
}

void sr_paths_mark(struct sr_region *region, const struct sr_text *text, bool used)
{
	uint64_t run;

	if (!is_sound(region, text))
		return;
	run = run_mask(text_units(text)) << text->unit % WORD_UNITS;
	if (used) {
		region->path_map[text->unit / WORD_UNITS] |= run;
		return;
	}
	region->path_map[text->unit / WORD_UNITS] &= ~run;
	region->header->path_freed += text_units(text);
}

void sr_paths_clear(struct sr_region *region)
{
	memset(region->path_map, 0, region->header->path_top / WORD_UNITS * sizeof(*region->path_map));
	region->header->path_freed = region->header->path_top; /* some of these may be free */
}

/* Copy the path, and leave its place in *text. */
static bool get_path(const struct sr_region *region, uint32_t slot, char path[SEGREG_PATH_MAX + 1],
		     struct sr_text *text)
{
	*text = sr_paths_of(region, slot); /* a copy: a walk reads while the slot changes */
	if (!is_sound(region, text))
		return false;
	memcpy(path, region->paths + (uint64_t)text->unit * SR_PATH_UNIT, text->path_length);
	path[text->path_length] = '\0';
	return true;
}

bool sr_paths_get(const struct sr_region *region, uint32_t slot, char path[SEGREG_PATH_MAX + 1])
{
	struct sr_text text;

	return get_path(region, slot, path, &text);
}

bool sr_paths_get_text(const struct sr_region *region, uint32_t slot, char path[SEGREG_PATH_MAX + 1],
		       unsigned char user[SEGREG_USER_SIZE], size_t *user_size)
{
	struct sr_text text;

	if (!get_path(region, slot, path, &text))
		return false;
	memset(user, 0, SEGREG_USER_SIZE);
	if (text.user_size)
		memcpy(user, region->paths + (uint64_t)text.unit * SR_PATH_UNIT + text.path_length, text.user_size);
	*user_size = text.user_size;
	return true;
}

int sr_paths_restore(struct sr_region *region, uint32_t slot, const struct sr_record *record)
{
	char path[SEGREG_PATH_MAX + 1];
	unsigned char user[SEGREG_USER_SIZE];
	struct sr_text text;
	size_t size;
	int rc;

	if (sr_paths_get_text(region, slot, path, user, &size) &&
	    sr_paths_of(region, slot).path_length == record->path_length && size == record->user_size &&
	    !memcmp(path, record->path, record->path_length) && !memcmp(user, record->user, size))
		return 0;
	rc = sr_paths_take(region, record, &text);
	if (!rc)
		sr_paths_put(region, slot, &text);
	return rc;
}
