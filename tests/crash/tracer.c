/*
 * tracer.c - a victim's act seen from outside, by ptrace, system call by system call.
 */
#include "tracer.h"
#include "harness.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---------------------------------------------------------------- what a process has mapped */

bool tracer_find_span(pid_t pid, const char *part, const char *rights, struct span *span)
{
	char name[32], line[512], has[8];
	bool found = false;
	FILE *maps;

	snprintf(name, sizeof(name), "/proc/%d/maps", (int)pid);
	maps = fopen(name, "re");
	while (maps && !found && fgets(line, sizeof(line), maps)) {
		const char *path = strchr(line, '/');

		found = path && strstr(path, part) &&
			sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &span->start, &span->end, has) == 3 &&
			strstr(has, rights);
		if (found)
			snprintf(span->path, sizeof(span->path), "%.*s", (int)strcspn(path, " \n"), path);
	}
	if (maps)
		fclose(maps);
	return found;
}

void tracer_note_region(struct scene *scene, pid_t pid)
{
	struct span span;

	if (tracer_find_span(pid, TRACER_REGION, "rw", &span))
		snprintf(scene->ledger->region, sizeof(scene->ledger->region), "%s", span.path);
}

/* ---------------------------------------------------------------- the victim's stops */

void tracer_go(pid_t pid, int request)
{
	if (ptrace((enum __ptrace_request)request, pid, 0, 0) == -1) /* no T_SYS: a million times */
		T_FAIL("ptrace: %s", strerror(errno));
}

int tracer_event;

bool tracer_stops(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		T_FAIL("waitpid: %s", strerror(errno));
	if (!WIFSTOPPED(status)) {
		if (WIFEXITED(status) && WEXITSTATUS(status))
			_exit(WEXITSTATUS(status)); /* it has said why */
		T_FAIL("the victim ended in its act, with status %#x", status);
	}
	tracer_event = status >> 16;
	if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP)
		T_FAIL("the victim gets signal %d", WSTOPSIG(status));
	return WSTOPSIG(status) == SIGTRAP;
}

void tracer_await_act(pid_t pid)
{
	int status;

	T_EQ(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status)); /* it has said why */
	T_CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	T_SYS((int)ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_EXITKILL));
}

void (*tracer_before_death)(void);

void tracer_slay(struct scene *scene, pid_t pid)
{
	if (tracer_before_death)
		tracer_before_death();
	tracer_note_region(scene, pid);
	scene->ledger->was_reached = scene->ledger->was_harmed = true;
	T_SYS(kill(pid, SIGKILL));
}

unsigned tracer_kill_at_call(struct scene *scene, pid_t pid, unsigned nth)
{
	unsigned come = 0;

	tracer_await_act(pid);
	for (tracer_go(pid, PTRACE_SYSCALL); tracer_stops(pid); tracer_go(pid, PTRACE_SYSCALL)) {
		if (++come != nth)
			continue;
		snprintf(scene->ledger->where, sizeof(scene->ledger->where), "%s system call %u",
			 come % 2 ? "the" : "the end of", (come + 1) / 2);
		tracer_slay(scene, pid);
		return come;
	}
	tracer_go(pid, PTRACE_DETACH);
	return come;
}
