/*
 * segment.h - the demo's segments: a directory of five files that is an inverted index of some documents.
 *
 *      texts      the documents' texts, back to back
 *      documents  an array of struct document
 *      terms      an array of struct term, sorted by word
 *      postings   an array of struct posting, grouped by term, sorted by document
 *      manifest   one struct manifest: length and checksum of each of the others
 *
 * Numbers are stored as this machine has them: the segments live as long as the demo runs.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include "words.h"

#include <segreg.h>

#define SEGMENT_MAGIC "demoseg1"
#define SEGMENT_WHY_SIZE 256

enum segment_part { PART_TEXTS, PART_DOCUMENTS, PART_TERMS, PART_POSTINGS, SEGMENT_PARTS };

struct document {
	uint64_t stamp;  /* when it was read, counted in documents: of two readings of a file the higher one is newer */
	uint64_t offset; /* of its text in texts */
	uint32_t length;
	uint32_t file; /* its number in the crawl */
};

struct term {
	struct word word;
	uint32_t first; /* of its postings */
	uint32_t count;
};

struct posting {
	uint32_t document;
	uint32_t offset; /* of the word's first occurrence in the document's text */
};

struct manifest {
	char magic[8]; /* SEGMENT_MAGIC without its NUL */
	uint64_t id;
	struct {
		uint64_t length;
		uint64_t checksum;
	} part[SEGMENT_PARTS];
	uint64_t checksum; /* of all above */
};

extern const char *const segment_part_names[SEGMENT_PARTS];
#define SEGMENT_MANIFEST "manifest"

#define SEGMENT_CHECKSUM_START UINT64_C(0xcbf29ce484222325)

/* 64-bit FNV-1a, going on from checksum. */
uint64_t segment_checksum(uint64_t checksum, const void *data, size_t length);

/* The checksum that belongs into manifest->checksum. */
uint64_t segment_manifest_checksum(const struct manifest *manifest);

/* A segment in memory: each part is mapped, and each map is a pin of its own. */
struct segment {
	uint64_t id;
	struct segreg_map map[SEGMENT_PARTS];
	uint32_t mapped; /* parts */
	const char *texts;
	const struct document *documents;
	const struct term *terms;
	const struct posting *postings;
	uint32_t document_count;
	uint32_t term_count;
	uint32_t posting_count;
};

/*
 * Map the pinned segment and compare every part with its checksum. False: something is missing, short or different,
 * and why (of SEGMENT_WHY_SIZE bytes) says what; nothing is mapped then.
 */
bool segment_open(struct segreg *reg, const struct segreg_pin *pin, struct segment *segment, char *why);
void segment_close(struct segreg *reg, struct segment *segment);

/* Are all files still there under their names and at their length? */
bool segment_is_whole(struct segreg *reg, const struct segreg_pin *pin, const struct segment *segment, char *why);

const char *segment_text(const struct segment *segment, uint32_t document);

/*
 * Look up the word that stands in document at offset, and check the answer. Its postings must name this document, and
 * each of them must point at the word.
 */
bool segment_look_up(const struct segment *segment, uint32_t document, uint32_t offset, const struct word *word,
		     char *why);

/* Check every posting of every term, and that every document can be found by its first word. */
bool segment_check_all(const struct segment *segment, char *why);

#endif
