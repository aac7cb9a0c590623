/*
 * tree_measure.c - the disk space of a tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <unistd.h>

#include "segctl/descent.h"
#include "segctl/tree.h"

static int compare(const void *a, const void *b)
{
	const ino_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Whether an earlier name of this file was counted. */
static bool is_counted(void **files, const struct stat *st)
{
	ino_t *file, **found;

	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return false;
	file = malloc(sizeof *file);
	if (!file)
		return false;
	*file = st->st_ino;
	found = tsearch(file, files, compare);
	if (found && *found == file)
		return false;
	free(file);
	return found;
}

/* Count an entry, and enter a directory. Returns 0 or an errno. */
static int count(struct ctl_descent *descent, int dir, const char *name, void **files, uint64_t *bytes)
{
	struct stat st;
	int fd;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1 || is_counted(files, &st))
		return 0;
	*bytes += (uint64_t)st.st_blocks * 512;
	if (!S_ISDIR(st.st_mode))
		return 0;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd == -1 ? 0 : ctl_descent_enter(descent, fd, -1);
}

uint64_t ctl_tree_measure(const struct ctl_tree_place *place)
{
	struct ctl_descent descent = { .n = 0 };
	uint64_t bytes = 0;
	void *files = NULL;
	int error = count(&descent, place->dir, place->name, &files, &bytes);

	while (!error && descent.n) {
		const struct ctl_descent_entry *entry = ctl_descent_next(&descent);

		error = entry ? count(&descent, ctl_descent_here(&descent)->fd[0], ctl_descent_name(&descent, entry),
				      &files, &bytes)
			      : ctl_descent_leave(&descent);
	}
	ctl_descent_end(&descent);
	tdestroy(files, free);
	return bytes;
}
