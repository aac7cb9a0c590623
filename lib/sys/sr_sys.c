/*
 * sr_sys.c - every system call that can fail, so that tests can make each of them fail.
 */
#include "sys/sr_sys.h"
#include "sys/sr_sys_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#if SR_TESTING
int (*sr_sys_hook)(const char *call);
void (*sr_stop_hook)(const char *point);
#endif

int sr_sys_openat(int dir, const char *path, int flags, mode_t mode)
{
	if (sr_made_to_fail("openat"))
		return -1;
	return SR_RETRY(openat(dir, path, flags | O_CLOEXEC, mode));
}

void sr_sys_close(int fd)
{
	int errnum = errno;

	close(fd); /* not repeated after EINTR: on Linux the descriptor is closed even so */
	errno = errnum;
}

int sr_sys_fstat(int fd, struct stat *st)
{
	if (sr_made_to_fail("fstat"))
		return -1;
	return fstat(fd, st);
}

int sr_sys_fstatfs(int fd, struct statfs *fs)
{
	if (sr_made_to_fail("fstatfs"))
		return -1;
	return SR_RETRY(fstatfs(fd, fs));
}

ssize_t sr_sys_pread(int fd, void *buf, size_t size, off_t offset)
{
	size_t done = 0;

	if (sr_made_to_fail("pread"))
		return -1;
	while (done < size) {
		ssize_t n = SR_RETRY(pread(fd, (char *)buf + done, size - done, offset + (off_t)done));

		if (n == -1)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static sigset_t only_xfsz(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGXFSZ);
	return set;
}

void sr_sys_calm(struct sr_sys_calm *calm)
{
	sigset_t xfsz = only_xfsz();
	struct rlimit limit;
	int errnum = errno;

	calm->is_calm = (getrlimit(RLIMIT_FSIZE, &limit) == -1 || limit.rlim_cur != RLIM_INFINITY) &&
			pthread_sigmask(SIG_BLOCK, &xfsz, &calm->before) == 0;
	errno = errnum;
}

/*
 * A SIGXFSZ that arrived since sr_sys_calm is ours: take it. If the host had blocked the signal before, it may be
 * waiting for a SIGXFSZ of its own, so we leave the signal.
 */
void sr_sys_uncalm(struct sr_sys_calm *calm)
{
	sigset_t xfsz = only_xfsz();
	int errnum = errno;

	if (calm->is_calm && !sigismember(&calm->before, SIGXFSZ)) {
		while (sigtimedwait(&xfsz, NULL, &(struct timespec){ 0 }) == SIGXFSZ)
			;
		pthread_sigmask(SIG_SETMASK, &calm->before, NULL);
	}
	calm->is_calm = false;
	errno = errnum;
}

static int pwrite_all(int fd, const char *bytes, size_t size, off_t offset)
{
	while (size) {
		ssize_t n = SR_RETRY(pwrite(fd, bytes, size, offset));

		if (n == -1)
			return -1;
		bytes += n;
		size -= (size_t)n;
		offset += n;
	}
	return 0;
}

int sr_sys_pwrite(int fd, const void *buf, size_t size, off_t offset)
{
	struct sr_sys_calm calm;
	int rc;

	if (sr_made_to_fail("pwrite"))
		return -1;
	sr_sys_calm(&calm);
	rc = pwrite_all(fd, buf, size, offset);
	sr_sys_uncalm(&calm);
	return rc;
}

int sr_sys_fsync(int fd)
{
	if (sr_made_to_fail("fsync"))
		return -1;
	return SR_RETRY(fsync(fd));
}

int sr_sys_fchown(int fd, uid_t uid, gid_t gid)
{
	if (sr_made_to_fail("fchown"))
		return -1;
	return fchown(fd, uid, gid);
}

int sr_sys_fchmod(int fd, mode_t mode)
{
	if (sr_made_to_fail("fchmod"))
		return -1;
	return fchmod(fd, mode);
}

ssize_t sr_sys_fgetxattr(int fd, const char *name, void *value, size_t size)
{
	if (sr_made_to_fail("fgetxattr"))
		return -1;
	return fgetxattr(fd, name, value, size);
}

int sr_sys_set_nocow(int fd)
{
	int flags;

	if (sr_made_to_fail("nocow") || ioctl(fd, FS_IOC_GETFLAGS, &flags) == -1)
		return -1;
	flags |= FS_NOCOW_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

int sr_sys_fallocate(int fd, int mode, off_t offset, off_t length)
{
	struct sr_sys_calm calm;
	int rc;

	if (sr_made_to_fail("fallocate"))
		return -1;
	sr_sys_calm(&calm);
	rc = (int)SR_RETRY(fallocate(fd, mode, offset, length));
	sr_sys_uncalm(&calm);
	return rc;
}

int sr_sys_ftruncate(int fd, off_t length)
{
	if (sr_made_to_fail("ftruncate"))
		return -1;
	return SR_RETRY(ftruncate(fd, length));
}

int sr_sys_mkdirat(int dir, const char *name, mode_t mode)
{
	if (sr_made_to_fail("mkdirat"))
		return -1;
	return mkdirat(dir, name, mode);
}

int sr_sys_may_write(const char *path)
{
	if (sr_made_to_fail("faccessat"))
		return -1;
	return faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS);
}

int sr_sys_linkat(int dir, const char *from, const char *to)
{
	if (sr_made_to_fail("linkat"))
		return -1;
	return linkat(dir, from, dir, to, 0);
}

int sr_sys_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	if (sr_made_to_fail("renameat"))
		return -1;
	return renameat(from_dir, from, to_dir, to);
}

/*
 * Rename without RENAME_NOREPLACE, which FUSE file systems do not know. A file that gets the new name after the look is
 * replaced.
 */
static int rename_after_a_look(int from_dir, const char *from, int to_dir, const char *to)
{
	struct sr_identity identity;

	if (sr_identify_unfailed(to_dir, to, &identity) == 0)
		errno = EEXIST;
	return errno == ENOENT ? renameat(from_dir, from, to_dir, to) : -1;
}

int sr_sys_rename_noreplace(int from_dir, const char *from, int to_dir, const char *to)
{
	if (sr_made_to_fail("renameat2"))
		return -1;
	if (!sr_made_to_forbid("renameat2") && renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	return sr_is_forbidden() ? rename_after_a_look(from_dir, from, to_dir, to) : -1;
}

int sr_sys_rename_back(int from_dir, const char *from, int to_dir, const char *to)
{
	if (sr_made_to_fail("renameat2"))
		return -1;
	if (!sr_made_to_forbid("renameat2") && renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	/* link(2) replaces no file, and rename(2) of a directory replaces only an empty directory. */
	if (!sr_is_forbidden())
		return -1;
	if (linkat(from_dir, from, to_dir, to, 0) == 0)
		return unlinkat(from_dir, from, 0);
	return errno == EEXIST ? -1 : renameat(from_dir, from, to_dir, to);
}

int sr_sys_unlinkat(int dir, const char *name, int flags)
{
	if (sr_made_to_fail("unlinkat"))
		return -1;
	return unlinkat(dir, name, flags);
}

int sr_sys_lock_many(int fd, short type, off_t first, off_t n)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = first, .l_len = n };

	if (sr_made_to_fail(type == F_UNLCK ? "unlock" : "lock"))
		return -1;
	if (SR_RETRY(fcntl(fd, F_OFD_SETLK, &lock)) == 0)
		return 0;
	if (errno == EACCES)
		errno = EAGAIN;
	return -1;
}

int sr_sys_lock(int fd, short type, off_t byte)
{
	return sr_sys_lock_many(fd, type, byte, 1);
}

void sr_sys_unlock_all(int fd)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	fcntl(fd, F_OFD_SETLK, &lock);
}

int sr_sys_locked_among(int fd, off_t first, off_t n, off_t *byte)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = first, .l_len = n };

	if (sr_made_to_fail("getlock"))
		return -1;
	if (SR_RETRY(fcntl(fd, F_OFD_GETLK, &lock)) == -1)
		return -1;
	*byte = lock.l_start > first ? lock.l_start : first;
	return lock.l_type != F_UNLCK;
}

int sr_sys_locked(int fd, off_t byte)
{
	off_t at;

	return sr_sys_locked_among(fd, byte, 1, &at);
}

int sr_sys_open_locks(void)
{
	if (sr_made_to_fail("locks"))
		return -1;
	return SR_RETRY(open("/proc/locks", O_RDONLY | O_CLOEXEC));
}

int sr_sys_shm_open(const char *name, int flags, mode_t mode)
{
	if (sr_made_to_fail("shm_open"))
		return -1;
	return SR_RETRY(shm_open(name, flags | O_CLOEXEC | O_NOFOLLOW, mode));
}

int sr_sys_shm_unlink(const char *name)
{
	if (sr_made_to_fail("shm_unlink"))
		return -1;
	return shm_unlink(name);
}

void *sr_sys_mmap(size_t size, int protection, int flags, int fd)
{
	void *address;

	if (sr_made_to_fail("mmap"))
		return NULL;
	address = mmap(NULL, size, protection, flags, fd, 0);
	return address == MAP_FAILED ? NULL : address;
}

uint64_t sr_sys_address_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur : 0;
}

int sr_sys_munmap(void *address, size_t size)
{
	return munmap(address, size);
}

int sr_sys_madvise(void *address, size_t size, int advice)
{
	if (sr_made_to_fail("madvise"))
		return -1;
	return SR_RETRY(madvise(address, size, advice));
}

int sr_sys_random(void *buf, size_t size)
{
	if (sr_made_to_fail("getrandom"))
		return -1;
	return SR_RETRY(getrandom(buf, size, 0)) == (ssize_t)size ? 0 : -1;
}

int sr_sys_futex_wait(uint32_t *word, uint32_t expected, const struct timespec *timeout)
{
	return (int)syscall(SYS_futex, word, FUTEX_WAIT, expected, timeout, NULL, 0);
}

void sr_sys_futex_wake(uint32_t *word, int most)
{
	syscall(SYS_futex, word, FUTEX_WAKE, most, NULL, NULL, 0);
}

int sr_sys_touch(const char *path)
{
	if (sr_made_to_fail("utimensat"))
		return -1;
	return utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}

int sr_sys_inotify_open(void)
{
	if (sr_made_to_fail("inotify_init1"))
		return -1;
	return inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
}

int sr_sys_inotify_add(int fd, const char *path, uint32_t mask)
{
	if (sr_made_to_fail("inotify_add_watch"))
		return -1;
	return inotify_add_watch(fd, path, mask | IN_DONT_FOLLOW) == -1 ? -1 : 0;
}

/* Events may come as fast as they are read. What a drain leaves keeps the descriptor readable. */
#define DRAIN_MOST 64

int sr_sys_inotify_drain(int fd)
{
	char events[4096];
	ssize_t got = 1;

	for (int i = 0; i < DRAIN_MOST && got > 0; i++)
		got = sr_made_to_fail("read") ? -1 : SR_RETRY(read(fd, events, sizeof(events)));
	return got == -1 && errno != EAGAIN ? -1 : 0;
}

void *sr_sys_malloc(size_t size)
{
	if (sr_made_to_fail("malloc"))
		return NULL;
	return malloc(size ? size : 1);
}

void *sr_sys_calloc(size_t n, size_t size)
{
	if (sr_made_to_fail("malloc"))
		return NULL;
	return calloc(n, size);
}

void *sr_sys_realloc(void *memory, size_t size)
{
	if (sr_made_to_fail("malloc"))
		return NULL;
	return realloc(memory, size ? size : 1);
}

static int64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t sr_sys_realtime(void)
{
	return now(CLOCK_REALTIME);
}

int64_t sr_sys_monotonic(void)
{
	return now(CLOCK_MONOTONIC);
}

void sr_sys_sleep(int64_t nanoseconds)
{
	struct timespec t = { .tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000 };

	while (nanosleep(&t, &t) == -1 && errno == EINTR)
		;
}
