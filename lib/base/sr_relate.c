/*
 * sr_relate.c - a path as a caller has it: relative to base, or absolute below it. Programs put paths together, so
 * there may be "//" and "." in them, and an absolute path may reach base through a symlink.
 */
#include "base/sr_base.h"
#include "sys/sr_error.h"

#include <stdlib.h>
#include <string.h>

/* The rest of `given` below the directory `above`; NULL: it is not below. */
static const char *strip(const char *given, const char *above)
{
	size_t length = strlen(above);

	if (length == 1)
		return given; /* "/" */
	return !strncmp(given, above, length) && (given[length] == '/' || !given[length]) ? given + length : NULL;
}

static int fail_outside(const struct sr_base *base, const char *given)
{
	return sr_fail(SEGREG_E_PATH, "path \"%s\" is not below the base directory %s", given, base->path);
}

static int fail_too_long(const char *given)
{
	return sr_fail(SEGREG_E_PATH, "path \"%.100s...\" is longer than %d bytes below base", given, SEGREG_PATH_MAX);
}

/* Append the components of `from` to path. */
static int append(const char *given, const char *from, char path[SEGREG_PATH_MAX + 1])
{
	size_t length = strlen(path);

	while (*from) {
		size_t size = strcspn(from, "/");

		if (size && (size > 1 || *from != '.')) {
			if (length + (length > 0) + size > SEGREG_PATH_MAX)
				return fail_too_long(given);
			if (length)
				path[length++] = '/';
			memcpy(path + length, from, size);
			length += size;
			path[length] = '\0';
		}
		from += size + (from[size] == '/');
	}
	return 0;
}

/* `given` leads to base by another name, if at all: ask the kernel where its directory is. */
static int relate_by_directory(const struct sr_base *base, const char *given, char path[SEGREG_PATH_MAX + 1])
{
	size_t end = strlen(given);
	const char *rest = NULL;
	char *above, *found;
	int rc;

	while (end > 1 && given[end - 1] == '/')
		end--;
	while (end > 1 && given[end - 1] != '/')
		end--;
	above = sr_sys_malloc(end + 1);
	if (!above)
		return sr_fail(SEGREG_E_NOMEM, "no memory for a path");
	memcpy(above, given, end);
	above[end] = '\0';
	found = realpath(above, NULL);
	free(above);
	if (found)
		rest = !strcmp(found, base->path) ? "" : strip(found, base->path);
	rc = rest ? append(given, rest, path) : fail_outside(base, given);
	free(found);
	return rc ? rc : append(given, given + end, path);
}

int sr_base_relate(const struct sr_base *base, const char *given, char path[SEGREG_PATH_MAX + 1])
{
	const char *rest = given[0] == '/' ? strip(given, base->path) : given;
	int rc;

	path[0] = '\0';
	rc = rest ? append(given, rest, path) : relate_by_directory(base, given, path);
	if (!rc && *given && !*path)
		rc = sr_fail(SEGREG_E_PATH, "path \"%s\" is the base directory %s itself, which cannot be a segment",
			     given, base->path);
	return rc ? rc : sr_base_check_path(base, path);
}
