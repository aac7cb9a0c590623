/*
 * sr_filelock.c - OFD locks on single bytes of a file, and descriptors that survive a host process that closes them.
 */
#include "sys/sr_filelock.h"
#include "sys/sr_error.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * First byte of a range far behind every lane. A probe locks a random byte there to learn how the file system behaves.
 */
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

bool sr_fd_is(int fd, uint64_t dev, uint64_t ino)
{
	struct sr_identity identity;

	return fd >= 0 && sr_sys_identify_open(fd, &identity) == 0 && identity.dev == dev && identity.ino == ino;
}

int sr_fail_kept(int errnum, const char *path)
{
	if (errnum == ENOENT || errnum == ENOTDIR || errnum == ESTALE)
		return sr_fail(SEGREG_E_MISMATCH, "%s was moved, removed or replaced while the registry is in use",
			       path);
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

/* ---------------------------------------------------------------- descriptors that may have locks */

/* The descriptors of this process that may have locks, so that a forked child can close its copies. [unforked] */
struct locking {
	int fd;
	uint64_t dev, ino;
};
static struct locking *locking;
static size_t n_locking, locking_room;

static int make_room(void)
{
	size_t room = locking_room ? 2 * locking_room : 16;
	struct locking *old = locking, *larger = sr_sys_malloc(room * sizeof(*larger));

	if (!larger) {
		errno = ENOMEM;
		return -1;
	}
	if (old)
		memcpy(larger, old, n_locking * sizeof(*old));
	locking = larger;
	locking_room = room;
	free(old);
	return 0;
}

/* Remember a descriptor. Returns 0, or -1 with errno. [unforked] */
static int remember(const struct sr_lockfile *file, int fd)
{
	if (n_locking == locking_room && make_room() == -1)
		return -1;
	locking[n_locking++] = (struct locking){ .fd = fd, .dev = file->dev, .ino = file->ino };
	return 0;
}

/*
 * Forget a descriptor. Returns whether fd was remembered and still refers to its file. If not, the host has closed it,
 * and fd may be a file of the host's. [unforked]
 */
static bool forget(int fd)
{
	for (size_t i = n_locking; i-- > 0;) {
		struct locking found = locking[i];

		if (found.fd != fd)
			continue;
		locking[i] = locking[--n_locking];
		return sr_fd_is(fd, found.dev, found.ino);
	}
	return false;
}

void sr_filelock_arrive(void)
{
	while (n_locking) {
		struct locking *last = &locking[--n_locking];

		if (sr_fd_is(last->fd, last->dev, last->ino))
			sr_sys_close(last->fd);
	}
}

void sr_filelock_renew(void)
{
	unforked = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
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

int sr_locking_open(const struct sr_lockfile *file)
{
	int fd;

	pthread_mutex_lock(&unforked);
	fd = reopen(file, O_RDWR);
	if (fd != -1 && remember(file, fd) == -1)
		fd = fail_closing(fd);
	pthread_mutex_unlock(&unforked);
	return fd;
}

void sr_locking_close(int fd)
{
	pthread_mutex_lock(&unforked);
	if (forget(fd)) {
		sr_sys_unlock_all(fd); /* a child that was forked just now may still have the descriptor */
		sr_sys_close(fd);
	}
	pthread_mutex_unlock(&unforked);
}

/*
 * Find out whether a lock on this file system outlives its descriptor while a mapping keeps the open file. Sets
 * drops_at_close.
 */
static int probe(struct sr_lockfile *file, int fd, short type)
{
	struct sr_hold hold;
	uint32_t random;
	int held;

	if (sr_sys_random(&random, sizeof(random)) == -1 || sr_hold_take(file, PROBE_BYTES + random, type, &hold) == -1)
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

/* Make a hold of a locked descriptor. The caller has remembered fd if drops_at_close. [unforked] */
static int hold_by(const struct sr_lockfile *file, int fd, struct sr_hold *hold)
{
	void *page = sr_sys_mmap(SR_PAGE, PROT_READ, MAP_SHARED, fd);

	if (!page)
		return -1;
	if (sr_sys_madvise(page, SR_PAGE, MADV_DONTFORK) == -1) {
		int errnum = errno;

		sr_sys_munmap(page, SR_PAGE);
		errno = errnum;
		return -1;
	}
	*hold = (struct sr_hold){ .page = page, .fd = file->drops_at_close ? fd : -1 };
	return 0;
}

int sr_hold_from(const struct sr_lockfile *file, int fd, struct sr_hold *hold)
{
	int rc;

	pthread_mutex_lock(&unforked);
	rc = hold_by(file, fd, hold);
	if ((rc == -1 || hold->fd == -1) && forget(fd))
		sr_sys_close(fd);
	pthread_mutex_unlock(&unforked);
	return rc;
}

static int take_hold(const struct sr_lockfile *file, off_t first, off_t n, short type, struct sr_hold *hold)
{
	int fd = reopen(file, type == F_RDLCK ? O_RDONLY : O_RDWR);

	if (fd == -1)
		return -1;
	if (sr_sys_lock_many(fd, type, first, n) == -1 || (file->drops_at_close && remember(file, fd) == -1))
		return fail_closing(fd);
	if (hold_by(file, fd, hold) == -1) {
		forget(fd);
		return fail_closing(fd);
	}
	if (hold->fd == -1)
		sr_sys_close(fd);
	return 0;
}

int sr_hold_take(const struct sr_lockfile *file, off_t byte, short type, struct sr_hold *hold)
{
	int rc;

	pthread_mutex_lock(&unforked);
	rc = take_hold(file, byte, 1, type, hold);
	pthread_mutex_unlock(&unforked);
	return rc;
}

int sr_hold_take_many(const struct sr_lockfile *file, off_t first, off_t n, struct sr_hold *hold)
{
	int rc;

	pthread_mutex_lock(&unforked);
	rc = take_hold(file, first, n, F_WRLCK, hold);
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
		sr_locking_close(hold->fd);
	if (hold->page)
		sr_sys_munmap(hold->page, SR_PAGE);
	sr_hold_init(hold);
}
