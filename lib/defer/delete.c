/*
 * delete.c - the hooks that delete: unlink, unlinkat, remove and rmdir.
 *
 * A call that the process may not make is left to the kernel, which has the right errno. So is each file that is not to
 * be discarded, and each that cannot be.
 */
#undef _FORTIFY_SOURCE
#include "defer/match.h"
#include "defer/place.h"
#include "defer/real.h"
#include "defer/registry.h"
#include "defer/room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KERNEL (-1) /* the real function is to be called; otherwise 0 or an errno */

/* Whether the kernel would let this process take the name away. */
static bool may_delete(const struct defer_place *place)
{
	uid_t user = geteuid();
	struct stat above;

	if (syscall(SYS_faccessat2, place->dir, "", W_OK | X_OK, AT_EACCESS | AT_EMPTY_PATH) ||
	    REAL(fstat)(place->dir, &above))
		return false;
	return !(above.st_mode & S_ISVTX) || user == 0 || user == above.st_uid || user == place->st.st_uid;
}

static int delete_place(const struct defer_place *place)
{
	if (!S_ISREG(place->st.st_mode))
		return KERNEL;
	if (defer_registry_ask(place->path) != DEFER_HERE)
		return ENOENT;
	if (!defer_match_path(place->path) || !may_delete(place))
		return KERNEL;
	return defer_registry_discard(place->path) ? 0 : KERNEL;
}

static int delete_file(int dirfd, const char *path, const void *caller)
{
	struct defer_place place;
	int result = KERNEL;

	if (!path || !defer_match_may_have(defer_place_leaf(path)) || !defer_place_find(dirfd, path, &place))
		return KERNEL;
	if (S_ISREG(place.st.st_mode) && defer_registry_is_there(caller))
		result = delete_place(&place);
	defer_place_close(&place);
	return result;
}

/* ---------------------------------------------------------------- directories */

/* What was discarded in one directory. */
struct inside {
	const char *directory;
	size_t n, room;
	uint64_t *ids;
	char **paths;
	bool is_being_deleted; /* a sweep is about to take one of them away */
};

static int note_inside(void *arg, const struct segreg_info *info)
{
	struct inside *in = arg;
	size_t above = strlen(in->directory);

	if (strncmp(info->path, in->directory, above) || info->path[above] != '/' ||
	    strchr(info->path + above + 1, '/'))
		return 0;
	if (info->state == SEGREG_DELETING)
		in->is_being_deleted = true;
	if (in->n == in->room) {
		size_t room = 2 * in->room + 16;
		uint64_t *ids = realloc(in->ids, room * sizeof(*ids));
		char **paths = ids ? realloc(in->paths, room * sizeof(*paths)) : NULL;

		in->ids = ids ? ids : in->ids;
		if (!paths)
			return 1;
		in->paths = paths;
		in->room = room;
	}
	in->ids[in->n] = info->id;
	in->paths[in->n] = strdup(info->path);
	return in->paths[in->n] ? (void)in->n++, 0 : 1;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Whether each entry of the directory was discarded. */
static bool has_nothing_else(const struct defer_place *place, const struct inside *in)
{
	int fd = REAL(openat)(place->dir, place->leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd == -1 ? NULL : fdopendir(fd);
	char **sorted = malloc((in->n + 1) * sizeof(*sorted)), path[2 * SEGREG_PATH_MAX], *key = path;
	bool is = list && sorted;
	struct dirent *entry;

	if (sorted && in->n) {
		memcpy(sorted, in->paths, in->n * sizeof(*sorted));
		qsort(sorted, in->n, sizeof(*sorted), by_path);
	}
	while (is && (entry = REAL(readdir)(list))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(path, sizeof path, "%s/%s", in->directory, entry->d_name);
		is = bsearch(&key, sorted, in->n, sizeof(*sorted), by_path) != NULL;
	}
	if (list)
		REAL(closedir)(list);
	else if (fd != -1)
		close(fd);
	free(sorted);
	return is;
}

/* A sweep needs a moment for what it deletes. */
static void pause_for_sweep(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
}

/*
 * The directory has discarded files, and perhaps nothing else. To the program it is empty. It must stay as long as
 * they, so it is discarded itself, instead of them.
 */
static int discard_directory(const struct defer_place *place, bool *again)
{
	struct inside in = { .directory = place->path };
	int result = KERNEL;

	*again = false;
	if (defer_registry_list(note_inside, &in) && in.n && may_delete(place) && has_nothing_else(place, &in)) {
		*again = in.is_being_deleted;
		if (!*again && defer_registry_exchange(place->path, in.ids, (const char *const *)in.paths, in.n))
			result = 0;
	}
	while (in.n)
		free(in.paths[--in.n]);
	free(in.paths);
	free(in.ids);
	return result;
}

static int delete_directory(int dirfd, const char *path, const void *caller)
{
	struct defer_place place;
	int result = KERNEL;
	bool again = true;

	if (!path || !defer_place_find(dirfd, path, &place))
		return KERNEL;
	if (S_ISDIR(place.st.st_mode) && defer_registry_is_there(caller)) {
		if (defer_registry_ask(place.path) != DEFER_HERE)
			result = ENOENT;
		for (int i = 0; i < 1000 && again && result == KERNEL; i++) {
			result = REAL(unlinkat)(place.dir, place.leaf, AT_REMOVEDIR) ? errno : 0;
			if (result == ENOTEMPTY || result == EEXIST)
				result = discard_directory(&place, &again);
			else
				again = false;
			if (again)
				pause_for_sweep();
		}
	}
	defer_place_close(&place);
	return result;
}

/* ---------------------------------------------------------------- hooks */

static int finish(int result, int error)
{
	defer_real_leave(result ? result : error);
	return result ? -1 : 0;
}

HOOK int unlink(const char *path)
{
	int result, error;

	if (!defer_real_enter(&error))
		return REAL(unlink)(path);
	result = delete_file(AT_FDCWD, path, __builtin_return_address(0));
	if (result != KERNEL)
		return finish(result, error);
	defer_real_leave(error);
	return REAL(unlink)(path);
}

HOOK int unlinkat(int dirfd, const char *path, int flags)
{
	int result, error;

	if (!defer_real_enter(&error))
		return REAL(unlinkat)(dirfd, path, flags);
	result = flags & AT_REMOVEDIR ? delete_directory(dirfd, path, __builtin_return_address(0))
				      : delete_file(dirfd, path, __builtin_return_address(0));
	if (result != KERNEL)
		return finish(result, error);
	defer_real_leave(error);
	return REAL(unlinkat)(dirfd, path, flags);
}

HOOK int rmdir(const char *path)
{
	int result, error;

	if (!defer_real_enter(&error))
		return REAL(rmdir)(path);
	result = delete_directory(AT_FDCWD, path, __builtin_return_address(0));
	if (result != KERNEL)
		return finish(result, error);
	defer_real_leave(error);
	return REAL(rmdir)(path);
}

HOOK int remove(const char *path)
{
	int result, error;

	if (!defer_real_enter(&error))
		return REAL(remove)(path);
	result = delete_file(AT_FDCWD, path, __builtin_return_address(0));
	if (result == KERNEL)
		result = delete_directory(AT_FDCWD, path, __builtin_return_address(0));
	if (result != KERNEL)
		return finish(result, error);
	defer_real_leave(error);
	return REAL(remove)(path);
}
