/*
 * sr_sync.c - making a new segment's files durable.
 *
 * Bottom up: a directory is synced after all that is in it, so that a power cut in between leaves nothing that
 * looks complete. Only files and directories of this mount are synced; symbolic links are part of their directory.
 */
#include "base/sr_sync.h"
#include "sys/sr_error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

static int sync_open(int fd);

/* Sync name in dir with all that is in it. Returns 0, or -1 with errno. */
static int sync_entry(int dir, const char *name)
{
	struct sr_identity identity;
	int fd, failed;

	if (sr_sys_identify(dir, name, &identity) == -1)
		return -1;
	if (!S_ISDIR(identity.mode) && !S_ISREG(identity.mode))
		return 0;
	fd = sr_sys_open_beneath(dir, name, O_RDONLY | O_NOFOLLOW);
	if (fd == -1)
		return -1;
	if (S_ISDIR(identity.mode))
		return sync_open(fd);
	failed = sr_sys_fsync(fd);
	sr_sys_close(fd);
	return failed;
}

/* Sync an open directory with all that is in it, and close it. Returns 0, or -1 with errno. */
static int sync_open(int fd)
{
	DIR *stream = fdopendir(fd);
	struct dirent *entry;
	int failed = 0, errnum;

	if (!stream) {
		sr_sys_close(fd);
		return -1;
	}
	while (!failed && (errno = 0, entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			failed = sync_entry(fd, entry->d_name);
	if (!failed)
		failed = errno ? -1 : sr_sys_fsync(fd);
	errnum = errno;
	closedir(stream);
	errno = errnum;
	return failed;
}

/* Sync the directory above path, without what is in it. */
static int sync_parent(int base, const char *path)
{
	char parent[SEGREG_PATH_MAX + 1];
	int fd, failed;

	sr_base_parent(path, parent);
	fd = sr_sys_open_beneath(base, parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd == -1)
		return -1;
	failed = sr_sys_fsync(fd);
	sr_sys_close(fd);
	return failed;
}

int sr_sync_segment(struct sr_base *base, const char *path)
{
	int dir = sr_base_fd(base);

	if (dir == -1)
		return sr_fail_kept(errno, base->path);
	if (sync_entry(dir, path) == -1 || sync_parent(dir, path) == -1)
		return sr_fail_errno(errno, "cannot make segment \"%s\" durable", path);
	return 0;
}
