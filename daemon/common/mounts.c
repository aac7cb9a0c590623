/*
 * mounts.c - what is mounted below a path.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/measure.h"
#include "common/mounts.h"

#define MOUNTS "/proc/self/mountinfo" /* "36 35 98:0 ROOT MOUNT_POINT ...", in which \040 is a space */
#define FIELDS_BEFORE 4

/* Takes the octal escapes out, in place. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		bool is_escape = from[0] == '\\' && from[1] && from[2] && from[3];

		*to++ = is_escape ? (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0')) : *from;
		from += is_escape ? 3 : 0;
	}
	*to = '\0';
}

/* Returns the mount point of a line; NULL if the line has none. */
static char *mount_point(char *line)
{
	char *rest = line, *field = NULL;

	for (int i = 0; i <= FIELDS_BEFORE; i++)
		field = strsep(&rest, " ");
	if (field)
		unescape(field);
	return field;
}

bool tool_mounts_find(const char *path, char mount[TOOL_PLACE_SIZE])
{
	FILE *file = fopen(MOUNTS, "re");
	char *line = NULL, *real = realpath(path, NULL);
	size_t room = 0, length = real ? strlen(real) : 0;
	bool is_found = false;

	while (file && real && !is_found && getline(&line, &room, file) != -1) {
		const char *point = mount_point(line);

		is_found = point && !strncmp(point, real, length) && (!point[length] || point[length] == '/') &&
			   strlen(point) < TOOL_PLACE_SIZE;
		if (is_found)
			strcpy(mount, point);
	}
	free(line);
	free(real);
	if (file)
		fclose(file);
	return is_found;
}
