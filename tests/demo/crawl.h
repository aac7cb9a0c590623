/*
 * crawl.h - the text files that the demo indexes: a sample of a folder, the same in each run.
 */
#ifndef CRAWL_H
#define CRAWL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRAWL_DOCUMENT_MAX (32u << 10) /* bytes that are read of one file */
#define CRAWL_TEXT_MAX (6u << 20)      /* bytes that are indexed in all */

struct crawl {
	const char *folder;
	char **path; /* each begins with folder */
	uint32_t count;
	uint32_t found; /* regular files in the folder, text or not */
	uint64_t bytes; /* of text in the sample */
};

/* Find the files. False: there is no text, and why (of size bytes) says so. */
bool crawl_folder(struct crawl *crawl, const char *folder, char *why, size_t size);
void crawl_free(struct crawl *crawl);

/*
 * Read the beginning of a file into text, which has room for CRAWL_DOCUMENT_MAX. 0: it is gone, not text, or has no
 * word in it.
 */
uint32_t crawl_read(const char *path, char *text);

#endif
