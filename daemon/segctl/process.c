/* process.c - the process behind a handle: program, user, control group. */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "segreg.h"
#include "segctl/process.h"

static FILE *open_file(int64_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%" PRId64 "/%s", pid, name);
	return fopen(path, "re");
}

static void find_command(int64_t pid, char *command, size_t size)
{
	FILE *file = open_file(pid, "comm");

	if (!file)
		return;
	if (fgets(command, (int)size, file))
		command[strcspn(command, "\n")] = '\0';
	fclose(file);
}

/*
 * Find the control group of the unified hierarchy; where there is none, that of systemd. The root is left out.
 */
static void find_cgroup(int64_t pid, char *cgroup, size_t size)
{
	static const char *const prefixes[] = { "0::", "1:name=systemd:" };
	FILE *file = open_file(pid, "cgroup");
	char line[1024];

	while (file && fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
			if (!strncmp(line, prefixes[i], strlen(prefixes[i])) && strcmp(line + strlen(prefixes[i]), "/"))
				snprintf(cgroup, size, "%.*s", (int)size - 1, line + strlen(prefixes[i]));
	}
	if (file)
		fclose(file);
}

void ctl_process_find_user(uint32_t uid, char *user, size_t size)
{
	const struct passwd *entry = getpwuid(uid);

	if (entry)
		snprintf(user, size, "%s", entry->pw_name);
	else
		snprintf(user, size, "%" PRIu32, uid);
}

void ctl_process_find(const struct segreg_holder *holder, struct ctl_process *process)
{
	*process = (struct ctl_process){ .command = "" };
	ctl_process_find_user(holder->uid, process->user, sizeof process->user);
	if (holder->is_foreign) {
		strcpy(process->command, "(in another PID namespace)");
	} else if (kill((pid_t)holder->pid, 0) == -1 && errno == ESRCH) {
		strcpy(process->command, "(dead)");
		process->is_dead = true;
	} else {
		find_command(holder->pid, process->command, sizeof process->command);
		find_cgroup(holder->pid, process->cgroup, sizeof process->cgroup);
	}
}
