/*
 * cause.c - the usual mistakes behind an error: the wrong directory, the wrong user.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segreg.h"
#include "common/cause.h"

#define LONG_PATH (2 * SEGREG_PATH_SIZE)
#define REGISTRY "SEGREG_REGISTRY"
#define BYTES_OF_COMMAND 16384 /* that are read */

static bool is_registry(const char *dir)
{
	char path[LONG_PATH];

	snprintf(path, sizeof path, "%s/registry.lock", dir);
	return access(path, F_OK) == 0;
}

/* The registry that the marker of the base directory dir names, which is still there. */
static bool find_by_marker(const char *dir, char registry[SEGREG_PATH_SIZE])
{
	char path[LONG_PATH], line[SEGREG_PATH_SIZE];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof path, "%s/.segreg", dir);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "registry ", 9) != 0)
			continue;
		snprintf(registry, SEGREG_PATH_SIZE, "%s", line + 9);
		found = is_registry(registry);
	}
	if (file)
		fclose(file);
	return found;
}

/* What a directory that is no registry has to do with one. */
static void find_registry(const char *dir, char text[TOOL_CAUSE_SIZE])
{
	char other[SEGREG_PATH_SIZE], path[LONG_PATH];

	snprintf(path, sizeof path, "%s", dir);
	if (find_by_marker(dir, other)) {
		snprintf(text, TOOL_CAUSE_SIZE, "; that directory is the base of the registry %.500s: -r %.400s", other,
			 other);
	} else if (snprintf(other, sizeof other, "%s/registry", dir) < (int)sizeof other && is_registry(other)) {
		snprintf(text, TOOL_CAUSE_SIZE, "; there is a registry in it: -r %.900s", other);
	} else if (is_registry(dirname(path))) {
		snprintf(text, TOOL_CAUSE_SIZE, "; the directory above it is a registry: -r %.900s", path);
	}
}

static const char *name_user(uid_t uid, char name[64])
{
	const struct passwd *entry = getpwuid(uid);

	if (entry)
		snprintf(name, 64, "%s", entry->pw_name);
	else
		snprintf(name, 64, "uid %u", uid);
	return name;
}

/* The registry belongs to another user: made by root, say, and served by segreg. */
static void find_owner(const char *dir, char text[TOOL_CAUSE_SIZE])
{
	char path[LONG_PATH], owner[64], user[64];
	struct stat st;

	snprintf(path, sizeof path, "%s/registry.mdb", dir);
	if (stat(path, &st) == -1 || st.st_uid == geteuid())
		return;
	name_user(st.st_uid, owner);
	name_user(geteuid(), user);
	snprintf(text, TOOL_CAUSE_SIZE,
		 "; the registry belongs to %s, and this process is %s. Run this as %s; or end all processes of the "
		 "registry, and run: chown -R %s %.400s; or let both share it by a group: segreg(7)",
		 owner, user, owner, strncmp(user, "uid ", 4) ? user : user + 4, dir);
}

const char *tool_cause_find(int code, const char *dir, const char *error, char text[TOOL_CAUSE_SIZE])
{
	*text = '\0';
	if (!dir || !*dir)
		return text;
	if (code == SEGREG_E_NOENT && strstr(error, "cannot find the base directory"))
		snprintf(text, TOOL_CAUSE_SIZE, "; make it first (mkdir -p), or give another one");
	else if ((code == SEGREG_E_NOENT && strstr(error, "is not a registry")) || strstr(error, "Not a directory"))
		find_registry(dir, text);
	else if (code == SEGREG_E_PERM)
		find_owner(dir, text);
	return text;
}

/* ------------------------------------------------------------------ a segregd that does not serve */

static size_t read_file(const char *pid, const char *name, char *text, size_t size)
{
	char path[300];
	ssize_t length;
	int fd;

	snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd == -1 ? 0 : read(fd, text, size - 1);
	if (fd != -1)
		close(fd);
	text[length > 0 ? length : 0] = '\0';
	return length > 0 ? (size_t)length : 0;
}

/* Does the argument of process pid name that directory? */
static bool names_directory(const char *pid, const char *argument, const struct stat *dir)
{
	char path[BYTES_OF_COMMAND + 64];
	struct stat st;

	if (!strncmp(argument, "--registry=", 11))
		argument += 11;
	else if (!strncmp(argument, "-r", 2))
		argument += 2;
	if (!*argument)
		return false;
	snprintf(path, sizeof path, *argument == '/' ? "/proc/%s/root%s" : "/proc/%s/cwd/%s", pid, argument);
	return stat(path, &st) == 0 && st.st_dev == dir->st_dev && st.st_ino == dir->st_ino;
}

static bool is_for(const char *pid, const struct stat *dir)
{
	char command[BYTES_OF_COMMAND];
	bool names_any = false; /* so that it does not look into its environment */
	size_t length;

	if (!read_file(pid, "comm", command, sizeof command) || strcmp(command, "segregd\n") != 0)
		return false;
	length = read_file(pid, "cmdline", command, sizeof command);
	for (const char *argument = command; argument < command + length; argument += strlen(argument) + 1) {
		if (argument > command && names_directory(pid, argument, dir))
			return true;
		names_any |= argument > command && strchr(argument, '/');
	}
	length = names_any ? 0 : read_file(pid, "environ", command, sizeof command);
	for (const char *setting = command; setting < command + length; setting += strlen(setting) + 1)
		if (!strncmp(setting, REGISTRY "=", sizeof REGISTRY))
			return names_directory(pid, setting + sizeof REGISTRY, dir);
	return false;
}

int64_t tool_cause_find_segregd(const char *dir)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	struct stat st;
	int64_t pid = 0;

	while (processes && stat(dir, &st) == 0 && !pid && (entry = readdir(processes)))
		if (isdigit((unsigned char)*entry->d_name) && is_for(entry->d_name, &st))
			pid = strtoll(entry->d_name, NULL, 10);
	if (processes)
		closedir(processes);
	return pid;
}
