/*
 * crawl.c - the text files that the demo indexes.
 */
#include "crawl.h"
#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX 100000u

uint32_t crawl_read(const char *path, char *text)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	uint32_t at = 0, start;
	struct word word;
	ssize_t length;

	if (fd == -1)
		return 0;
	length = read(fd, text, CRAWL_DOCUMENT_MAX);
	close(fd);
	if (length <= 0 || memchr(text, '\0', (size_t)length) || !word_next(text, (uint32_t)length, &at, &start, &word))
		return 0;
	return (uint32_t)length;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* All regular files, in the order of their names. */
static bool find_files(struct crawl *crawl)
{
	char *copy = strdupa(crawl->folder);
	char *const roots[] = { copy, NULL };
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
	FTSENT *entry;

	if (!tree)
		return false;
	while (crawl->found < FILES_MAX && (entry = fts_read(tree))) {
		if (entry->fts_info != FTS_F)
			continue;
		crawl->path[crawl->found] = strdup(entry->fts_path);
		if (!crawl->path[crawl->found])
			break;
		crawl->found++;
	}
	fts_close(tree);
	return true;
}

/* Fisher-Yates with a fixed seed, so that the sample is not all of one corner and yet the same each time. */
static void shuffle(char **path, uint32_t count)
{
	uint64_t seed = 1;

	for (uint32_t i = count; i > 1; i--) {
		char *kept = path[i - 1];
		uint32_t j;

		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		j = (uint32_t)((seed >> 33) % i);
		path[i - 1] = path[j];
		path[j] = kept;
	}
}

/* Keep the text files, up to CRAWL_TEXT_MAX bytes of them. */
static void sample(struct crawl *crawl)
{
	static char text[CRAWL_DOCUMENT_MAX];

	for (uint32_t i = 0; i < crawl->found; i++) {
		uint32_t length = crawl->bytes < CRAWL_TEXT_MAX ? crawl_read(crawl->path[i], text) : 0;

		if (!length) {
			free(crawl->path[i]);
			continue;
		}
		crawl->path[crawl->count++] = crawl->path[i];
		crawl->bytes += length;
	}
}

bool crawl_folder(struct crawl *crawl, const char *folder, char *why, size_t size)
{
	*crawl = (struct crawl){ .folder = folder, .path = calloc(FILES_MAX, sizeof(char *)) };
	if (access(folder, R_OK | X_OK) == -1) {
		snprintf(why, size, "cannot read the folder %s: %s", folder, strerror(errno));
	} else if (!crawl->path || !find_files(crawl)) {
		snprintf(why, size, "cannot walk the folder %s: %s", folder, strerror(errno));
	} else {
		shuffle(crawl->path, crawl->found);
		sample(crawl);
		if (crawl->count)
			return true;
		snprintf(why, size, "no text in %s: it has %u files, and none of them is text with a word in it",
			 folder, crawl->found);
	}
	crawl_free(crawl);
	return false;
}

void crawl_free(struct crawl *crawl)
{
	for (uint32_t i = 0; i < crawl->count; i++)
		free(crawl->path[i]);
	free(crawl->path);
	*crawl = (struct crawl){ 0 };
}
