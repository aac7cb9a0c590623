/*
 * place.c - the temporary directories of this run.
 */
#include "place/place.h"

#include "common/fail.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char disk_dir[256], memory_dir[256];

static const char *make_dir(char dir[256], const char *parent)
{
	if (*dir)
		return dir;
	snprintf(dir, 256, "%s/segreg-bench-XXXXXX", parent);
	if (!mkdtemp(dir))
		fail(dir);
	return dir;
}

const char *place_disk(void)
{
	const char *parent = getenv("BENCH_DIR");

	return make_dir(disk_dir, parent && *parent ? parent : "/var/tmp");
}

const char *place_memory(void)
{
	return make_dir(memory_dir, "/dev/shm");
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_entry, 32, FTW_PHYS | FTW_MOUNT | FTW_DEPTH);
}

void place_remove_all(void)
{
	if (*disk_dir)
		remove_tree(disk_dir);
	if (*memory_dir)
		remove_tree(memory_dir);
}
