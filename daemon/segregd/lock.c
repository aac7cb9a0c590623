/*
 * lock.c - one segregd for each registry: the lock that it holds for as long as it runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segreg.h"
#include "common/served.h"
#include "segregd/lock.h"

static const char *path_of(const char *dir, char path[SEGREG_PATH_SIZE])
{
	snprintf(path, SEGREG_PATH_SIZE, "%s/%s", dir, TOOL_SWEEPER_LOCK);
	return path;
}

int lock_take(const char *dir, bool may_make)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[SEGREG_PATH_SIZE];
	int error, fd = open(path_of(dir, path),
			     O_RDWR | (may_make ? O_CREAT : 0) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);

	if (fd == -1 || fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

bool lock_is_current(int fd, const char *dir)
{
	char path[SEGREG_PATH_SIZE];
	struct stat held, there;

	return fstat(fd, &held) == 0 && lstat(path_of(dir, path), &there) == 0 && held.st_dev == there.st_dev &&
	       held.st_ino == there.st_ino;
}
