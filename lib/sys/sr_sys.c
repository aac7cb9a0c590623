/*
 * sr_sys.c - every system call that can fail, so that tests can make it fail; and the points at which they can stop us.
 */
#include "sys/sr_sys.h"
#include "sys/sr_atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#if SR_TESTING
int (*sr_sys_hook)(const char *call);
void (*sr_stop_hook)(const char *point);

static bool made_to_fail(const char *call)
{
	int errnum = sr_sys_hook ? sr_sys_hook(call) : 0;

	if (errnum)
		errno = errnum;
	return errnum != 0;
}
#else
#define made_to_fail(call) false
#endif

/* Where a test says so, a call beyond POSIX is not to be had at all, as under a filter. */
#define made_to_forbid(call) made_to_fail(call ".forbidden")

/* Whether the last failure may mean that the call is not to be had: an old kernel, a file system that does not know its flags, or a
 * filter (seccomp) of a container or of systemd. */
static bool is_forbidden(void)
{
	return errno == ENOSYS || errno == EPERM || errno == EINVAL || errno == EOPNOTSUPP;
}

/* The result of a call that is tried again after a signal. */
#define RETRY(call)                                                                                                  \
	__extension__({                                                                                               \
		__typeof__(call) result_;                                                                            \
		do                                                                                                   \
			result_ = (call);                                                                            \
		while (result_ == -1 && errno == EINTR);                                                             \
		result_;                                                                                             \
	})

int sr_sys_openat(int dir, const char *path, int flags, mode_t mode)
{
	if (made_to_fail("openat"))
		return -1;
	return RETRY(openat(dir, path, flags | O_CLOEXEC, mode));
}

static int identify(int dir, const char *name, struct sr_identity *identity);

static int open_by_openat2(int dir, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	long fd;

	if (made_to_fail("openat2"))
		return -1;
	/* EAGAIN: something was renamed during a look-up beneath; the kernel asks us to look again. */
	do
		fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
	while (fd == -1 && (errno == EINTR || errno == EAGAIN));
	return (int)fd;
}

/* Asked once: what openat2 says of the root, for which any kernel that has it has an answer. */
static bool has_openat2(void)
{
	static uint32_t answer; /* 0: not asked, 1: no, 2: yes */
	uint32_t known = sr_load_acquire_u32(&answer);
	int fd;

	if (made_to_forbid("openat2"))
		return false;
	if (known)
		return known == 2;
	fd = (int)syscall(SYS_openat2, AT_FDCWD, "/", &(struct open_how){ .flags = O_PATH | O_CLOEXEC }, sizeof(struct open_how));
	known = fd >= 0 || !is_forbidden() ? 2 : 1;
	if (fd >= 0)
		close(fd);
	sr_store_release_u32(&answer, known);
	return known == 2;
}

/* The next component of *path, which moves behind it. False: there is none, or one that leads out, with errno. */
static bool next_part(const char **path, char part[NAME_MAX + 1])
{
	size_t length = strcspn(*path, "/");

	errno = 0;
	if (length > NAME_MAX)
		errno = ENAMETOOLONG;
	else if (length == 0 && **path)
		errno = EXDEV; /* absolute, or an empty one */
	if (errno || length == 0)
		return false;
	memcpy(part, *path, length);
	part[length] = '\0';
	*path += length + ((*path)[length] == '/');
	if (strcmp(part, "..") == 0)
		errno = EXDEV;
	return !errno;
}

/* Is dir, which was opened without following a link, of that device and not the root of another mount? False with errno. */
static bool is_same_mount(int fd, uint64_t dev)
{
	struct sr_identity identity;

	if (identify(fd, "", &identity) == -1)
		return false;
	errno = S_ISLNK(identity.mode) ? ELOOP : EXDEV;
	return identity.dev == dev && !identity.is_mount && !S_ISLNK(identity.mode);
}

static int close_failing(int fd)
{
	sr_sys_close(fd);
	return -1;
}

/*
 * What openat2 does, in steps: each component is opened without following a link, and must be on dir's device and no mount. Each step
 * starts from the directory that the step before has opened, so nobody can lead it elsewhere by exchanging what lies behind.
 */
static int open_in_steps(int dir, const char *path, int flags)
{
	struct sr_identity start;
	char part[NAME_MAX + 1];
	int at = dir, fd;

	if (made_to_fail("openat2") || identify(dir, "", &start) == -1)
		return -1;
	if (!*path)
		errno = ENOENT;
	while (next_part(&path, part)) {
		bool last = !*path;

		fd = (int)RETRY(openat(at, part, (last ? flags | O_NOFOLLOW : O_PATH | O_NOFOLLOW) | O_CLOEXEC));
		if (at != dir)
			sr_sys_close(at);
		if (fd == -1)
			return -1;
		if (strcmp(part, ".") && !is_same_mount(fd, start.dev))
			return close_failing(fd);
		if (last)
			return fd;
		at = fd;
	}
	return at != dir ? close_failing(at) : -1;
}

int sr_sys_open_beneath(int dir, const char *path, int flags)
{
	return has_openat2() ? open_by_openat2(dir, path, flags) : open_in_steps(dir, path, flags);
}

void sr_sys_close(int fd)
{
	int errnum = errno;

	close(fd); /* never again after EINTR: on Linux the descriptor is gone */
	errno = errnum;
}

int sr_sys_fstat(int fd, struct stat *st)
{
	if (made_to_fail("fstat"))
		return -1;
	return fstat(fd, st);
}

/*
 * Not the times: where timestamps are multigrain (Linux 6.13), a file whose mtime or ctime was asked for gets a new one with the
 * next write, and fdatasync then writes its inode as well.
 */
#define IDENTITY (STATX_BASIC_STATS & ~(STATX_ATIME | STATX_MTIME | STATX_CTIME))

/* Without statx: no birth time, and nobody tells what a mount is. */
static int identify_by_fstatat(int dir, const char *name, struct sr_identity *identity)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH) == -1)
		return -1;
	*identity = (struct sr_identity){
		.dev = st.st_dev, .ino = st.st_ino, .mode = st.st_mode, .nlink = st.st_nlink, .blocks = (uint64_t)st.st_blocks,
		.size = (uint64_t)st.st_size,
	};
	return 0;
}

static int identify(int dir, const char *name, struct sr_identity *identity)
{
	struct statx stx;

	if (made_to_forbid("statx"))
		return identify_by_fstatat(dir, name, identity);
	if (RETRY(statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH,
			IDENTITY | STATX_BTIME, &stx)) == -1)
		return errno == ENOSYS || errno == EPERM ? identify_by_fstatat(dir, name, identity) : -1;
	*identity = (struct sr_identity){
		.dev = makedev(stx.stx_dev_major, stx.stx_dev_minor),
		.ino = stx.stx_ino,
		.btime = stx.stx_mask & STATX_BTIME ?
				 stx.stx_btime.tv_sec * 1000000000 + stx.stx_btime.tv_nsec : 0,
		.mode = stx.stx_mode,
		.is_mount = stx.stx_attributes & stx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT,
		.nlink = stx.stx_nlink,
		.blocks = stx.stx_blocks,
		.size = stx.stx_size,
	};
	return 0;
}

int sr_sys_identify(int dir, const char *name, struct sr_identity *identity)
{
	return made_to_fail("statx") ? -1 : identify(dir, name, identity);
}

int sr_sys_identify_open(int fd, struct sr_identity *identity)
{
	return made_to_fail("fstat") ? -1 : identify(fd, "", identity);
}

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200 /* Linux 6.5: handles that only identify; overlayfs has no others */
#endif

/* FNV-1a, 64 bits (Fowler, Noll, Vo). Never 0. */
static uint64_t hash_bytes(const unsigned char *bytes, size_t n, uint64_t hash)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ull;
	return hash ? hash : 1;
}

uint64_t sr_sys_file_id(int dir, const char *name)
{
	union {
		struct file_handle handle;
		unsigned char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .handle.handle_bytes = MAX_HANDLE_SZ };
	int mount, flags = *name ? 0 : AT_EMPTY_PATH, errnum = errno, rc;
	uint64_t hash;

	if (made_to_fail("name_to_handle_at"))
		return 0;
	rc = name_to_handle_at(dir, name, &u.handle, &mount, flags | AT_HANDLE_FID);
	if (rc == -1 && errno == EINVAL)
		rc = name_to_handle_at(dir, name, &u.handle, &mount, flags);
	errno = errnum;
	if (rc == -1)
		return 0;
	hash = hash_bytes((const unsigned char *)&u.handle.handle_type, sizeof(u.handle.handle_type), 0xcbf29ce484222325ull);
	return hash_bytes(u.handle.f_handle, u.handle.handle_bytes, hash);
}

int sr_sys_fstatfs(int fd, struct statfs *fs)
{
	if (made_to_fail("fstatfs"))
		return -1;
	return RETRY(fstatfs(fd, fs));
}

ssize_t sr_sys_pread(int fd, void *buf, size_t size, off_t offset)
{
	size_t done = 0;

	if (made_to_fail("pread"))
		return -1;
	while (done < size) {
		ssize_t n = RETRY(pread(fd, (char *)buf + done, size - done, offset + (off_t)done));

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

/* A signal that came meanwhile is ours, unless the host had blocked it before and is waiting for one. */
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
		ssize_t n = RETRY(pwrite(fd, bytes, size, offset));

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

	if (made_to_fail("pwrite"))
		return -1;
	sr_sys_calm(&calm);
	rc = pwrite_all(fd, buf, size, offset);
	sr_sys_uncalm(&calm);
	return rc;
}

int sr_sys_fsync(int fd)
{
	if (made_to_fail("fsync"))
		return -1;
	return RETRY(fsync(fd));
}

int sr_sys_fchown(int fd, uid_t uid, gid_t gid)
{
	if (made_to_fail("fchown"))
		return -1;
	return fchown(fd, uid, gid);
}

int sr_sys_fchmod(int fd, mode_t mode)
{
	if (made_to_fail("fchmod"))
		return -1;
	return fchmod(fd, mode);
}

ssize_t sr_sys_fgetxattr(int fd, const char *name, void *value, size_t size)
{
	if (made_to_fail("fgetxattr"))
		return -1;
	return fgetxattr(fd, name, value, size);
}

int sr_sys_set_nocow(int fd)
{
	int flags;

	if (made_to_fail("nocow") || ioctl(fd, FS_IOC_GETFLAGS, &flags) == -1)
		return -1;
	flags |= FS_NOCOW_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

int sr_sys_fallocate(int fd, int mode, off_t offset, off_t length)
{
	struct sr_sys_calm calm;
	int rc;

	if (made_to_fail("fallocate"))
		return -1;
	sr_sys_calm(&calm);
	rc = (int)RETRY(fallocate(fd, mode, offset, length));
	sr_sys_uncalm(&calm);
	return rc;
}

int sr_sys_ftruncate(int fd, off_t length)
{
	if (made_to_fail("ftruncate"))
		return -1;
	return RETRY(ftruncate(fd, length));
}

int sr_sys_mkdirat(int dir, const char *name, mode_t mode)
{
	if (made_to_fail("mkdirat"))
		return -1;
	return mkdirat(dir, name, mode);
}

int sr_sys_may_write(const char *path)
{
	if (made_to_fail("faccessat"))
		return -1;
	return faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS);
}

int sr_sys_linkat(int dir, const char *from, const char *to)
{
	if (made_to_fail("linkat"))
		return -1;
	return linkat(dir, from, dir, to, 0);
}

int sr_sys_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	if (made_to_fail("renameat"))
		return -1;
	return renameat(from_dir, from, to_dir, to);
}

/* Without RENAME_NOREPLACE, which FUSE file systems do not know: what gets that name after the look is replaced. */
static int rename_after_a_look(int from_dir, const char *from, int to_dir, const char *to)
{
	struct sr_identity identity;

	if (identify(to_dir, to, &identity) == 0)
		errno = EEXIST;
	return errno == ENOENT ? renameat(from_dir, from, to_dir, to) : -1;
}

int sr_sys_rename_noreplace(int from_dir, const char *from, int to_dir, const char *to)
{
	if (made_to_fail("renameat2"))
		return -1;
	if (!made_to_forbid("renameat2") && renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	return is_forbidden() ? rename_after_a_look(from_dir, from, to_dir, to) : -1;
}

int sr_sys_rename_back(int from_dir, const char *from, int to_dir, const char *to)
{
	if (made_to_fail("renameat2"))
		return -1;
	if (!made_to_forbid("renameat2") && renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	/* link(2) replaces nothing, and a rename of a directory nothing but an empty one. */
	if (!is_forbidden())
		return -1;
	if (linkat(from_dir, from, to_dir, to, 0) == 0)
		return unlinkat(from_dir, from, 0);
	return errno == EEXIST ? -1 : renameat(from_dir, from, to_dir, to);
}

int sr_sys_unlinkat(int dir, const char *name, int flags)
{
	if (made_to_fail("unlinkat"))
		return -1;
	return unlinkat(dir, name, flags);
}

int sr_sys_lock(int fd, short type, off_t byte)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	if (made_to_fail(type == F_UNLCK ? "unlock" : "lock"))
		return -1;
	if (RETRY(fcntl(fd, F_OFD_SETLK, &lock)) == 0)
		return 0;
	if (errno == EACCES)
		errno = EAGAIN;
	return -1;
}

void sr_sys_unlock_all(int fd)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	fcntl(fd, F_OFD_SETLK, &lock);
}

int sr_sys_locked(int fd, off_t byte)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	if (made_to_fail("getlock"))
		return -1;
	if (RETRY(fcntl(fd, F_OFD_GETLK, &lock)) == -1)
		return -1;
	return lock.l_type != F_UNLCK;
}

int sr_sys_open_locks(void)
{
	if (made_to_fail("locks"))
		return -1;
	return RETRY(open("/proc/locks", O_RDONLY | O_CLOEXEC));
}

int sr_sys_shm_open(const char *name, int flags, mode_t mode)
{
	if (made_to_fail("shm_open"))
		return -1;
	return RETRY(shm_open(name, flags | O_CLOEXEC | O_NOFOLLOW, mode));
}

int sr_sys_shm_unlink(const char *name)
{
	if (made_to_fail("shm_unlink"))
		return -1;
	return shm_unlink(name);
}

void *sr_sys_mmap(size_t size, int protection, int flags, int fd)
{
	void *address;

	if (made_to_fail("mmap"))
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
	if (made_to_fail("madvise"))
		return -1;
	return RETRY(madvise(address, size, advice));
}

int sr_sys_random(void *buf, size_t size)
{
	if (made_to_fail("getrandom"))
		return -1;
	return RETRY(getrandom(buf, size, 0)) == (ssize_t)size ? 0 : -1;
}

int sr_sys_futex_wait(uint32_t *word, uint32_t expected, const struct timespec *timeout)
{
	return (int)syscall(SYS_futex, word, FUTEX_WAIT, expected, timeout, NULL, 0);
}

void sr_sys_futex_wake(uint32_t *word, int most)
{
	syscall(SYS_futex, word, FUTEX_WAKE, most, NULL, NULL, 0);
}

void *sr_sys_malloc(size_t size)
{
	if (made_to_fail("malloc"))
		return NULL;
	return malloc(size ? size : 1);
}

void *sr_sys_realloc(void *memory, size_t size)
{
	if (made_to_fail("malloc"))
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
