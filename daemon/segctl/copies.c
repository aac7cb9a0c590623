/*
 * copies.c - the copies in a backup.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "segctl/copies.h"
#include "segctl/error.h"

const char *ctl_copies_name(uint64_t id, uint64_t born, const char *behind, char name[CTL_COPIES_NAME])
{
	snprintf(name, CTL_COPIES_NAME, "%" PRIu64 ".%" PRIu64 "%s", id, born, behind);
	return name;
}

/* Parse a name that ctl_copies_name writes, and no other. */
static bool parse_name(const char *text, const char *behind, struct ctl_copy *copy)
{
	char name[CTL_COPIES_NAME];

	return sscanf(text, "%" SCNu64 ".%" SCNu64, &copy->id, &copy->born) == 2 &&
	       !strcmp(text, ctl_copies_name(copy->id, copy->born, behind, name));
}

static int compare(const void *a, const void *b)
{
	const struct ctl_copy *x = a, *y = b;

	return x->id != y->id ? (x->id > y->id ? 1 : -1) : (x->born > y->born) - (x->born < y->born);
}

static bool add(struct ctl_copies *copies, const struct ctl_copy *copy)
{
	if (copies->n == copies->room) {
		size_t room = copies->room ? 2 * copies->room : 64;
		void *more = reallocarray(copies->items, room, sizeof *copies->items);

		if (!more)
			return false;
		copies->items = more;
		copies->room = room;
	}
	copies->items[copies->n++] = *copy;
	return true;
}

static DIR *open_again(const struct ctl_copies *copies)
{
	int fd = openat(copies->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);

	if (!dir && fd != -1)
		close(fd);
	return dir;
}

static int read_names(struct ctl_copies *copies)
{
	DIR *dir = open_again(copies);
	int error = dir ? 0 : errno;
	struct dirent *entry;
	struct ctl_copy copy;

	while (!error && (errno = 0, entry = readdir(dir)))
		if (parse_name(entry->d_name, "", &copy) && !add(copies, &copy))
			error = ENOMEM;
	if (!error)
		error = errno;
	if (dir)
		closedir(dir);
	if (copies->n)
		qsort(copies->items, copies->n, sizeof *copies->items, compare);
	return error;
}

int ctl_copies_open(const struct ctl *ctl, struct ctl_copies *copies, const char *dest, bool may_be_absent)
{
	int error = 0;

	*copies = (struct ctl_copies){ .fd = -1 };
	snprintf(copies->path, sizeof copies->path, "%s/segments", dest);
	copies->fd = open(copies->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copies->fd != -1)
		error = read_names(copies);
	else if (!may_be_absent || errno != ENOENT)
		error = errno;
	return error ? ctl_error(ctl, EX_IOERR, "cannot read %s: %s", copies->path, strerror(error)) : EX_OK;
}

void ctl_copies_close(struct ctl_copies *copies)
{
	if (copies->fd != -1)
		close(copies->fd);
	free(copies->items);
	*copies = (struct ctl_copies){ .fd = -1 };
}

/* The number of copies before that of id and born. */
static size_t rank(const struct ctl_copies *copies, uint64_t id, uint64_t born)
{
	struct ctl_copy wanted = { id, born };
	size_t low = 0, high = copies->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (compare(&copies->items[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool ctl_copies_have(const struct ctl_copies *copies, uint64_t id, uint64_t born)
{
	size_t at = rank(copies, id, born);

	return at < copies->n && copies->items[at].id == id && copies->items[at].born == born;
}

uint64_t ctl_copies_find(const struct ctl_copies *copies, uint64_t id, uint64_t version)
{
	size_t behind = version == UINT64_MAX ? rank(copies, id + 1, 0) : rank(copies, id, version + 1);

	return behind && copies->items[behind - 1].id == id ? copies->items[behind - 1].born : 0;
}

int ctl_copies_remove_parts(const struct ctl *ctl, const struct ctl_copies *copies)
{
	DIR *dir = open_again(copies);
	struct dirent *entry;
	struct ctl_copy copy;
	int status = EX_OK;

	if (!dir)
		return ctl_error(ctl, EX_IOERR, "cannot read %s: %s", copies->path, strerror(errno));
	while (!status && (entry = readdir(dir)))
		if (parse_name(entry->d_name, CTL_COPIES_PART, &copy))
			status = ctl_tree_remove(ctl,
						 &(struct ctl_tree_place){ copies->fd, entry->d_name, copies->path });
	closedir(dir);
	return status;
}
