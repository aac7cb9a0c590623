/*
 * writer.h - writing a segment: all documents first, then their words in order, then the seal.
 */
#ifndef WRITER_H
#define WRITER_H

#include "segment.h"

#include <stdio.h>

struct writer {
	int base; /* the directory around it */
	int dir;
	FILE *stream[SEGMENT_PARTS];
	struct manifest manifest;
	struct term term; /* the one that postings are being added to; count 0: none yet */
	uint32_t documents;
	uint32_t postings;
};

/* Make the directory path below base and empty files in it. 0, or -1 with errno. */
int writer_begin(struct writer *writer, const char *base, const char *path, uint64_t id);

/* Add a document. Its number in this segment is the result; document->offset is ignored. */
uint32_t writer_document(struct writer *writer, const struct document *document, const char *text);

/* Say that word stands in document, which was added before, at offset. Sorted by word, then by document. */
void writer_posting(struct writer *writer, const struct word *word, uint32_t document, uint32_t offset);

/*
 * Write the manifest, and make it all durable. 0, or -1 with the errno of the first failure. Closes everything either
 * way.
 */
int writer_finish(struct writer *writer);

#endif
