/*
 * make.c - the hooks that make something: open with O_CREAT and its kin, mkdir, symlink and mknod. And open without
 * O_CREAT, which does not find what was discarded.
 *
 * A file that is opened for truncation is looked at before. Any other file is looked at when it is open, which costs
 * less and cannot be fooled by a name that changes.
 */
#undef _FORTIFY_SOURCE
#include "defer/place.h"
#include "defer/real.h"
#include "defer/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEEDS_MODE(flags) ((flags)&O_CREAT || ((flags)&O_TMPFILE) == O_TMPFILE)

/* Before an open. Returns 0 or an errno. */
static int prepare(int dirfd, const char *path, int flags, const void *caller)
{
	if (flags & O_CREAT)
		return defer_room_make(dirfd, path, !(flags & (O_EXCL | O_NOFOLLOW)), caller);
	if (flags & O_TRUNC && defer_room_hides_path(dirfd, path, flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0, caller))
		return ENOENT;
	return 0;
}

/* After an open without O_CREAT: close what was discarded. Returns 0 or an errno. */
static int check(int fd, int flags, const void *caller)
{
	struct stat st;

	if (REAL(fstat)(fd, &st) || !defer_place_may_be(st.st_mode, st.st_dev) || (flags & O_TMPFILE) == O_TMPFILE ||
	    !defer_room_hides_fd(fd, caller))
		return 0;
	close(fd);
	return ENOENT;
}

/* call is the call of the real function. It may wait for long, so the thread is in no hook meanwhile. */
#define OPEN(dirfd, path, flags, call)                                                                                 \
	do {                                                                                                           \
		const void *caller = __builtin_return_address(0);                                                      \
		int error, result, fd;                                                                                 \
                                                                                                                       \
		if (!defer_real_enter(&error))                                                                         \
			return call;                                                                                   \
		result = prepare(dirfd, path, flags, caller);                                                          \
		defer_real_leave(result ? result : error);                                                             \
		if (result)                                                                                            \
			return -1;                                                                                     \
		fd = call;                                                                                             \
		if (fd == -1 || (flags)&O_CREAT || !defer_real_enter(&error))                                          \
			return fd;                                                                                     \
		result = check(fd, flags, caller);                                                                     \
		defer_real_leave(result ? result : error);                                                             \
		return result ? -1 : fd;                                                                               \
	} while (0)

#define GET_MODE(mode, flags)                                                                                          \
	if (NEEDS_MODE(flags)) {                                                                                       \
		va_list args;                                                                                          \
                                                                                                                       \
		va_start(args, flags);                                                                                 \
		mode = va_arg(args, mode_t);                                                                           \
		va_end(args);                                                                                          \
	}

#define HOOK_OPEN(name)                                                                                                \
	HOOK int name(const char *path, int flags, ...)                                                                \
	{                                                                                                              \
		mode_t mode = 0;                                                                                       \
                                                                                                                       \
		GET_MODE(mode, flags)                                                                                  \
		OPEN(AT_FDCWD, path, flags, REAL(name)(path, flags, mode));                                            \
	}

#define HOOK_OPENAT(name)                                                                                              \
	HOOK int name(int dirfd, const char *path, int flags, ...)                                                     \
	{                                                                                                              \
		mode_t mode = 0;                                                                                       \
                                                                                                                       \
		GET_MODE(mode, flags)                                                                                  \
		OPEN(dirfd, path, flags, REAL(name)(dirfd, path, flags, mode));                                        \
	}

#define HOOK_CREAT(name)                                                                                               \
	HOOK int name(const char *path, mode_t mode)                                                                   \
	{                                                                                                              \
		OPEN(AT_FDCWD, path, O_CREAT | O_TRUNC | O_WRONLY, REAL(name)(path, mode));                            \
	}

HOOK_OPEN(open)
HOOK_OPEN(open64)
HOOK_OPENAT(openat)
HOOK_OPENAT(openat64)
HOOK_CREAT(creat)
HOOK_CREAT(creat64)

/* What a program calls that was compiled with _FORTIFY_SOURCE. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dirfd, const char *path, int flags);
int __openat64_2(int dirfd, const char *path, int flags);

#define HOOK_OPEN_2(name)                                                                                              \
	HOOK int name(const char *path, int flags)                                                                     \
	{                                                                                                              \
		OPEN(AT_FDCWD, path, flags, REAL(name)(path, flags));                                                  \
	}

#define HOOK_OPENAT_2(name)                                                                                            \
	HOOK int name(int dirfd, const char *path, int flags)                                                          \
	{                                                                                                              \
		OPEN(dirfd, path, flags, REAL(name)(dirfd, path, flags));                                              \
	}

HOOK_OPEN_2(__open_2)
HOOK_OPEN_2(__open64_2)
HOOK_OPENAT_2(__openat_2)
HOOK_OPENAT_2(__openat64_2)

/* ---------------------------------------------------------------- streams */

/* Before a stream is opened. A stream for reading only must not find what was discarded either. */
static int prepare_stream(const char *path, const char *mode, const void *caller)
{
	int flags = mode[0] == 'r' ? O_TRUNC : O_CREAT | (strchr(mode, 'x') ? O_EXCL : 0);

	return path ? prepare(AT_FDCWD, path, flags, caller) : 0;
}

#define HOOK_STREAM(name, parameters, call)                                                                            \
	HOOK FILE *name parameters                                                                                     \
	{                                                                                                              \
		const void *caller = __builtin_return_address(0);                                                      \
		int error, result;                                                                                     \
                                                                                                                       \
		if (!defer_real_enter(&error))                                                                         \
			return REAL(name) call;                                                                        \
		result = prepare_stream(path, mode, caller);                                                           \
		defer_real_leave(result ? result : error);                                                             \
		return result ? NULL : REAL(name) call;                                                                \
	}

HOOK_STREAM(fopen, (const char *path, const char *mode), (path, mode))
HOOK_STREAM(fopen64, (const char *path, const char *mode), (path, mode))
HOOK_STREAM(freopen, (const char *path, const char *mode, FILE *stream), (path, mode, stream))
HOOK_STREAM(freopen64, (const char *path, const char *mode, FILE *stream), (path, mode, stream))

/* ---------------------------------------------------------------- other files */

#define HOOK_MAKE(name, parameters, dirfd, call)                                                                       \
	HOOK_PREPARED(name, parameters, defer_room_make(dirfd, path, false, caller), call)

HOOK_MAKE(mkdir, (const char *path, mode_t mode), AT_FDCWD, (path, mode))
HOOK_MAKE(mkdirat, (int dirfd, const char *path, mode_t mode), dirfd, (dirfd, path, mode))
HOOK_MAKE(mkfifo, (const char *path, mode_t mode), AT_FDCWD, (path, mode))
HOOK_MAKE(mkfifoat, (int dirfd, const char *path, mode_t mode), dirfd, (dirfd, path, mode))
HOOK_MAKE(mknod, (const char *path, mode_t mode, dev_t device), AT_FDCWD, (path, mode, device))
HOOK_MAKE(mknodat, (int dirfd, const char *path, mode_t mode, dev_t device), dirfd, (dirfd, path, mode, device))
HOOK_MAKE(symlink, (const char *target, const char *path), AT_FDCWD, (target, path))
HOOK_MAKE(symlinkat, (const char *target, int dirfd, const char *path), dirfd, (target, dirfd, path))
