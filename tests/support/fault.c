/*
 * fault.c - disks that fail and clocks that jump, for code that does not go through sr_sys: LMDB, and time.
 */
#include "fault.h"
#include "harness.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define VISIBLE __attribute__((visibility("default")))
#define META_END 8192 /* LMDB's two meta pages come first in the file */

static struct {
	dev_t dev;
	ino_t ino;
	int errnum[T_DISK_WRITES];
	unsigned failed;
} fault;

static int64_t clock_offset; /* nanoseconds */

void t_fail_disk(const char *path, enum t_disk_write kind, int errnum)
{
	struct stat st;

	T_SYS(stat(path, &st));
	fault.dev = st.st_dev;
	fault.ino = st.st_ino;
	fault.errnum[kind] = errnum;
	fault.failed = 0;
}

unsigned t_failed_writes(void)
{
	return fault.failed;
}

void t_clock_forward(int64_t milliseconds)
{
	clock_offset += milliseconds * 1000000;
}

static bool fails(int fd, enum t_disk_write kind)
{
	struct stat st;

	if (!fault.errnum[kind] || fstat(fd, &st) == -1 || st.st_dev != fault.dev || st.st_ino != fault.ino)
		return false;
	fault.failed++;
	errno = fault.errnum[kind];
	return true;
}

static enum t_disk_write kind_at(off_t offset)
{
	return offset < META_END ? T_META_PAGE : T_DATA_PAGES;
}

VISIBLE ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
	return fails(fd, kind_at(offset)) ? -1 : syscall(SYS_pwrite64, fd, bytes, size, offset);
}

/* LMDB's way to write several pages at once. */
VISIBLE ssize_t writev(int fd, const struct iovec *vector, int count)
{
	return fails(fd, T_DATA_PAGES) ? -1 : syscall(SYS_writev, fd, vector, count);
}

VISIBLE int fdatasync(int fd)
{
	return fails(fd, T_SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

VISIBLE int clock_gettime(clockid_t clock, struct timespec *now)
{
	int64_t nanoseconds;

	if (syscall(SYS_clock_gettime, clock, now) == -1)
		return -1;
	if (clock != CLOCK_REALTIME || !clock_offset)
		return 0;
	nanoseconds = now->tv_sec * 1000000000 + now->tv_nsec + clock_offset;
	now->tv_sec = nanoseconds / 1000000000;
	now->tv_nsec = nanoseconds % 1000000000;
	return 0;
}
