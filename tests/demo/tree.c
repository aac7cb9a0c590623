/*
 * tree.c - the disk's own account, as du(1) and rm(1) would give it.
 */
#include "tree.h"

#include <dirent.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static FTS *open_tree(const char *path)
{
	char *copy = strdupa(path);
	char *const roots[] = { copy, NULL };

	return fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
}

uint64_t tree_usage(const char *path)
{
	FTS *tree = open_tree(path);
	uint64_t blocks = 0;
	FTSENT *entry;

	if (!tree)
		return 0;
	while ((entry = fts_read(tree)))
		if (entry->fts_info != FTS_DP && entry->fts_info != FTS_NS)
			blocks += (uint64_t)entry->fts_statp->st_blocks;
	fts_close(tree);
	return blocks * 512;
}

bool tree_remove(const char *path)
{
	FTS *tree = open_tree(path);
	bool gone = true;
	FTSENT *entry;

	if (!tree)
		return false;
	while ((entry = fts_read(tree)))
		if (entry->fts_info != FTS_D && remove(entry->fts_accpath) == -1)
			gone = false;
	fts_close(tree);
	return gone;
}

bool tree_entries(const char *dir, void (*fn)(void *arg, const char *name), void *arg)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;

	if (!stream)
		return false;
	while ((entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			fn(arg, entry->d_name);
	closedir(stream);
	return true;
}
