/*
 * flock.c - one file lock for each use: how most processes protect the files that they share. The lock keeps a reader's
 * file, but names no reader. A writer learns of a reader only when its own lock fails.
 */
#include "common/fail.h"
#include "place/place.h"
#include "peers/peer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

struct file {
	char path[320];
	int fd;
};

static void *start(const struct peer_ids *ids)
{
	struct file *file = calloc(1, sizeof(*file));

	(void)ids;
	if (!file)
		fail("calloc");
	snprintf(file->path, sizeof(file->path), "%s/flock", place_disk());
	file->fd = open(file->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file->fd == -1)
		fail(file->path);
	return file;
}

static void stop(void *state)
{
	struct file *file = state;

	close(file->fd);
	free(file);
}

static void use_kept(void *state, const struct peer_ids *ids, size_t count)
{
	const struct file *file = state;

	(void)ids;
	for (size_t i = 0; i < count; i++) {
		MUST(flock(file->fd, LOCK_SH));
		MUST(flock(file->fd, LOCK_UN));
	}
}

static void use_opened(void *state, const struct peer_ids *ids, size_t count)
{
	const struct file *file = state;

	(void)ids;
	for (size_t i = 0; i < count; i++) {
		int fd = open(file->path, O_RDONLY | O_CLOEXEC);

		MUST(flock(fd, LOCK_SH));
		close(fd);
	}
}

static void use_ofd(void *state, const struct peer_ids *ids, size_t count)
{
	const struct file *file = state;
	struct flock lock = { .l_whence = SEEK_SET, .l_len = 1 };

	(void)ids;
	for (size_t i = 0; i < count; i++) {
		lock.l_type = F_RDLCK;
		MUST(fcntl(file->fd, F_OFD_SETLK, &lock));
		lock.l_type = F_UNLCK;
		MUST(fcntl(file->fd, F_OFD_SETLK, &lock));
	}
}

const struct peer peer_flock_kept = { "flock, descriptor kept", start, use_kept, stop, NULL };
const struct peer peer_flock_opened = { "open, flock, close", start, use_opened, stop, NULL };
const struct peer peer_ofd_kept = { "OFD read lock, descriptor kept", start, use_ofd, stop, NULL };
