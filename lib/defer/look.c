/*
 * look.c - the hooks that look whether something is there: stat and its kin, access, truncate. And fsync of a
 * directory, after which what was deleted in it must stay deleted.
 */
#undef _FORTIFY_SOURCE
#include "defer/real.h"
#include "defer/registry.h"
#include "defer/room.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Call the real function, which finds something of that mode and device; then look whether that was discarded. */
#define LOOK(call, dirfd, path, flags, mode, dev)                                                                      \
	do {                                                                                                           \
		const void *caller = __builtin_return_address(0);                                                      \
		int error, result;                                                                                     \
                                                                                                                       \
		if (!defer_real_enter(&error))                                                                         \
			return call;                                                                                   \
		result = call;                                                                                         \
		if (result)                                                                                            \
			error = errno;                                                                                 \
		else if (defer_room_hides(dirfd, path, flags, mode, dev, caller)) {                                    \
			error = ENOENT;                                                                                \
			result = -1;                                                                                   \
		}                                                                                                      \
		defer_real_leave(error);                                                                               \
		return result;                                                                                         \
	} while (0)

#define HOOK_STAT(name, type, flags)                                                                                   \
	HOOK int name(const char *path, type *st)                                                                      \
	{                                                                                                              \
		LOOK(REAL(name)(path, st), AT_FDCWD, path, flags, st->st_mode, st->st_dev);                            \
	}

#define HOOK_STATAT(name, type)                                                                                        \
	HOOK int name(int dirfd, const char *path, type *st, int flags)                                                \
	{                                                                                                              \
		LOOK(REAL(name)(dirfd, path, st, flags), dirfd, path, flags, st->st_mode, st->st_dev);                 \
	}

HOOK_STAT(stat, struct stat, 0)
HOOK_STAT(stat64, struct stat64, 0)
HOOK_STAT(lstat, struct stat, AT_SYMLINK_NOFOLLOW)
HOOK_STAT(lstat64, struct stat64, AT_SYMLINK_NOFOLLOW)
HOOK_STATAT(fstatat, struct stat)
HOOK_STATAT(fstatat64, struct stat64)

/* What a program calls that was linked with a C library before 2.33. */
int __xstat(int version, const char *path, struct stat *st);
int __xstat64(int version, const char *path, struct stat64 *st);
int __lxstat(int version, const char *path, struct stat *st);
int __lxstat64(int version, const char *path, struct stat64 *st);
int __fxstatat(int version, int dirfd, const char *path, struct stat *st, int flags);
int __fxstatat64(int version, int dirfd, const char *path, struct stat64 *st, int flags);

#define HOOK_OLD_STAT(name, type, flags)                                                                               \
	HOOK int name(int version, const char *path, type *st)                                                         \
	{                                                                                                              \
		LOOK(REAL(name)(version, path, st), AT_FDCWD, path, flags, st->st_mode, st->st_dev);                   \
	}

#define HOOK_OLD_STATAT(name, type)                                                                                    \
	HOOK int name(int version, int dirfd, const char *path, type *st, int flags)                                   \
	{                                                                                                              \
		LOOK(REAL(name)(version, dirfd, path, st, flags), dirfd, path, flags, st->st_mode, st->st_dev);        \
	}

HOOK_OLD_STAT(__xstat, struct stat, 0)
HOOK_OLD_STAT(__xstat64, struct stat64, 0)
HOOK_OLD_STAT(__lxstat, struct stat, AT_SYMLINK_NOFOLLOW)
HOOK_OLD_STAT(__lxstat64, struct stat64, AT_SYMLINK_NOFOLLOW)
HOOK_OLD_STATAT(__fxstatat, struct stat)
HOOK_OLD_STATAT(__fxstatat64, struct stat64)

/* Calls that do not say what they found. */
#define HOOK_PATH(name, parameters, dirfd, flags, call)                                                                \
	HOOK int name parameters                                                                                       \
	{                                                                                                              \
		const void *caller = __builtin_return_address(0);                                                      \
		int error;                                                                                             \
		bool hides;                                                                                            \
                                                                                                                       \
		if (!defer_real_enter(&error))                                                                         \
			return REAL(name) call;                                                                        \
		hides = defer_room_hides_path(dirfd, path, flags, caller);                                             \
		defer_real_leave(hides ? ENOENT : error);                                                              \
		return hides ? -1 : REAL(name) call;                                                                   \
	}

HOOK_PATH(statx, (int dirfd, const char *path, int flags, unsigned mask, struct statx *st), dirfd,
	  flags &AT_SYMLINK_NOFOLLOW, (dirfd, path, flags, mask, st))
HOOK_PATH(access, (const char *path, int mode), AT_FDCWD, 0, (path, mode))
HOOK_PATH(eaccess, (const char *path, int mode), AT_FDCWD, 0, (path, mode))
HOOK_PATH(euidaccess, (const char *path, int mode), AT_FDCWD, 0, (path, mode))
HOOK_PATH(faccessat, (int dirfd, const char *path, int mode, int flags), dirfd, flags &AT_SYMLINK_NOFOLLOW,
	  (dirfd, path, mode, flags))
HOOK_PATH(truncate, (const char *path, off_t length), AT_FDCWD, 0, (path, length))
HOOK_PATH(truncate64, (const char *path, off64_t length), AT_FDCWD, 0, (path, length))

/* ---------------------------------------------------------------- durability */

static void before_sync(int fd)
{
	struct stat st;
	int error;

	if (!defer_real_enter(&error))
		return;
	if (REAL(fstat)(fd, &st) == 0 && S_ISDIR(st.st_mode))
		defer_registry_flush();
	defer_real_leave(error);
}

HOOK int fsync(int fd)
{
	before_sync(fd);
	return REAL(fsync)(fd);
}

HOOK int fdatasync(int fd)
{
	before_sync(fd);
	return REAL(fdatasync)(fd);
}
