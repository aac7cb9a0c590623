/*
 * inside.c - the directory in which a segment lies, reached from base through no link.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "segctl/inside.h"

static int open_below(int base, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, base, path, &how, sizeof how);
}

/* Open the directory, and make each one on the way that is missing. */
static int make_below(int base, char *path)
{
	int at = base;

	for (char *name = path, *slash;; name = slash + 1) {
		int next;

		slash = strchr(name, '/');
		if (slash)
			*slash = '\0';
		next = mkdirat(at, name, 0777) == -1 && errno != EEXIST ? -1 : open_below(at, name);
		if (at != base)
			close(at);
		if (slash)
			*slash = '/';
		if (next == -1 || !slash)
			return next;
		at = next;
	}
}

int ctl_inside_begin(struct ctl_inside *inside, const char *base_path)
{
	*inside = (struct ctl_inside){ .base_path = base_path, .parent = -1 };
	inside->base = open(base_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return inside->base == -1 ? errno : 0;
}

static void forget(struct ctl_inside *inside)
{
	if (inside->parent != -1 && inside->parent != inside->base)
		close(inside->parent);
	inside->parent = -1;
}

void ctl_inside_end(struct ctl_inside *inside)
{
	forget(inside);
	if (inside->base != -1)
		close(inside->base);
	inside->base = -1;
}

int ctl_inside_find(struct ctl_inside *inside, const char *path, bool make, struct ctl_tree_place *place)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	if (length >= sizeof inside->path)
		return ENAMETOOLONG;
	if (inside->parent == -1 || strlen(inside->path) != length || strncmp(inside->path, path, length)) {
		forget(inside);
		memcpy(inside->path, path, length);
		inside->path[length] = '\0';
		snprintf(inside->name_path, sizeof inside->name_path, "%s%s%s", inside->base_path, length ? "/" : "",
			 inside->path);
		inside->parent = length ? open_below(inside->base, inside->path) : inside->base;
		if (inside->parent == -1 && errno == ENOENT && make)
			inside->parent = make_below(inside->base, inside->path);
		if (inside->parent == -1)
			return errno;
	}
	*place = (struct ctl_tree_place){ inside->parent, slash ? slash + 1 : path, inside->name_path };
	return 0;
}
