/*
 * place.c - see place.h.
 *
 * The kernel names a directory that is open, without symbolic links, by /proc/self/fd. A chroot and a mount namespace
 * are counted in. What base is called elsewhere, by a bind mount, is not below base.
 */
#undef _FORTIFY_SOURCE
#include "defer/place.h"
#include "defer/real.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char base[PATH_MAX], registry[PATH_MAX];
static dev_t device;
static bool is_set;

void defer_place_set(const char *base_path, const char *registry_path)
{
	struct stat st;

	if (strlen(base_path) >= sizeof base || strlen(registry_path) >= sizeof registry || REAL(stat)(base_path, &st))
		return;
	strcpy(base, base_path);
	strcpy(registry, registry_path);
	device = st.st_dev;
	is_set = true;
}

bool defer_place_may_be(mode_t mode, dev_t dev)
{
	return is_set && dev == device && (S_ISREG(mode) || S_ISDIR(mode));
}

/* The rest of path below the directory `above`, without a slash in front; NULL if it is not in it. */
static const char *strip(const char *path, const char *above)
{
	size_t length = strlen(above);

	if (length == 1)
		return path + 1; /* "/" */
	if (strncmp(path, above, length) || (path[length] && path[length] != '/'))
		return NULL;
	return path[length] ? path + length + 1 : path + length;
}

bool defer_place_of(int fd, char path[SEGREG_PATH_MAX + 1])
{
	char link[64], found[PATH_MAX];
	const char *rest;
	ssize_t length;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	length = readlink(link, found, sizeof found - 1);
	if (length <= 0 || !is_set)
		return false;
	found[length] = '\0';
	rest = strip(found, base);
	if (found[0] != '/' || !rest || strlen(rest) > SEGREG_PATH_MAX || strip(found, registry) ||
	    !strncmp(rest, ".segreg", 7))
		return false;
	strcpy(path, rest);
	return true;
}

const char *defer_place_leaf(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Split path into the directory above, in parent, and the last component. Slashes at the end are left out. */
static bool split(const char *path, char parent[PATH_MAX], char leaf[256], bool *is_directory)
{
	size_t end = strlen(path), start;

	*is_directory = end && path[end - 1] == '/';
	while (end > 1 && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/';)
		start--;
	if (start == end || end - start > 255 || start >= PATH_MAX)
		return false;
	memcpy(leaf, path + start, end - start);
	leaf[end - start] = '\0';
	memcpy(parent, start ? path : ".", start ? start : 1);
	parent[start ? start : 1] = '\0';
	return strcmp(leaf, ".") && strcmp(leaf, "..");
}

/* Complete place, whose directory is open. */
static bool describe(struct defer_place *place, bool is_directory)
{
	size_t length;

	if (!defer_place_of(place->dir, place->path))
		return false;
	length = strlen(place->path);
	if (length + 1 + strlen(place->leaf) > SEGREG_PATH_MAX)
		return false;
	if (length)
		place->path[length++] = '/';
	strcpy(place->path + length, place->leaf);
	if (!strncmp(place->path, ".segreg", 7))
		return false;
	if (REAL(fstatat)(place->dir, place->leaf, &place->st, AT_SYMLINK_NOFOLLOW)) {
		place->st = (struct stat){ 0 };
		return errno == ENOENT;
	}
	return place->st.st_dev == device && (!is_directory || S_ISDIR(place->st.st_mode));
}

bool defer_place_find(int dirfd, const char *path, struct defer_place *place)
{
	char parent[PATH_MAX];
	bool is_directory;

	if (!is_set || !path || !split(path, parent, place->leaf, &is_directory))
		return false;
	place->dir = REAL(openat)(dirfd, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place->dir == -1)
		return false;
	if (describe(place, is_directory))
		return true;
	close(place->dir);
	return false;
}

void defer_place_close(const struct defer_place *place)
{
	close(place->dir);
}
