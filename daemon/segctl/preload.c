/*
 * preload.c - see preload.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "segctl/preload.h"

static bool is_readable(const char *path, char found[PATH_MAX])
{
	return realpath(path, found) && access(found, R_OK) == 0;
}

bool ctl_preload_find(char path[PATH_MAX])
{
	static const char *const places[] = { "", "../lib/segreg/" };
	const char *given = getenv(CTL_PRELOAD_VARIABLE);
	char self[PATH_MAX], tried[2 * PATH_MAX], *slash;
	ssize_t length;

	if (given)
		return is_readable(given, path);
	length = readlink("/proc/self/exe", self, sizeof self - 1);
	if (length <= 0)
		return false;
	self[length] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return false;
	slash[1] = '\0';
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		snprintf(tried, sizeof tried, "%s%s%s", self, places[i], CTL_PRELOAD_NAME);
		if (is_readable(tried, path))
			return true;
	}
	return false;
}

/* The entries of LD_PRELOAD but this library's, in a text of its own; first stands before them, unless it is NULL. */
static char *join(const char *first)
{
	const char *rest = getenv("LD_PRELOAD");
	size_t room = (first ? strlen(first) : 0) + (rest ? strlen(rest) : 0) + 3, length = 0;
	char *text = malloc(room);

	if (!text)
		return NULL;
	text[0] = '\0';
	if (first)
		length = (size_t)sprintf(text, "%s", first);
	while (rest && *(rest += strspn(rest, ": "))) {
		size_t size = strcspn(rest, ": ");
		const char *name = memrchr(rest, '/', size);

		name = name ? name + 1 : rest;
		if ((size_t)(rest + size - name) != strlen(CTL_PRELOAD_NAME) ||
		    strncmp(name, CTL_PRELOAD_NAME, strlen(CTL_PRELOAD_NAME)))
			length += (size_t)sprintf(text + length, "%s%.*s", length ? ":" : "", (int)size, rest);
		rest += size;
	}
	return text;
}

bool ctl_preload_add(const char *path)
{
	char *text = join(path);
	bool is = text && setenv("LD_PRELOAD", text, 1) == 0;

	free(text);
	return is;
}

void ctl_preload_remove(void)
{
	char *text = getenv("LD_PRELOAD") ? join(NULL) : NULL;

	if (text && *text)
		setenv("LD_PRELOAD", text, 1);
	else if (text)
		unsetenv("LD_PRELOAD");
	free(text);
}
