/*
 * tracer.c - for the scripts: what a command does to files, one system call at a time.
 *
 *      tracer log FILE COMMAND...          write each call that changes files to FILE, a line each
 *      tracer at TEXT SCRIPT COMMAND...    run SCRIPT before the first call whose line has TEXT; $VICTIM is the command
 *      tracer kill N COMMAND...            SIGKILL before the Nth of these calls; status 99 if there are fewer
 *      tracer fail N ERRNO COMMAND...      the Nth of these calls fails with that errno; status 99 if there are fewer
 *
 * A line has the name of the call and the names of files that are its arguments. What goes to stdout, stderr or no file
 * at all is not counted. Otherwise the status is that of the command, or 128 and its signal. Status 77: this machine
 * cannot trace.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* A call, and which of its arguments are names; -1: none. */
struct call {
	long number;
	const char *name;
	int names[2];
	int fd; /* the argument that must not be a standard descriptor; -1: any */
};

static const struct call calls[] = {
	{ SYS_openat, "openat", { 1, -1 }, -1 },
	{ SYS_mkdirat, "mkdirat", { 1, -1 }, -1 },
	{ SYS_mknodat, "mknodat", { 1, -1 }, -1 },
	{ SYS_symlinkat, "symlinkat", { 0, 2 }, -1 },
	{ SYS_linkat, "linkat", { 1, 3 }, -1 },
	{ SYS_renameat, "renameat", { 1, 3 }, -1 },
	{ SYS_renameat2, "renameat2", { 1, 3 }, -1 },
	{ SYS_unlinkat, "unlinkat", { 1, -1 }, -1 },
	{ SYS_fchownat, "fchownat", { 1, -1 }, -1 },
	{ SYS_utimensat, "utimensat", { -1, -1 }, -1 },
	{ SYS_fchmod, "fchmod", { -1, -1 }, -1 },
	{ SYS_fsetxattr, "fsetxattr", { 1, -1 }, -1 },
	{ SYS_write, "write", { -1, -1 }, 0 },
	{ SYS_pwrite64, "pwrite64", { -1, -1 }, 0 },
	{ SYS_copy_file_range, "copy_file_range", { -1, -1 }, -1 },
	{ SYS_ftruncate, "ftruncate", { -1, -1 }, -1 },
	{ SYS_fsync, "fsync", { -1, -1 }, -1 },
	{ SYS_fdatasync, "fdatasync", { -1, -1 }, -1 },
	{ SYS_syncfs, "syncfs", { -1, -1 }, -1 },
#ifdef SYS_mkdir
	{ SYS_mkdir, "mkdir", { 0, -1 }, -1 },
	{ SYS_rename, "rename", { 0, 1 }, -1 },
#endif
};

static void read_name(pid_t pid, uint64_t address, char name[4096])
{
	size_t n = 0;

	/* Word by word: the page behind the name may not be there. */
	while (n + sizeof(long) < 4096) {
		long word = (errno = 0, ptrace(PTRACE_PEEKDATA, pid, (void *)(uintptr_t)(address + n), 0));

		if (errno)
			break;
		memcpy(name + n, &word, sizeof word);
		n += sizeof word;
		if (memchr(&word, 0, sizeof word))
			return;
	}
	name[n] = '\0';
}

/* line becomes that of the call at whose entry pid stands. False: it changes no files. */
static bool describe(pid_t pid, const struct __ptrace_syscall_info *info, char *line, size_t size)
{
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		const struct call *call = &calls[i];
		size_t n;

		if (call->number != (long)info->entry.nr)
			continue;
		if ((call->number == SYS_openat && !(info->entry.args[2] & O_CREAT)) ||
		    (call->fd >= 0 && info->entry.args[call->fd] <= 2))
			return false;
		n = (size_t)snprintf(line, size, "%s", call->name);
		for (int j = 0; j < 2 && call->names[j] >= 0; j++) {
			char name[4096];

			read_name(pid, info->entry.args[call->names[j]], name);
			n += (size_t)snprintf(line + n, size - n, " %s", name);
		}
		return true;
	}
	return false;
}

/* At the entry of a call: the kernel does nothing, and the call returns -error. */
static void fail(pid_t pid, int error)
{
#ifdef __x86_64__
	struct user_regs_struct regs;
	int status;

	ptrace(PTRACE_GETREGS, pid, 0, &regs);
	regs.orig_rax = (unsigned long long)-1;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	waitpid(pid, &status, 0);
	ptrace(PTRACE_GETREGS, pid, 0, &regs);
	regs.rax = (unsigned long long)-error;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
#else
	(void)pid, (void)error;
	exit(77);
#endif
}

static void run_script(pid_t pid, const char *script)
{
	char victim[32], *command;

	snprintf(victim, sizeof victim, "%d", (int)pid);
	setenv("VICTIM", victim, 1);
	if (asprintf(&command, ". '%s'", script) < 0 || system(command) == -1)
		exit(1);
	free(command);
}

/* What the command line asks for. */
struct order {
	const char *mode, *text, *script;
	FILE *log;
	unsigned long wanted, n; /* number of the call that is meant; of calls so far */
	int error;
	bool done;
};

/* At the entry of a call that changes files. */
static void act(struct order *order, pid_t pid, const char *line)
{
	order->n++;
	if (order->log) {
		fprintf(order->log, "%s\n", line);
	} else if (order->script && strstr(line, order->text)) {
		run_script(pid, order->script);
		order->done = true;
	} else if (order->n == order->wanted && order->error) {
		fail(pid, order->error);
		order->done = true;
	} else if (order->n == order->wanted) {
		kill(pid, SIGKILL);
	}
}

/* Let pid run to its end; returns its status. */
static int follow(struct order *order, pid_t pid)
{
	int status, signal = 0;

	for (;;) {
		struct __ptrace_syscall_info info;
		char line[16384];

		ptrace(order->done ? PTRACE_CONT : PTRACE_SYSCALL, pid, 0, signal);
		if (waitpid(pid, &status, 0) == -1 || !WIFSTOPPED(status))
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		signal = 0;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
			if (status >> 16 == 0)
				signal = WSTOPSIG(status);
			continue;
		}
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) == -1)
			exit(77);
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY && describe(pid, &info, line, sizeof line))
			act(order, pid, line);
	}
}

static pid_t start(char **command)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) == -1)
			_exit(77);
		raise(SIGSTOP);
		execv(command[0], command);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) == -1 || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC))
		exit(77);
	return pid;
}

int main(int argc, char **argv)
{
	struct order order = { .mode = argc > 3 ? argv[1] : "" };
	int command = 3, status;

	if (!strcmp(order.mode, "log")) {
		order.log = fopen(argv[2], "we");
	} else if (!strcmp(order.mode, "at")) {
		order.text = argv[2];
		order.script = argv[command++];
	} else {
		order.wanted = strtoul(argv[2], NULL, 10);
		if (!strcmp(order.mode, "fail"))
			order.error = atoi(argv[command++]);
	}
	if (command >= argc)
		return 2;
	status = follow(&order, start(argv + command));
	if (order.log)
		fclose(order.log);
	return (order.wanted && order.n < order.wanted) || (order.script && !order.done) ? 99 : status;
}
