/*
 * tree_compare.c - are two trees the same, as far as names, types, sizes and times tell?
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "segctl/ctl.h"
#include "segctl/descent.h"
#include "segctl/error.h"
#include "segctl/tree.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* A file system may keep whole seconds only. */
static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && (a->tv_nsec == b->tv_nsec || !a->tv_nsec || !b->tv_nsec);
}

static bool has_same_target(const int dir[2], const char *const name[2])
{
	char target[2][PATH_MAX];
	ssize_t length[2];

	for (int i = 0; i < 2; i++)
		length[i] = readlinkat(dir[i], name[i], target[i], sizeof target[i]);
	return length[0] > 0 && length[0] == length[1] && !memcmp(target[0], target[1], (size_t)length[0]);
}

/* Returns the number of entries, or -1. */
static ssize_t count_entries(int dir)
{
	int fd = openat(dir, ".", DIR_FLAGS);
	DIR *entries = fd == -1 ? NULL : fdopendir(fd);
	ssize_t n = -2; /* . and .. */

	if (!entries) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	while (readdir(entries))
		n++;
	closedir(entries);
	return n;
}

static int enter(struct ctl_descent *descent, const int dir[2], const char *const name[2], bool *same)
{
	int fd[2], error;

	fd[0] = openat(dir[0], name[0], DIR_FLAGS);
	if (fd[0] == -1)
		return errno;
	fd[1] = openat(dir[1], name[1], DIR_FLAGS);
	if (fd[1] == -1) {
		error = errno;
		close(fd[0]);
		return error;
	}
	error = ctl_descent_enter(descent, fd[0], fd[1]);
	if (!error)
		*same = count_entries(fd[1]) == (ssize_t)ctl_descent_here(descent)->n;
	return error;
}

/* A directory is entered, everything else is compared. */
static int compare_entry(struct ctl_descent *descent, const int dir[2], const char *const name[2], bool *same)
{
	struct stat st[2];

	for (int i = 0; i < 2; i++)
		if (fstatat(dir[i], name[i], &st[i], AT_SYMLINK_NOFOLLOW) == -1) {
			*same = false;
			return errno == ENOENT ? 0 : errno;
		}
	*same = (st[0].st_mode & S_IFMT) == (st[1].st_mode & S_IFMT);
	if (!*same)
		return 0;
	if (S_ISDIR(st[0].st_mode))
		return enter(descent, dir, name, same);
	if (S_ISREG(st[0].st_mode))
		*same = st[0].st_size == st[1].st_size && is_same_time(&st[0].st_mtim, &st[1].st_mtim);
	else if (S_ISLNK(st[0].st_mode))
		*same = has_same_target(dir, name);
	else
		*same = st[0].st_rdev == st[1].st_rdev;
	return 0;
}

static int compare(struct ctl_descent *descent, const struct ctl_tree_place *one, const struct ctl_tree_place *other,
		   bool *same)
{
	int error = compare_entry(descent, (int[]){ one->dir, other->dir },
				  (const char *const[]){ one->name, other->name }, same);

	while (!error && *same && descent->n) {
		const struct ctl_descent_entry *entry = ctl_descent_next(descent);
		const struct ctl_descent_level *level = ctl_descent_here(descent);

		if (entry) {
			const char *name = ctl_descent_name(descent, entry);

			error = compare_entry(descent, level->fd, (const char *const[]){ name, name }, same);
		} else {
			error = ctl_descent_leave(descent);
		}
	}
	return error;
}

int ctl_tree_compare(const struct ctl *ctl, const struct ctl_tree_place *one, const struct ctl_tree_place *other,
		     bool *same)
{
	struct ctl_descent descent = { .n = 0 };
	int error = compare(&descent, one, other, same), status = EX_OK;

	if (error)
		status = ctl_error(ctl, EX_IOERR, "cannot compare %s/%s with %s/%s: %s", one->dir_path, one->name,
				   other->dir_path, other->name, strerror(error));
	ctl_descent_end(&descent);
	return status;
}
