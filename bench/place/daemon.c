/*
 * daemon.c - the real segregd, built beside the bench.
 */
#include "place/daemon.h"

#include "common/fail.h"
#include "common/process.h"
#include "common/program.h"
#include "place/registry.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void run(void *arg)
{
	char registry[REGISTRY_PATH_SIZE], program[PROGRAM_PATH_SIZE];
	int null = open("/dev/null", O_RDWR);

	if (null == -1)
		fail("/dev/null");
	registry_path(arg, registry);
	program_path("segregd", program);
	dup2(null, 1);
	dup2(null, 2);
	process_report_ready();
	execl(program, "segregd", "-r", registry, (char *)NULL);
	_exit(1);
}

pid_t daemon_start(const char *name)
{
	char *arg = strdup(name);
	pid_t pid = process_start(run, arg);

	free(arg);
	return pid;
}

static uint64_t switches_of(const char *thread)
{
	char line[256];
	uint64_t n = 0;
	FILE *file = fopen(thread, "re");

	if (!file)
		fail(thread);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &n) == 1)
			break;
	fclose(file);
	return n;
}

uint64_t daemon_wakeups(pid_t pid)
{
	char path[320];
	struct dirent *entry;
	uint64_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		fail(path);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.') {
			snprintf(path, sizeof(path), "/proc/%d/task/%.32s/status", pid, entry->d_name);
			n += switches_of(path);
		}
	closedir(dir);
	return n;
}
