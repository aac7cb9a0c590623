/*
 * faulter.c - a system call of a victim fails.
 *
 * Which errors: those of the manual pages for a disk that fills up or breaks, and for a user with quotas. Those for a
 * lack of descriptors, memory or rights, and those for signals that come at the wrong time. Calls whose failure a
 * program can do nothing about do not fail here: close, munmap, unlocking, asking what an open file is.
 */
#include "faulter.h"
#include "harness.h"
#include "tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <unistd.h>

#if defined(__x86_64__) && !defined(INSTRUMENTED)
#define ERRORS_MAX 6

struct fault {
	long number;
	const char *name;
	int errors[ERRORS_MAX + 1];
};

#define CALL(call, ...) .number = SYS_##call, .name = #call, .errors = { __VA_ARGS__ }

static const struct fault faults[] = {
	{ CALL(openat, EMFILE, ENFILE, EACCES, EIO, ENOMEM, EINTR) },
	{ CALL(openat2, EMFILE, EACCES, EIO, ENOMEM, EINTR) },
	{ CALL(read, EIO, EINTR) },
	{ CALL(pread64, EIO, EINTR) },
	{ CALL(write, ENOSPC, EIO, EDQUOT, EINTR) },
	{ CALL(pwrite64, ENOSPC, EIO, EDQUOT, EINTR) },
	{ CALL(pwritev, ENOSPC, EIO, EDQUOT, EINTR) },
	{ CALL(fsync, EIO, ENOSPC, EDQUOT) },
	{ CALL(fdatasync, EIO, ENOSPC, EDQUOT) },
	{ CALL(syncfs, EIO) },
	{ CALL(ftruncate, ENOSPC, EIO, EDQUOT, EINTR) },
	{ CALL(fallocate, ENOSPC, EIO, EDQUOT, EINTR) },
	{ CALL(mmap, ENOMEM) },
	{ CALL(mprotect, ENOMEM) },
	{ CALL(madvise, ENOMEM, EFAULT) },
	{ CALL(newfstatat, EIO, ENOMEM, EACCES) },
	{ CALL(statx, EIO, ENOMEM, EACCES) },
	{ CALL(fstatfs, EIO) },
	{ CALL(getdents64, EIO) },
	{ CALL(readlink, EIO, EACCES) },
	{ CALL(faccessat2, EIO, EACCES) },
	{ CALL(mkdirat, ENOSPC, EIO, EDQUOT, EROFS, EACCES) },
	{ CALL(mkdir, ENOSPC, EIO, EDQUOT, EROFS, EACCES) },
	{ CALL(linkat, ENOSPC, EIO, EDQUOT, EROFS, EACCES) },
	{ CALL(renameat, ENOSPC, EIO, EDQUOT, EROFS, EACCES) },
	{ CALL(renameat2, ENOSPC, EIO, EDQUOT, EROFS, EACCES) },
	{ CALL(unlinkat, EIO, EROFS, EACCES) },
	{ CALL(getrandom, EINTR) },
	{ CALL(futex, EINTR) },
};

/* Locking can fail; what else fcntl does here cannot. */
static const struct fault locking = { SYS_fcntl, "fcntl", { ENOLCK, EINTR } };

static bool lets_go(pid_t pid, const struct user_regs_struct *regs)
{
	/* struct flock begins with its type, a short */
	long lock = ptrace(PTRACE_PEEKDATA, pid, (void *)(uintptr_t)regs->rdx, 0);

	return (short)lock == F_UNLCK;
}

/* Of a local file there is nothing to be read for that. */
static bool is_of_open_file(const struct user_regs_struct *regs)
{
	return (regs->orig_rax == SYS_statx ? regs->rdx : regs->r10) & AT_EMPTY_PATH;
}

static const struct fault *fault_of(pid_t pid, const struct user_regs_struct *regs)
{
	if (regs->orig_rax == SYS_fcntl)
		return (regs->rsi == F_OFD_SETLK && !lets_go(pid, regs)) || regs->rsi == F_OFD_GETLK ? &locking : NULL;
	if ((regs->orig_rax == SYS_newfstatat || regs->orig_rax == SYS_statx) && is_of_open_file(regs))
		return NULL;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if ((long)regs->orig_rax == faults[i].number)
			return &faults[i];
	return NULL;
}

/* At the entry of a call: put in a number that the kernel does not know, then the result. False: the act ended
 * meanwhile. */
static bool fail(pid_t pid, struct user_regs_struct *regs, int error)
{
	regs->orig_rax = (unsigned long long)-1;
	T_SYS((int)ptrace(PTRACE_SETREGS, pid, 0, regs));
	tracer_go(pid, PTRACE_SYSCALL);
	if (!tracer_stops(pid))
		return false;
	T_SYS((int)ptrace(PTRACE_GETREGS, pid, 0, regs));
	regs->rax = (unsigned long long)-error;
	T_SYS((int)ptrace(PTRACE_SETREGS, pid, 0, regs));
	return true;
}

/* True: that was the one. */
static bool fail_this(struct scene *scene, pid_t pid, const struct fault *fault, struct user_regs_struct *regs,
		      unsigned choice)
{
	struct ledger *ledger = scene->ledger;

	ledger->was_reached = true;
	if (choice >= ERRORS_MAX || !fault->errors[choice])
		return false;
	snprintf(ledger->where, sizeof(ledger->where), "%s: %s", fault->name, strerrorname_np(fault->errors[choice]));
	ledger->was_harmed = true;
	return fail(pid, regs, fault->errors[choice]);
}

void faulter_fail(struct scene *scene, pid_t pid, unsigned nth, unsigned choice)
{
	struct user_regs_struct regs;
	bool enters = true, done = false;
	unsigned come = 0;

	tracer_await_act(pid);
	for (tracer_go(pid, PTRACE_SYSCALL); tracer_stops(pid);
	     tracer_go(pid, done ? PTRACE_CONT : PTRACE_SYSCALL), enters = !enters) {
		const struct fault *fault;

		if (!enters || done || !scene->ledger->inside)
			continue;
		T_SYS((int)ptrace(PTRACE_GETREGS, pid, 0, &regs));
		fault = fault_of(pid, &regs);
		if (!fault || ++come != nth)
			continue;
		enters = !fail_this(scene, pid, fault, &regs, choice);
		done = true;
	}
	tracer_go(pid, PTRACE_DETACH);
}

void faulter_need(void)
{
}
#else
void faulter_fail(struct scene *scene, pid_t pid, unsigned nth, unsigned choice)
{
	(void)scene, (void)pid, (void)nth, (void)choice;
}

void faulter_need(void)
{
	T_SKIP("only for x86-64, and not with a sanitizer, whose own calls would fail");
}
#endif
