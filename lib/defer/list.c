/*
 * list.c - the hooks that list directories: opendir, readdir and their kin. Discarded names are left out.
 *
 * What was discarded in a directory is looked up when its first entry is read, and again after rewinddir. Between these
 * a list may show what was deleted meanwhile, as readdir may without this library.
 */
#undef _FORTIFY_SOURCE
#include "defer/place.h"
#include "defer/real.h"
#include "defer/registry.h"
#include "defer/room.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A directory that is being read, and the names that were discarded in it. */
struct list {
	struct list *next;
	DIR *dir;
	char path[SEGREG_PATH_MAX + 1];
	char **names; /* sorted */
	size_t n, room;
};

static struct list *lists;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void forked(void)
{
	pthread_mutex_init(&lock, NULL);
}

__attribute__((constructor)) static void start(void)
{
	pthread_atfork(NULL, NULL, forked);
}

static int note_name(void *arg, const struct segreg_info *info)
{
	struct list *list = arg;
	size_t above = strlen(list->path);
	const char *name = info->path + above + (above > 0);

	if (strncmp(info->path, list->path, above) || (above && info->path[above] != '/') || strchr(name, '/'))
		return 0;
	if (list->n == list->room) {
		size_t room = 2 * list->room + 16;
		char **names = realloc(list->names, room * sizeof(*names));

		if (!names)
			return 1;
		list->names = names;
		list->room = room;
	}
	list->names[list->n] = strdup(name);
	return list->names[list->n] ? (void)list->n++, 0 : 1;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* NULL: nothing in this directory is to be left out. */
static struct list *make_list(DIR *dir, const void *caller)
{
	struct list *list;
	struct stat st;

	if (REAL(fstat)(dirfd(dir), &st) || !defer_place_may_be(st.st_mode, st.st_dev))
		return NULL;
	list = calloc(1, sizeof(*list));
	if (!list)
		return NULL;
	list->dir = dir;
	if (defer_place_of(dirfd(dir), list->path) && defer_registry_is_there(caller))
		defer_registry_list(note_name, list);
	if (list->n)
		qsort(list->names, list->n, sizeof(*list->names), compare);
	return list;
}

static void free_list(struct list *list)
{
	while (list && list->n)
		free(list->names[--list->n]);
	if (list)
		free(list->names);
	free(list);
}

/* Take the list of dir out of lists. */
static struct list *take(DIR *dir)
{
	struct list **at, *list;

	pthread_mutex_lock(&lock);
	for (at = &lists; *at && (*at)->dir != dir; at = &(*at)->next)
		;
	list = *at;
	if (list)
		*at = list->next;
	pthread_mutex_unlock(&lock);
	return list;
}

static void put(struct list *list)
{
	pthread_mutex_lock(&lock);
	list->next = lists;
	lists = list;
	pthread_mutex_unlock(&lock);
}

/* Whether the entry of that name was discarded. One thread at a time reads a DIR. */
static bool hides(DIR *dir, const char *name, const void *caller)
{
	struct list *list = take(dir);
	bool is = false;

	if (!list)
		list = make_list(dir, caller);
	if (!list)
		return false;
	is = list->n && bsearch(&name, list->names, list->n, sizeof(*list->names), compare);
	put(list);
	return is;
}

#define HOOK_READDIR(name, type)                                                                                       \
	HOOK type *name(DIR *dir)                                                                                      \
	{                                                                                                              \
		const void *caller = __builtin_return_address(0);                                                      \
		type *entry;                                                                                           \
		int error;                                                                                             \
                                                                                                                       \
		if (!defer_real_enter(&error))                                                                         \
			return REAL(name)(dir);                                                                        \
		do {                                                                                                   \
			errno = error;                                                                                 \
			entry = REAL(name)(dir);                                                                       \
		} while (entry && hides(dir, entry->d_name, caller));                                                  \
		defer_real_leave(entry ? error : errno);                                                               \
		return entry;                                                                                          \
	}

HOOK_READDIR(readdir, struct dirent)
HOOK_READDIR(readdir64, struct dirent64)

HOOK DIR *opendir(const char *path)
{
	DIR *dir;
	int error;

	if (!defer_real_enter(&error))
		return REAL(opendir)(path);
	errno = error;
	dir = REAL(opendir)(path);
	error = errno;
	if (dir && defer_room_hides_fd(dirfd(dir), __builtin_return_address(0))) {
		REAL(closedir)(dir);
		dir = NULL;
		error = ENOENT;
	}
	defer_real_leave(error);
	return dir;
}

HOOK void rewinddir(DIR *dir)
{
	int error;

	if (defer_real_enter(&error)) {
		free_list(take(dir));
		defer_real_leave(error);
	}
	REAL(rewinddir)(dir);
}

HOOK int closedir(DIR *dir)
{
	int error;

	if (defer_real_enter(&error)) {
		free_list(take(dir));
		defer_real_leave(error);
	}
	return REAL(closedir)(dir);
}
