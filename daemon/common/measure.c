/*
 * measure.c - the disk space that the deletion of a segment gives back.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <search.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "segreg.h"
#include "common/measure.h"

#define TRASH ".segreg-trash" /* in base: a deletion moves the segment to TRASH/ID.REGISTERED_AT first */

/* A file with several names: its space comes back if all of them are in the segment. */
struct file {
	ino_t ino;
	nlink_t names; /* seen so far */
};

static int by_ino(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	return (x->ino > y->ino) - (x->ino < y->ino);
}

/* Count a name of a file. True: it is the last of its names. */
static bool count_name(void **files, const struct stat *st)
{
	struct file *file = calloc(1, sizeof *file), **found;

	if (!file)
		return false;
	file->ino = st->st_ino;
	found = tsearch(file, files, by_ino);
	if (!found || *found != file)
		free(file);
	return found && ++(*found)->names == st->st_nlink;
}

static bool add_entry(FTSENT *entry, void **files, uint64_t *bytes)
{
	const struct stat *st = entry->fts_statp;

	switch (entry->fts_info) {
	case FTS_DP:
		return true;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		return false;
	case FTS_D:
		break;
	default:
		if (st->st_nlink > 1 && !count_name(files, st))
			return true;
	}
	*bytes += (uint64_t)st->st_blocks * 512;
	return true;
}

static bool measure(char *path, uint64_t *bytes)
{
	FTS *fts = fts_open((char *[]){ path, NULL }, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	void *files = NULL;
	uint64_t sum = 0;
	bool whole = fts != NULL;
	FTSENT *entry;

	while (whole && (errno = 0, entry = fts_read(fts)))
		whole = add_entry(entry, &files, &sum);
	whole = whole && !errno;
	if (fts)
		fts_close(fts);
	tdestroy(files, free);
	if (whole)
		*bytes = sum;
	return whole;
}

bool tool_measure_locate(const char *base, const struct segreg_info *info, char path[TOOL_PLACE_SIZE])
{
	struct stat st;

	if (info->state == SEGREG_DELETING) {
		snprintf(path, TOOL_PLACE_SIZE, "%s/%s/%" PRIu64 ".%" PRId64, base, TRASH, info->id,
			 info->registered_at);
		if (lstat(path, &st) == 0)
			return true;
	}
	snprintf(path, TOOL_PLACE_SIZE, "%s/%s", base, info->path);
	return false;
}

bool tool_measure_segment(const char *base, const struct segreg_info *info, uint64_t *bytes)
{
	return tool_measure_segment_at(-1, base, info, bytes);
}

/* A file at its path is the common case, and needs one system call. */
bool tool_measure_segment_at(int fd, const char *base, const struct segreg_info *info, uint64_t *bytes)
{
	char path[TOOL_PLACE_SIZE];
	struct stat st;

	if (fd != -1 && info->state != SEGREG_DELETING && !info->is_directory && !info->error &&
	    fstatat(fd, info->path, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode)) {
		*bytes = st.st_nlink > 1 ? 0 : (uint64_t)st.st_blocks * 512;
		return true;
	}

	if (!tool_measure_locate(base, info, path) && info->error == ESTALE) /* something else is at its path now */
		return false;
	return measure(path, bytes);
}
