/*
 * tree_remove.c - removing trees of one file system.
 *
 * Copies keep the modes of their segments. So a directory of the caller's own that may not be written or read gets the
 * rights that its removal needs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "segctl/ctl.h"
#include "segctl/descent.h"
#include "segctl/error.h"
#include "segctl/tree.h"

/* Open a directory, with more rights if they are missing. Returns -1 with errno. */
static int open_directory(int dir, const char *name)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, fd = openat(dir, name, flags), by_path;
	char path[64];

	if (fd != -1 || errno != EACCES)
		return fd;
	by_path = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (by_path == -1)
		return -1;
	snprintf(path, sizeof path, "/proc/self/fd/%d", by_path);
	if (chmod(path, 0700) == 0)
		fd = openat(dir, name, flags);
	close(by_path);
	return fd;
}

static int unlink_entry(int dir, const char *name, int flags)
{
	if (unlinkat(dir, name, flags) == 0 || errno == ENOENT)
		return 0;
	if (errno == EACCES && fchmod(dir, 0700) == 0 && unlinkat(dir, name, flags) == 0)
		return 0;
	return errno;
}

static int enter(struct ctl_descent *descent, int dir, const char *name)
{
	int fd = open_directory(dir, name), error;

	if (fd == -1)
		return errno;
	error = ctl_descent_enter(descent, fd, -1);
	if (!error && ctl_descent_here(descent)->dev[0] != descent->levels[0].dev[0])
		error = EXDEV;
	return error;
}

/* Remove what is no directory, or enter it. */
static int remove_entry(struct ctl_descent *descent, int dir, const char *name, unsigned char type)
{
	int error = type == DT_DIR ? EISDIR : unlink_entry(dir, name, 0);

	return error == EISDIR ? enter(descent, dir, name) : error;
}

/* The directory where the descent stands is empty: go up and remove it. */
static int remove_directory(struct ctl_descent *descent, const struct ctl_tree_place *place)
{
	const struct ctl_descent_level *up;
	int error = ctl_descent_leave(descent);

	if (error)
		return error;
	if (!descent->n)
		return unlink_entry(place->dir, place->name, AT_REMOVEDIR);
	up = ctl_descent_here(descent);
	return unlink_entry(up->fd[0], ctl_descent_name(descent, &up->entries[up->at - 1]), AT_REMOVEDIR);
}

static int remove_tree(struct ctl_descent *descent, const struct ctl_tree_place *place)
{
	int error = remove_entry(descent, place->dir, place->name, DT_UNKNOWN);

	while (!error && descent->n) {
		const struct ctl_descent_entry *entry = ctl_descent_next(descent);

		error = entry ? remove_entry(descent, ctl_descent_here(descent)->fd[0],
					     ctl_descent_name(descent, entry), entry->type)
			      : remove_directory(descent, place);
	}
	return error;
}

int ctl_tree_remove(const struct ctl *ctl, const struct ctl_tree_place *place)
{
	struct ctl_descent descent = { .n = 0 };
	int error = remove_tree(&descent, place), status = EX_OK;

	if (error)
		status = ctl_error(ctl, EX_IOERR, "cannot remove %s/%s: %s", place->dir_path, place->name,
				   error == EXDEV ? "something is mounted in it; unmount that" : strerror(error));
	ctl_descent_end(&descent);
	return status;
}
