/*
 * rename.c - the hooks that give a file another name: rename, renameat, renameat2, link and linkat.
 *
 * A rename moves the file at once, because two programs may use it to find out which of them came first. A name that
 * gets another file has it at once. No two files can have one name, so a reader that opens that name gets the new file.
 */
#undef _FORTIFY_SOURCE
#include "defer/place.h"
#include "defer/real.h"
#include "defer/registry.h"
#include "defer/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/*
 * If what is at path is a directory below base: delete what was discarded in it, which is not to move along. Returns 0,
 * or EBUSY if a lease holds something of it. *is_directory: whether it is such a directory.
 */
static int empty_directory(int dirfd, const char *path, const void *caller, bool *is_directory)
{
	struct defer_place place;
	int error = 0;

	*is_directory = false;
	if (!path || !defer_place_find(dirfd, path, &place))
		return 0;
	*is_directory = S_ISDIR(place.st.st_mode) && defer_registry_is_there(caller);
	if (*is_directory)
		error = defer_room_empty(&place);
	defer_place_close(&place);
	return error;
}

/* Returns 0 if the real function is to be called, or an errno. */
static int prepare_rename(int from, const char *old, int to, const char *new, unsigned flags, const void *caller)
{
	bool is_directory;
	struct stat st;
	int error;

	if (defer_room_hides_path(from, old, AT_SYMLINK_NOFOLLOW, caller))
		return ENOENT;
	if (flags & RENAME_EXCHANGE && defer_room_hides_path(to, new, AT_SYMLINK_NOFOLLOW, caller))
		return ENOENT;
	if (!old || REAL(fstatat)(from, old, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	error = flags & RENAME_EXCHANGE ? 0 : defer_room_make(to, new, false, caller);
	if (!error)
		error = empty_directory(from, old, caller, &is_directory);
	if (!error && (is_directory || flags & RENAME_EXCHANGE))
		error = empty_directory(to, new, caller, &is_directory);
	return error;
}

static int prepare_link(int from, const char *old, int to, const char *new, int flags, const void *caller)
{
	if (defer_room_hides_path(from, old, flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW, caller))
		return ENOENT;
	return defer_room_make(to, new, false, caller);
}

HOOK_PREPARED(rename, (const char *old, const char *new), prepare_rename(AT_FDCWD, old, AT_FDCWD, new, 0, caller),
	      (old, new))
HOOK_PREPARED(renameat, (int from, const char *old, int to, const char *new),
	      prepare_rename(from, old, to, new, 0, caller), (from, old, to, new))
HOOK_PREPARED(renameat2, (int from, const char *old, int to, const char *new, unsigned flags),
	      prepare_rename(from, old, to, new, flags, caller), (from, old, to, new, flags))
HOOK_PREPARED(link, (const char *old, const char *new), prepare_link(AT_FDCWD, old, AT_FDCWD, new, 0, caller),
	      (old, new))
HOOK_PREPARED(linkat, (int from, const char *old, int to, const char *new, int flags),
	      prepare_link(from, old, to, new, flags, caller), (from, old, to, new, flags))
