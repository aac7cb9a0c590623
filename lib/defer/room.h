/*
 * room.h - making room for a new file where a discarded file still is, and hiding what was discarded.
 */
#ifndef DEFER_ROOM_H
#define DEFER_ROOM_H

#include <stdbool.h>
#include <sys/stat.h>

#include "defer/place.h"

/*
 * Before something is made at path: take a discarded file or directory away from there. follows: a symbolic link at
 * path leads to the file that is opened. Returns 0; or ENOENT if the directory above was discarded, and EBUSY if a
 * lease holds what is at path.
 */
int defer_room_make(int dirfd, const char *path, bool follows, const void *caller);

/* Whether what is at path, of that kind and device, was discarded. flags: 0 or AT_SYMLINK_NOFOLLOW. */
bool defer_room_hides(int dirfd, const char *path, int flags, mode_t mode, dev_t dev, const void *caller);
bool defer_room_hides_path(int dirfd, const char *path, int flags, const void *caller);

/* Whether what fd has open was discarded. */
bool defer_room_hides_fd(int fd, const void *caller);

/*
 * Delete what was discarded in the directory at place, and below it. For a directory that is moved, or that another
 * directory replaces. Returns 0, or EBUSY if a lease holds something of it.
 */
int defer_room_empty(const struct defer_place *place);

#endif
