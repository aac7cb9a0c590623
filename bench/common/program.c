/*
 * program.c - files beside the bench's own program.
 */
#include "common/program.h"

#include "common/fail.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

void program_path(const char *name, char path[PROGRAM_PATH_SIZE])
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	MUST(length);
	self[length] = '\0';
	snprintf(path, PROGRAM_PATH_SIZE, "%s/%s", dirname(self), name);
}

void *program_load(const char *name)
{
	char path[PROGRAM_PATH_SIZE];

	program_path(name, path);
	return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

void *program_symbol(void *object, const char *name)
{
	void *found = dlsym(object, name);

	if (!found)
		fail(dlerror());
	return found;
}
