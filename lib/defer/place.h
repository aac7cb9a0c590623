/*
 * place.h - where a path of the program lies: below base, or elsewhere.
 */
#ifndef DEFER_PLACE_H
#define DEFER_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "segreg.h"

struct defer_place {
	int dir;                        /* a descriptor of the directory above, opened with O_PATH */
	char leaf[256];                 /* the last component */
	char path[SEGREG_PATH_MAX + 1]; /* relative to base */
	struct stat st;                 /* what is there, symbolic links not followed; st_mode is 0 if nothing is */
};

/* Set base and the directory of the registry, both absolute. Nothing lies below base before. */
void defer_place_set(const char *base, const char *registry);

/*
 * Find the place of path, which is relative to dirfd or absolute as in openat(2). Returns false if it is not below
 * base, cannot be a segment's path, or leads to no directory. Otherwise end with defer_place_close.
 */
bool defer_place_find(int dirfd, const char *path, struct defer_place *place);
void defer_place_close(const struct defer_place *place);

/* The path relative to base of what fd has open. False as for defer_place_find. "" is base itself. */
bool defer_place_of(int fd, char path[SEGREG_PATH_MAX + 1]);

/* Whether a file of this kind, on that device, may have been discarded. */
bool defer_place_may_be(mode_t mode, dev_t dev);

/* The last component of path, or "". */
const char *defer_place_leaf(const char *path);

#endif
