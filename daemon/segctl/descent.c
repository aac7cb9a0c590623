/*
 * descent.c - walking a directory tree of any depth, or two such trees side by side, by descriptors.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "segctl/descent.h"

static int by_ino(const void *a, const void *b)
{
	const struct ctl_descent_entry *x = a, *y = b;

	return (x->ino > y->ino) - (x->ino < y->ino);
}

static bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* Append a name and its NUL to names, which holds used of size bytes. */
static bool add_name(struct ctl_descent_level *level, const char *name, size_t *used, size_t *size)
{
	size_t length = strlen(name) + 1;

	if (*size - *used < length) {
		size_t more = 2 * *size + 4096;
		char *bigger = realloc(level->names, more);

		if (!bigger)
			return false;
		level->names = bigger;
		*size = more;
	}
	memcpy(level->names + *used, name, length);
	*used += length;
	return true;
}

static bool make_room(struct ctl_descent_level *level, size_t *room)
{
	size_t more = *room ? 2 * *room : 16;
	void *bigger = level->n < *room ? level->entries : reallocarray(level->entries, more, sizeof *level->entries);

	if (!bigger)
		return false;
	if (level->n == *room)
		*room = more;
	level->entries = bigger;
	return true;
}

static int collect(struct ctl_descent_level *level, DIR *dir)
{
	size_t room = 0, used = 0, size = 0;
	struct dirent *entry;

	while (errno = 0, entry = readdir(dir)) {
		size_t name = used;

		if (is_dot(entry->d_name))
			continue;
		if (!make_room(level, &room) || !add_name(level, entry->d_name, &used, &size))
			return ENOMEM;
		level->entries[level->n++] =
			(struct ctl_descent_entry){ .ino = entry->d_ino, .type = entry->d_type, .name = name };
	}
	return errno;
}

/* Read the entries through a descriptor of their own, since closedir closes it. */
static int read_entries(struct ctl_descent_level *level)
{
	int fd = openat(level->fd[0], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), error;
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);

	if (!dir) {
		error = errno;
		if (fd != -1)
			close(fd);
		return error;
	}
	error = collect(level, dir);
	closedir(dir);
	if (level->n)
		qsort(level->entries, level->n, sizeof *level->entries, by_ino);
	return error;
}

static void close_side(struct ctl_descent_level *level, size_t side)
{
	if (level->fd[side] != -1)
		close(level->fd[side]);
	level->fd[side] = -1;
}

static int identify(struct ctl_descent_level *level)
{
	for (size_t side = 0; side < CTL_DESCENT_SIDES; side++) {
		struct stat st;

		if (level->fd[side] == -1)
			continue;
		if (fstat(level->fd[side], &st) == -1)
			return errno;
		level->dev[side] = st.st_dev;
		level->ino[side] = st.st_ino;
		if (!side)
			level->st = st;
	}
	return 0;
}

static bool add_level(struct ctl_descent *descent, int fd, int other)
{
	size_t room = descent->n < descent->room ? descent->room : 2 * descent->room + 4;
	void *bigger =
		room == descent->room ? descent->levels : reallocarray(descent->levels, room, sizeof *descent->levels);

	if (!bigger)
		return false;
	descent->levels = bigger;
	descent->room = room;
	descent->levels[descent->n++] = (struct ctl_descent_level){ .fd = { fd, other } };
	return true;
}

int ctl_descent_enter(struct ctl_descent *descent, int fd, int other)
{
	struct ctl_descent_level *level;
	int error;

	if (!add_level(descent, fd, other)) {
		close(fd);
		if (other != -1)
			close(other);
		return ENOMEM;
	}
	level = ctl_descent_here(descent);
	error = identify(level);
	if (!error)
		error = read_entries(level);
	if (!error && descent->n > CTL_DESCENT_KEPT + 1)
		for (size_t side = 0; side < CTL_DESCENT_SIDES; side++)
			close_side(level - 1, side);
	return error;
}

struct ctl_descent_level *ctl_descent_here(const struct ctl_descent *descent)
{
	return &descent->levels[descent->n - 1];
}

const struct ctl_descent_entry *ctl_descent_next(struct ctl_descent *descent)
{
	struct ctl_descent_level *level = ctl_descent_here(descent);

	return level->at < level->n ? &level->entries[level->at++] : NULL;
}

const char *ctl_descent_name(const struct ctl_descent *descent, const struct ctl_descent_entry *entry)
{
	return ctl_descent_here(descent)->names + entry->name;
}

/* Open the directory above level again, which lies at up. */
static int reopen(const struct ctl_descent_level *level, struct ctl_descent_level *up, size_t side)
{
	struct stat st;

	up->fd[side] = openat(level->fd[side], "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (up->fd[side] == -1 || fstat(up->fd[side], &st) == -1)
		return errno;
	return st.st_dev == up->dev[side] && st.st_ino == up->ino[side] ? 0 : ESTALE;
}

static void drop(struct ctl_descent *descent)
{
	struct ctl_descent_level *level = ctl_descent_here(descent);

	for (size_t side = 0; side < CTL_DESCENT_SIDES; side++)
		close_side(level, side);
	free(level->names);
	free(level->entries);
	descent->n--;
}

int ctl_descent_leave(struct ctl_descent *descent)
{
	struct ctl_descent_level *level = ctl_descent_here(descent);
	int error = 0;

	for (size_t side = 0; side < CTL_DESCENT_SIDES && !error && descent->n > 1; side++)
		if (level->fd[side] != -1 && (level - 1)->fd[side] == -1)
			error = reopen(level, level - 1, side);
	drop(descent);
	return error;
}

void ctl_descent_end(struct ctl_descent *descent)
{
	while (descent->n)
		drop(descent);
	free(descent->levels);
	*descent = (struct ctl_descent){ .n = 0 };
}

/* The entry at which a level is. */
static const char *name_at(const struct ctl_descent_level *level)
{
	return level->names + level->entries[level->at - 1].name;
}

char *ctl_descent_path(const struct ctl_descent *descent, const char *name)
{
	size_t size = strlen(name) + 1, used = 0;
	char *path;

	for (size_t i = 0; i + 1 < descent->n; i++)
		size += strlen(name_at(&descent->levels[i])) + 1;
	path = malloc(size);
	for (size_t i = 0; path && i + 1 < descent->n; i++)
		used += (size_t)sprintf(path + used, "%s/", name_at(&descent->levels[i]));
	if (path)
		memcpy(path + used, name, strlen(name) + 1);
	return path;
}
