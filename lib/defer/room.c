/*
 * room.c - see room.h.
 *
 * A discarded file keeps its name for the sake of readers. To the programs of `segctl defer` it is gone, as it would be
 * without segreg. A program that finds it would take it for its own. When such a program uses the name again, the old
 * file goes at once. A reader that has it open keeps it.
 */
#undef _FORTIFY_SOURCE
#include "defer/room.h"
#include "defer/match.h"
#include "defer/place.h"
#include "defer/real.h"
#include "defer/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEEPEST 64

/* Remove what is in the directory leaf of dir. */
static void remove_content(int dir, const char *leaf, int depth)
{
	int fd = REAL(openat)(dir, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd == -1 || depth > DEEPEST ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!list) {
		if (fd != -1)
			close(fd);
		return;
	}
	while ((entry = REAL(readdir)(list))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    REAL(unlinkat)(fd, entry->d_name, 0) == 0 || (errno != EISDIR && errno != EPERM))
			continue;
		remove_content(fd, entry->d_name, depth + 1);
		REAL(unlinkat)(fd, entry->d_name, AT_REMOVEDIR);
	}
	REAL(closedir)(list);
}

/* What was discarded below a directory: paths relative to it, each with its NUL. */
struct below {
	const char *directory;
	char *text;
	size_t length, room;
};

static int note_below(void *arg, const struct segreg_info *info)
{
	struct below *below = arg;
	size_t above = strlen(below->directory), size = strlen(info->path) - above;

	if (strncmp(info->path, below->directory, above) || info->path[above] != '/')
		return 0;
	if (below->length + size > below->room) {
		size_t room = 2 * below->room + size;
		char *text = realloc(below->text, room);

		if (!text)
			return 1;
		below->text = text;
		below->room = room;
	}
	memcpy(below->text + below->length, info->path + above + 1, size);
	below->length += size;
	return 0;
}

/*
 * Take away what is at leaf in the directory dir, and was discarded. Returns 0, or EBUSY if a lease holds it. If the
 * registry fails otherwise, the new file must at least not be written into the old file.
 */
static int clear(int dir, const char *leaf, const char *path)
{
	enum defer_vacated vacated = defer_registry_vacate(path);
	struct stat st;

	if (vacated == DEFER_LEASED)
		return EBUSY;
	if (REAL(fstatat)(dir, leaf, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (S_ISDIR(st.st_mode)) {
		remove_content(dir, leaf, 0);
		REAL(unlinkat)(dir, leaf, AT_REMOVEDIR);
	} else if (vacated == DEFER_FAILED) {
		REAL(unlinkat)(dir, leaf, 0);
	}
	return 0;
}

int defer_room_empty(const struct defer_place *place)
{
	struct below below = { .directory = place->path };
	char path[2 * SEGREG_PATH_MAX];
	int dir, error = 0;

	defer_registry_list(note_below, &below);
	dir = below.length ? REAL(openat)(place->dir, place->leaf, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	for (size_t i = 0; dir != -1 && i < below.length && !error; i += strlen(below.text + i) + 1) {
		snprintf(path, sizeof path, "%s/%s", place->path, below.text + i);
		error = clear(dir, below.text + i, path);
	}
	if (dir != -1)
		close(dir);
	free(below.text);
	return error;
}

/* Take away the discarded file that a symbolic link leads to. */
static int clear_target(int dirfd, const char *path)
{
	char target[SEGREG_PATH_MAX + 1];
	int error = 0, fd = REAL(openat)(dirfd, path, O_PATH | O_CLOEXEC);

	if (fd == -1)
		return 0;
	if (defer_place_of(fd, target) && defer_registry_ask(target) == DEFER_GONE)
		error = defer_registry_vacate(target) == DEFER_LEASED ? EBUSY : 0;
	close(fd);
	return error;
}

static int make_room(int dirfd, struct defer_place *place, const char *path, bool follows)
{
	enum defer_gone gone;

	if (!place->st.st_mode) {
		char above[SEGREG_PATH_MAX + 1];

		return defer_place_of(place->dir, above) && defer_registry_ask(above) != DEFER_HERE ? ENOENT : 0;
	}
	gone = defer_registry_ask(place->path);
	if (gone == DEFER_ABOVE)
		return ENOENT;
	if (S_ISLNK(place->st.st_mode) && follows)
		return clear_target(dirfd, path);
	return gone == DEFER_GONE ? clear(place->dir, place->leaf, place->path) : 0;
}

int defer_room_make(int dirfd, const char *path, bool follows, const void *caller)
{
	struct defer_place place;
	int error = 0;

	if (!path || !defer_match_may_have(defer_place_leaf(path)) || !defer_place_find(dirfd, path, &place))
		return 0;
	if (defer_registry_is_there(caller))
		error = make_room(dirfd, &place, path, follows);
	defer_place_close(&place);
	return error;
}

bool defer_room_hides_fd(int fd, const void *caller)
{
	char path[SEGREG_PATH_MAX + 1];

	return defer_place_of(fd, path) && *path && defer_registry_is_there(caller) &&
	       defer_registry_ask(path) != DEFER_HERE;
}

bool defer_room_hides(int dirfd, const char *path, int flags, mode_t mode, dev_t dev, const void *caller)
{
	bool hides;
	int fd;

	if (!path || !*path || !defer_place_may_be(mode, dev))
		return false;
	fd = REAL(openat)(dirfd, path, O_PATH | O_CLOEXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0));
	if (fd == -1)
		return false;
	hides = defer_room_hides_fd(fd, caller);
	close(fd);
	return hides;
}

bool defer_room_hides_path(int dirfd, const char *path, int flags, const void *caller)
{
	struct stat st;

	return path && *path && REAL(fstatat)(dirfd, path, &st, flags) == 0 &&
	       defer_room_hides(dirfd, path, flags, st.st_mode, st.st_dev, caller);
}
