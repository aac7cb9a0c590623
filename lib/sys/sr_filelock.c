/*
 * sr_filelock.c - bytes of a file, each of them an OFD lock; and descriptors that a host process cannot pull away.
 */
#include "sys/sr_filelock.h"
#include "sys/sr_error.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

/* Far behind every lane: bytes to try out what the file system does. */
#define PROBE_BYTES ((off_t)1 << 40)

static pthread_mutex_t unforked = PTHREAD_MUTEX_INITIALIZER;

void sr_filelock_before_fork(void)
{
	pthread_mutex_lock(&unforked);
}

void sr_filelock_after_fork(void)
{
	pthread_mutex_unlock(&unforked);
}

void sr_filelock_renew(void)
{
	unforked = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

bool sr_fd_is(int fd, uint64_t dev, uint64_t ino)
{
	struct sr_identity identity;

	return fd >= 0 && sr_sys_identify_open(fd, &identity) == 0 && identity.dev == dev && identity.ino == ino;
}

int sr_fail_kept(int errnum, const char *path)
{
	if (errnum == ENOENT || errnum == ENOTDIR || errnum == ESTALE)
		return sr_fail(SEGREG_E_MISMATCH, "%s was moved, removed or replaced while the registry is in use", path);
	return sr_fail_errno(errnum, "cannot open %s", path);
}

static int fail_closing(int fd)
{
	sr_sys_close(fd);
	return -1;
}

int sr_kept_open(struct sr_kept *kept, const char *path, int flags)
{
	struct stat st;

	kept->fd = sr_sys_openat(AT_FDCWD, path, flags, 0);
	if (kept->fd == -1)
		return -1;
	if (sr_sys_fstat(kept->fd, &st) == -1) {
		fail_closing(kept->fd);
		kept->fd = -1;
		return -1;
	}
	kept->dev = st.st_dev;
	kept->ino = st.st_ino;
	kept->flags = flags;
	kept->path = path;
	return 0;
}

static int open_again(struct sr_kept *kept)
{
	int fd = sr_sys_openat(AT_FDCWD, kept->path, kept->flags, 0);
	if (fd == -1)
		return -1;
	if (!sr_fd_is(fd, kept->dev, kept->ino)) {
		errno = ESTALE;
		return fail_closing(fd);
	}
	kept->fd = fd;
	return fd;
}

int sr_kept_get(struct sr_kept *kept)
{
	int fd;

	if (sr_fd_is(kept->fd, kept->dev, kept->ino))
		return kept->fd;
	pthread_mutex_lock(&unforked);
	fd = open_again(kept);
	pthread_mutex_unlock(&unforked);
	return fd;
}

void sr_kept_close(struct sr_kept *kept)
{
	if (sr_fd_is(kept->fd, kept->dev, kept->ino))
		sr_sys_close(kept->fd);
	kept->fd = -1;
}

static int reopen(const struct sr_lockfile *file, int mode)
{
	int fd = sr_sys_openat(AT_FDCWD, file->path, mode | O_NOFOLLOW, 0);

	if (fd == -1)
		return -1;
	if (!sr_fd_is(fd, file->dev, file->ino)) {
		errno = ESTALE;
		return fail_closing(fd);
	}
	return fd;
}

int sr_lockfile_reopen(const struct sr_lockfile *file)
{
	return reopen(file, O_RDWR);
}

/* Does a lock outlive its descriptor here, as long as a mapping keeps the open file? */
static int probe(struct sr_lockfile *file, int fd, short type)
{
	struct sr_hold hold;
	uint32_t random;
	int held;

	if (sr_sys_random(&random, sizeof(random)) == -1 ||
	    sr_hold_take(file, PROBE_BYTES + random, type, &hold) == -1)
		return -1;
	held = sr_sys_locked(fd, PROBE_BYTES + random);
	sr_hold_drop(&hold);
	file->drops_at_close = held == 0;
	return held == -1 ? -1 : 0;
}

int sr_lockfile_open(struct sr_lockfile *file, const char *path, int mode)
{
	struct stat st;
	int fd = sr_sys_openat(AT_FDCWD, path, mode | O_NOFOLLOW, 0);

	if (fd == -1)
		return -1;
	if (sr_sys_fstat(fd, &st) == -1)
		return fail_closing(fd);
	*file = (struct sr_lockfile){ .path = path, .dev = st.st_dev, .ino = st.st_ino, .nlink = st.st_nlink };
	if (probe(file, fd, mode == O_RDONLY ? F_RDLCK : F_WRLCK) == -1)
		return fail_closing(fd);
	sr_sys_close(fd);
	return 0;
}

int sr_hold_from(const struct sr_lockfile *file, int fd, struct sr_hold *hold)
{
	void *page = sr_sys_mmap(SR_PAGE, PROT_READ, MAP_SHARED, fd);

	if (!page)
		return fail_closing(fd);
	if (sr_sys_madvise(page, SR_PAGE, MADV_DONTFORK) == -1) {
		int errnum = errno;

		sr_sys_munmap(page, SR_PAGE);
		errno = errnum;
		return fail_closing(fd);
	}
	if (!file->drops_at_close) {
		sr_sys_close(fd);
		fd = -1;
	}
	*hold = (struct sr_hold){ .page = page, .fd = fd };
	return 0;
}

static int take_hold(const struct sr_lockfile *file, off_t byte, short type, struct sr_hold *hold)
{
	int fd = reopen(file, type == F_RDLCK ? O_RDONLY : O_RDWR);

	if (fd == -1)
		return -1;
	if (sr_sys_lock(fd, type, byte) == -1)
		return fail_closing(fd);
	return sr_hold_from(file, fd, hold);
}

int sr_hold_take(const struct sr_lockfile *file, off_t byte, short type, struct sr_hold *hold)
{
	int rc;

	pthread_mutex_lock(&unforked);
	rc = take_hold(file, byte, type, hold);
	pthread_mutex_unlock(&unforked);
	return rc;
}

void sr_hold_init(struct sr_hold *hold)
{
	*hold = (struct sr_hold){ .page = NULL, .fd = -1 };
}

void sr_hold_drop(struct sr_hold *hold)
{
	if (hold->fd >= 0)
		sr_sys_unlock_all(hold->fd); /* a forked child may have the descriptor too */
	if (hold->page)
		sr_sys_munmap(hold->page, SR_PAGE);
	sr_hold_forget(hold);
}

void sr_hold_forget(struct sr_hold *hold)
{
	if (hold->fd >= 0)
		sr_sys_close(hold->fd);
	sr_hold_init(hold);
}
