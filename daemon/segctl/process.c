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

void ctl_process_find_user(uint32_t uid, char user[64])
{
	static char last[64];
	static uint32_t last_uid;
	const struct passwd *entry;

	if (*last && uid == last_uid) { /* a registry has many processes, and few users */
		strcpy(user, last);
		return;
	}
	entry = getpwuid(uid);
	if (entry)
		snprintf(last, sizeof last, "%s", entry->pw_name);
	else
		snprintf(last, sizeof last, "%" PRIu32, uid);
	last_uid = uid;
	strcpy(user, last);
}

bool ctl_process_is_user(uint32_t uid, const char *user)
{
	char name[64], number[16];

	ctl_process_find_user(uid, name);
	snprintf(number, sizeof number, "%" PRIu32, uid);
	return !strcmp(user, name) || !strcmp(user, number);
}

/* The arguments are separated by NULs, which become spaces. */
static void find_command_line(int64_t pid, char *line, size_t size)
{
	FILE *file = open_file(pid, "cmdline");
	size_t n;

	if (!file)
		return;
	n = fread(line, 1, size, file);
	fclose(file);
	if (n == size)
		while (n && line[n - 1])
			n--;
	while (n && !line[n - 1])
		n--;
	line[n < size ? n : size - 1] = '\0';
	for (size_t i = 0; i < n; i++)
		line[i] = line[i] ? line[i] : ' ';
}

static const char *find_state(int64_t pid)
{
	FILE *file = open_file(pid, "stat");
	char line[256] = "", *end;

	if (file && fread(line, 1, sizeof line - 1, file) == 0)
		*line = '\0';
	if (file)
		fclose(file);
	end = strrchr(line, ')'); /* the end of the program's name, which may have spaces */
	if (!end || end[1] != ' ')
		return "";
	switch (end[2]) {
	case 'T':
		return "stopped";
	case 't':
		return "traced";
	case 'Z':
		return "zombie";
	case 'X':
		return "dead";
	default:
		return "running";
	}
}

static bool is_hash(const char *text, size_t length)
{
	return length == 64 && strspn(text, "0123456789abcdef") >= length;
}

void ctl_process_find_unit(const char *cgroup, char unit[128])
{
	static const struct {
		const char *prefix, *name;
	} engines[] = { { "docker-", "docker " },
			{ "libpod-", "podman " },
			{ "cri-containerd-", "containerd " },
			{ "crio-", "cri-o " } };
	const char *last = strrchr(cgroup, '/');

	last = last ? last + 1 : cgroup;
	for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
		size_t length = strlen(engines[i].prefix);

		if (!strncmp(last, engines[i].prefix, length) && is_hash(last + length, strcspn(last + length, "."))) {
			snprintf(unit, 128, "%s%.12s", engines[i].name, last + length);
			return;
		}
	}
	if (is_hash(last, strlen(last)))
		snprintf(unit, 128, "%s%.12s", strstr(cgroup, "docker") ? "docker " : "container ", last);
	else
		snprintf(unit, 128, "%.127s", last);
}

bool ctl_process_is_dead(const struct segreg_holder *holder)
{
	return !holder->is_foreign && kill((pid_t)holder->pid, 0) == -1 && errno == ESRCH;
}

void ctl_process_find(const struct segreg_holder *holder, struct ctl_process *process)
{
	*process = (struct ctl_process){ .state = "" };
	ctl_process_find_user(holder->uid, process->user);
	if (holder->is_foreign) {
		strcpy(process->command, "(in another PID namespace)");
	} else if (ctl_process_is_dead(holder)) {
		strcpy(process->command, "(dead)");
		process->state = "dead";
		process->is_dead = true;
	} else {
		find_command(holder->pid, process->command, sizeof process->command);
		find_command_line(holder->pid, process->command_line, sizeof process->command_line);
		find_cgroup(holder->pid, process->cgroup, sizeof process->cgroup);
		ctl_process_find_unit(process->cgroup, process->unit);
		process->state = find_state(holder->pid);
	}
	if (!*process->command_line)
		strcpy(process->command_line, process->command);
}
