/*
 * output.c - files of results.
 */
#include "result/output.h"

#include "common/fail.h"

#include <limits.h>

FILE *output_create(const char *dir, const char *name)
{
	char path[PATH_MAX];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = fopen(path, "we");
	if (!out)
		fail(path);
	return out;
}

void output_close(FILE *out)
{
	if (ferror(out) || fclose(out))
		fail("writing the results");
}
