/*
 * segment.c - reading the demo's segments: map, compare with checksums, look up, check what was found.
 */
#include "segment.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const segment_part_names[SEGMENT_PARTS] = { "texts", "documents", "terms", "postings" };

uint64_t segment_checksum(uint64_t checksum, const void *data, size_t length)
{
	const unsigned char *byte = data;

	for (size_t i = 0; i < length; i++)
		checksum = (checksum ^ byte[i]) * UINT64_C(0x100000001b3);
	return checksum;
}

uint64_t segment_manifest_checksum(const struct manifest *manifest)
{
	return segment_checksum(SEGMENT_CHECKSUM_START, manifest, offsetof(struct manifest, checksum));
}

static __attribute__((format(printf, 3, 4))) bool wrong(char *why, const struct segment *segment, const char *format,
							...)
{
	int length = snprintf(why, SEGMENT_WHY_SIZE, "segment %llx: ", (unsigned long long)segment->id);
	va_list args;

	va_start(args, format);
	vsnprintf(why + length, SEGMENT_WHY_SIZE - (size_t)length, format, args);
	va_end(args);
	return false;
}

/* ------------------------------------------------------------------ opening */

static bool read_manifest(struct segreg *reg, const struct segreg_pin *pin, const struct segment *segment,
			  struct manifest *manifest, char *why)
{
	ssize_t got;
	int fd;

	if (segreg_pin_open(reg, pin, SEGMENT_MANIFEST, &fd))
		return wrong(why, segment, "%s", segreg_last_error());
	got = read(fd, manifest, sizeof(*manifest));
	close(fd);
	if (got != sizeof(*manifest))
		return wrong(why, segment, "the manifest is short");
	if (memcmp(manifest->magic, SEGMENT_MAGIC, sizeof(manifest->magic)) != 0 || manifest->id != segment->id ||
	    manifest->checksum != segment_manifest_checksum(manifest))
		return wrong(why, segment, "the manifest is damaged or another segment's");
	return true;
}

static bool map_part(struct segreg *reg, const struct manifest *manifest, enum segment_part part,
		     struct segment *segment, char *why)
{
	const char *name = segment_part_names[part];
	struct segreg_map *map = &segment->map[part];

	if (segreg_map(reg, segment->id, name, 0, map))
		return wrong(why, segment, "%s", segreg_last_error());
	segment->mapped++;
	if (map->length != manifest->part[part].length)
		return wrong(why, segment, "%s has %zu bytes instead of %llu", name, map->length,
			     (unsigned long long)manifest->part[part].length);
	if (segment_checksum(SEGMENT_CHECKSUM_START, map->data, map->length) != manifest->part[part].checksum)
		return wrong(why, segment, "%s does not match its checksum", name);
	return true;
}

bool segment_open(struct segreg *reg, const struct segreg_pin *pin, struct segment *segment, char *why)
{
	struct segment opened = { .id = pin->id };
	struct manifest manifest;

	if (!read_manifest(reg, pin, &opened, &manifest, why))
		return false;
	for (enum segment_part part = 0; part < SEGMENT_PARTS; part++) {
		if (!map_part(reg, &manifest, part, &opened, why)) {
			segment_close(reg, &opened);
			return false;
		}
	}
	opened.texts = opened.map[PART_TEXTS].data;
	opened.documents = opened.map[PART_DOCUMENTS].data;
	opened.terms = opened.map[PART_TERMS].data;
	opened.postings = opened.map[PART_POSTINGS].data;
	opened.document_count = (uint32_t)(opened.map[PART_DOCUMENTS].length / sizeof(struct document));
	opened.term_count = (uint32_t)(opened.map[PART_TERMS].length / sizeof(struct term));
	opened.posting_count = (uint32_t)(opened.map[PART_POSTINGS].length / sizeof(struct posting));
	*segment = opened;
	return true;
}

void segment_close(struct segreg *reg, struct segment *segment)
{
	while (segment->mapped)
		segreg_unmap(reg, &segment->map[--segment->mapped]);
}

static bool file_has_length(struct segreg *reg, const struct segreg_pin *pin, const struct segment *segment,
			    const char *name, uint64_t length, char *why)
{
	struct stat st;
	int fd, rc;

	if (segreg_pin_open(reg, pin, name, &fd))
		return wrong(why, segment, "%s", segreg_last_error());
	rc = fstat(fd, &st);
	close(fd);
	if (rc == -1 || st.st_nlink == 0 || (uint64_t)st.st_size != length)
		return wrong(why, segment, "%s was deleted or cut short while it was pinned", name);
	return true;
}

bool segment_is_whole(struct segreg *reg, const struct segreg_pin *pin, const struct segment *segment, char *why)
{
	for (enum segment_part part = 0; part < SEGMENT_PARTS; part++)
		if (!file_has_length(reg, pin, segment, segment_part_names[part], segment->map[part].length, why))
			return false;
	return file_has_length(reg, pin, segment, SEGMENT_MANIFEST, sizeof(struct manifest), why);
}

/* ------------------------------------------------------------------ looking up */

const char *segment_text(const struct segment *segment, uint32_t document)
{
	return segment->texts + segment->documents[document].offset;
}

static int compare_with_term(const void *key, const void *element)
{
	const struct word *word = key;
	const struct term *term = element;

	return word_compare(word, &term->word);
}

static bool posting_is_true(const struct segment *segment, const struct posting *posting, const struct word *word)
{
	return posting->document < segment->document_count &&
	       word_stands_at(segment_text(segment, posting->document), segment->documents[posting->document].length,
			      posting->offset, word);
}

/* Check all postings of term; *found becomes true if one of them names document, at offset or before. */
static bool check_term(const struct segment *segment, const struct term *term, uint32_t document, uint32_t offset,
		       bool *found, char *why)
{
	*found = false;
	if (term->first > segment->posting_count || term->count > segment->posting_count - term->first)
		return wrong(why, segment, "\"%s\" has postings beyond the end", term->word.text);
	for (uint32_t i = 0; i < term->count; i++) {
		const struct posting *posting = &segment->postings[term->first + i];

		if (!posting_is_true(segment, posting, &term->word))
			return wrong(why, segment, "\"%s\" is not where its posting says", term->word.text);
		*found |= posting->document == document && posting->offset <= offset;
	}
	return true;
}

bool segment_look_up(const struct segment *segment, uint32_t document, uint32_t offset, const struct word *word,
		     char *why)
{
	const struct term *term =
		bsearch(word, segment->terms, segment->term_count, sizeof(*segment->terms), compare_with_term);
	bool found;

	if (!term)
		return wrong(why, segment, "\"%s\" stands in a document but is not a term", word->text);
	if (!check_term(segment, term, document, offset, &found, why))
		return false;
	return found || wrong(why, segment, "\"%s\" does not name a document that it stands in", word->text);
}

bool segment_check_all(const struct segment *segment, char *why)
{
	for (uint32_t i = 0; i < segment->term_count; i++) {
		const struct term *term = &segment->terms[i];
		bool found;

		if (i && word_compare(&term[-1].word, &term->word) >= 0)
			return wrong(why, segment, "terms are not sorted");
		if (!check_term(segment, term, 0, 0, &found, why))
			return false;
	}
	for (uint32_t document = 0; document < segment->document_count; document++) {
		uint32_t length = segment->documents[document].length, at = 0, start;
		struct word word;

		if (word_next(segment_text(segment, document), length, &at, &start, &word) &&
		    !segment_look_up(segment, document, start, &word, why))
			return false;
	}
	return true;
}
