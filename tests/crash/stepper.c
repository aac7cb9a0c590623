/*
 * stepper.c - a victim's act instruction by instruction.
 *
 * How a change is seen. The tracer maps the same shared memory, keeps a copy of those pages that have memory, and
 * compares after each step. Pages get and lose memory by system calls alone, so after each call the tracer looks the
 * pages up anew. (A look at a page that has none would give it some.) What a system call itself changes is not counted
 * as a change. Victims are killed on the way into and out of system calls anyway.
 *
 * How a victim comes to the same change again. Its number of instructions differs a little from run to run, by process
 * ids, times and names as text. So a change is known by the address of its instruction, and by how many changes this
 * instruction has made before. A breakpoint stops the victim there each time, and the tracer steps over it with the
 * same comparison. A string instruction is stepped, and makes its changes, once per element.
 *
 * A breakpoint is the instruction int3 in the place of another. Debug registers need nothing of the victim's memory,
 * but some virtual machines accept an address in one and never stop there. Threads of the victim are not traced, and
 * int3 would kill one. So the victim has no breakpoint once it has started a thread: from there on the tracer steps to
 * the address.
 *
 * Steps are slow. So calls out of the program run at their own speed, unless the test asks for everything. The
 * called functions get no address in the region among their arguments, so they cannot change it. They are LMDB's, and
 * those that make or read text. (Stepping through everything finds no further change.)
 */
#include "stepper.h"
#include "harness.h"

#ifdef __x86_64__

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---------------------------------------------------------------- the mirror */

#define PAGE 4096u

static struct mirror {
	int fd; /* of the region; -1: the victim has none yet */
	size_t size;
	struct span victims; /* where the victim has it */
	const unsigned char *region;
	unsigned char *copy;
	unsigned *page; /* those that have memory */
	unsigned pages;
} mirror = { .fd = -1 };

static void mirror_close(void)
{
	if (mirror.fd == -1)
		return;
	munmap((void *)(uintptr_t)mirror.region, mirror.size);
	munmap(mirror.copy, mirror.size);
	free(mirror.page);
	close(mirror.fd);
	mirror = (struct mirror){ .fd = -1 };
}

static void mirror_open(pid_t pid)
{
	struct stat st;
	void *region, *copy;

	if (!tracer_find_span(pid, TRACER_REGION, "rw", &mirror.victims))
		return;
	mirror.fd = open(mirror.victims.path, O_RDONLY | O_CLOEXEC);
	if (mirror.fd == -1)
		return; /* its name is gone already, and it with the next unmapping */
	T_SYS(fstat(mirror.fd, &st));
	mirror.size = (size_t)st.st_size;
	region = mmap(NULL, mirror.size, PROT_READ, MAP_SHARED, mirror.fd, 0);
	copy = mmap(NULL, mirror.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	mirror.page = malloc((mirror.size / PAGE + 1) * sizeof(*mirror.page));
	T_CHECK(region != MAP_FAILED && copy != MAP_FAILED && mirror.page);
	mirror.region = region;
	mirror.copy = copy;
}

static void mirror_find_pages(void)
{
	off_t at = 0, end;

	mirror.pages = 0;
	while ((at = lseek(mirror.fd, at, SEEK_DATA)) != -1) {
		end = lseek(mirror.fd, at, SEEK_HOLE);
		for (; at < end; at += PAGE)
			mirror.page[mirror.pages++] = (unsigned)(at / PAGE);
	}
}

/* Look afresh at everything. */
static void mirror_refresh(pid_t pid)
{
	if (mirror.fd == -1)
		mirror_open(pid);
	if (mirror.fd == -1)
		return;
	mirror_find_pages();
	for (unsigned i = 0; i < mirror.pages; i++)
		memcpy(mirror.copy + (size_t)mirror.page[i] * PAGE, mirror.region + (size_t)mirror.page[i] * PAGE,
		       PAGE);
}

static void mix(uint64_t *way, uint64_t what)
{
	*way = (*way ^ what) * 0x100000001b3; /* FNV-1a */
}

/* Has anything changed since it was last asked? The words that have are mixed into the way. */
static bool mirror_has_changed(uint64_t *way)
{
	bool changed = false;

	for (unsigned i = 0; i < mirror.pages; i++) {
		unsigned char *copy = mirror.copy + (size_t)mirror.page[i] * PAGE;
		const unsigned char *now = mirror.region + (size_t)mirror.page[i] * PAGE;

		if (memcmp(copy, now, PAGE) == 0)
			continue;
		for (unsigned at = 0; at < PAGE; at += 8)
			if (memcmp(copy + at, now + at, 8) != 0)
				mix(way, (uint64_t)mirror.page[i] * PAGE + at);
		memcpy(copy, now, PAGE);
		changed = true;
	}
	return changed;
}

/* ---------------------------------------------------------------- the victim's processor */

#define AT offsetof(struct user_regs_struct, rip)
#define INT3 0xccu

static uintptr_t look(pid_t pid, size_t reg)
{
	return (uintptr_t)ptrace(PTRACE_PEEKUSER, pid, reg, 0);
}

/* Of the one victim that there is at a time. */
static struct {
	uintptr_t at; /* 0: there is none */
	long word;    /* what the victim has there without it */
} breakpoint;
static bool has_started_another; /* a thread or a process */

static void write_word(pid_t pid, uintptr_t at, long word)
{
	if (ptrace(PTRACE_POKETEXT, pid, at, word) == -1)
		T_FAIL("cannot set a breakpoint: ptrace: %s", strerror(errno));
}

static void set_breakpoint(pid_t pid, uintptr_t at)
{
	errno = 0;
	breakpoint.at = at;
	breakpoint.word = ptrace(PTRACE_PEEKTEXT, pid, at, 0);
	if (errno)
		T_FAIL("cannot read an instruction: ptrace: %s", strerror(errno));
	write_word(pid, at, (breakpoint.word & ~0xffL) | (long)INT3);
}

static void clear_breakpoint(pid_t pid)
{
	if (breakpoint.at)
		write_word(pid, breakpoint.at, breakpoint.word);
	breakpoint.at = 0;
}

/* The victim has started a thread or a process: that one goes on untraced. A process has a copy of the breakpoint. */
static void note_another(pid_t pid)
{
	unsigned long child;
	int status;

	if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &child) == -1)
		T_FAIL("ptrace: %s", strerror(errno));
	T_EQ(waitpid((pid_t)child, &status, __WALL), (pid_t)child);
	if (breakpoint.at)
		write_word((pid_t)child, breakpoint.at, breakpoint.word);
	tracer_go((pid_t)child, PTRACE_DETACH);
	clear_breakpoint(pid);
	has_started_another = true;
}

/* Let it go on to the next stop. False: its act has ended, and it is let go. */
static bool goes_on(pid_t pid, int request)
{
	tracer_go(pid, request);
	if (tracer_stops(pid)) {
		if (tracer_event)
			note_another(pid);
		return true;
	}
	mirror_close();
	clear_breakpoint(pid);
	tracer_go(pid, PTRACE_DETACH);
	return false;
}

/* Let it go on until it is about to execute the instruction at this address. False: its act has ended. */
static bool comes_to(pid_t pid, uintptr_t at)
{
	if (!has_started_another) {
		set_breakpoint(pid, at);
		if (!goes_on(pid, PTRACE_CONT))
			return false;
		if (breakpoint.at) {
			clear_breakpoint(pid);
			T_EQ(look(pid, AT), at + 1);
			T_SYS((int)ptrace(PTRACE_POKEUSER, pid, AT, at));
			return true;
		}
	}
	while (look(pid, AT) != at)
		if (!goes_on(pid, PTRACE_SINGLESTEP))
			return false;
	return true;
}

static void await_act(pid_t pid)
{
	tracer_await_act(pid);
	has_started_another = false;
	T_SYS((int)ptrace(PTRACE_SETOPTIONS, pid, 0,
			  PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK));
}

static bool is_call(pid_t pid, uintptr_t at)
{
	return (ptrace(PTRACE_PEEKTEXT, pid, at, 0) & 0xffff) == 0x050f; /* syscall */
}

static void note_change(struct trail *trail, uintptr_t at)
{
	struct change change = { .at = at, .nth = 1 };

	for (unsigned i = trail->changes; change.nth == 1 && i-- > 0;)
		if (trail->change[i].at == at)
			change.nth = trail->change[i].nth + 1;
	if (trail->changes == trail->room) {
		trail->room = trail->room ? trail->room * 2 : 256;
		trail->change = realloc(trail->change, trail->room * sizeof(*trail->change));
		T_CHECK(trail->change);
	}
	trail->change[trail->changes++] = change;
}

/* What runs at its own speed when not everything is stepped. */
struct speed {
	struct span program, loader;
	bool was_inside; /* the last instruction was of one of the two */
};

static bool is_in(const struct span *span, uintptr_t at)
{
	return at >= span->start && at < span->end;
}

static void find_program(struct speed *speed)
{
	char path[128] = { 0 };

	T_SYS((int)readlink("/proc/self/exe", path, sizeof(path) - 1));
	T_CHECK(tracer_find_span(getpid(), path, "x", &speed->program));
	tracer_find_span(getpid(), "/ld-linux", "x", &speed->loader);
}

/* The return address, if this is a call out of the program that gets no address in the region; 0 otherwise. */
static uintptr_t harmless_call(pid_t pid, struct speed *speed, uintptr_t at)
{
	struct user_regs_struct regs;
	bool was_inside = speed->was_inside, knows;
	uintptr_t back;

	speed->was_inside = is_in(&speed->program, at) || is_in(&speed->loader, at);
	if (speed->was_inside || !was_inside)
		return 0;
	if (ptrace(PTRACE_GETREGS, pid, 0, &regs) == -1)
		T_FAIL("ptrace: %s", strerror(errno));
	knows = is_in(&mirror.victims, regs.rdi) || is_in(&mirror.victims, regs.rsi) ||
		is_in(&mirror.victims, regs.rdx) || is_in(&mirror.victims, regs.rcx) ||
		is_in(&mirror.victims, regs.r8) || is_in(&mirror.victims, regs.r9);
	back = (uintptr_t)ptrace(PTRACE_PEEKDATA, pid, regs.rsp, 0);
	return !knows && is_in(&speed->program, back) ? back : 0;
}

static bool run_to(pid_t pid, uintptr_t at)
{
	if (!comes_to(pid, at))
		return false;
	mirror_refresh(pid);
	return true;
}

static bool step(pid_t pid, struct trail *trail, const struct speed *speed, uintptr_t at)
{
	bool calls = is_call(pid, at);

	if (!goes_on(pid, PTRACE_SINGLESTEP))
		return false;
	trail->steps++;
	if (is_in(&speed->program, at))
		mix(&trail->way, at);
	if (calls)
		mirror_refresh(pid);
	else if (mirror_has_changed(&trail->way))
		note_change(trail, at);
	return true;
}

/* ---------------------------------------------------------------- can this machine do it? */

#define PROBE_STEPS 32u

static void be_probed(void)
{
	if (ptrace(PTRACE_TRACEME, 0, 0, 0) == -1)
		_exit(errno);
	raise(SIGSTOP);
	for (volatile unsigned i = 0; i < PROBE_STEPS * 2; i++)
		;
	_exit(0);
}

/* Let the probed process go on. Is it where it should be when it stops? */
static bool probe_stops(pid_t pid, int request)
{
	int status;

	return ptrace((enum __ptrace_request)request, pid, 0, 0) == 0 && waitpid(pid, &status, 0) == pid &&
	       WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
}

/* NULL, or what this machine does not do. */
static const char *missing_here(pid_t pid)
{
	uintptr_t at;
	int status;

	T_EQ(waitpid(pid, &status, 0), pid);
	if (!WIFSTOPPED(status))
		return strerror(WEXITSTATUS(status));
	for (unsigned i = 0; i < PROBE_STEPS; i++)
		if (!probe_stops(pid, PTRACE_SINGLESTEP))
			return "a traced process does not stop after one instruction";
	at = look(pid, AT);
	if (ptrace(PTRACE_POKETEXT, pid, at, (ptrace(PTRACE_PEEKTEXT, pid, at, 0) & ~0xffL) | (long)INT3) == -1)
		return strerror(errno);
	return probe_stops(pid, PTRACE_CONT) && look(pid, AT) == at + 1 ? NULL
									: "a traced process does not stop at int3";
}

void stepper_probe(void)
{
	pid_t pid = T_SYS(fork());
	const char *missing;

	if (pid == 0)
		be_probed();
	missing = missing_here(pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (missing)
		T_SKIP("cannot step through a process: %s", missing);
}

/* ---------------------------------------------------------------- acts */

void stepper_record(pid_t pid, struct trail *trail, bool everything)
{
	struct speed speed = { .was_inside = false };
	bool acts = true;

	trail->changes = 0;
	trail->steps = 0;
	trail->way = 0xcbf29ce484222325;
	find_program(&speed);
	await_act(pid);
	mirror_refresh(pid);
	while (acts) {
		uintptr_t at = look(pid, AT), back = everything ? 0 : harmless_call(pid, &speed, at);

		acts = back ? run_to(pid, back) : step(pid, trail, &speed, at);
	}
}

/* The address as addr2line likes it. */
static void tell_change(struct scene *scene, const struct change *change)
{
	Dl_info info = { .dli_fname = "?" };
	const char *name;

	dladdr((const void *)change->at, &info);
	name = strrchr(info.dli_fname, '/');
	snprintf(scene->ledger->where, sizeof(scene->ledger->where), "change %u by %.24s %#" PRIxPTR, change->nth,
		 name ? name + 1 : info.dli_fname, change->at - (uintptr_t)info.dli_fbase);
}

void stepper_kill_after(struct scene *scene, pid_t pid, const struct change *change)
{
	unsigned changes = 0;
	uint64_t way = 0;

	await_act(pid);
	while (comes_to(pid, change->at)) {
		mirror_refresh(pid);
		do { /* a string instruction stays where it is */
			if (!goes_on(pid, PTRACE_SINGLESTEP))
				return;
			if (!mirror_has_changed(&way) || ++changes < change->nth)
				continue;
			tell_change(scene, change);
			mirror_close();
			tracer_slay(scene, pid);
			return;
		} while (look(pid, AT) == change->at);
	}
}

#else

void stepper_probe(void)
{
	T_SKIP("victims are stepped on x86-64 only");
}

void stepper_record(pid_t pid, struct trail *trail, bool everything)
{
	(void)pid, (void)trail, (void)everything;
	T_SKIP("victims are stepped on x86-64 only");
}

void stepper_kill_after(struct scene *scene, pid_t pid, const struct change *change)
{
	(void)scene, (void)pid, (void)change;
	T_SKIP("victims are stepped on x86-64 only");
}

#endif
