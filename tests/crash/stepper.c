/*
 * stepper.c - a victim's act instruction by instruction.
 *
 * How a change is seen. The tracer maps the same shared memory, keeps a copy of those pages that have memory, and
 * compares after each step. Pages get and lose memory by system calls alone, so after one the pages are looked up anew.
 * (A look at a page that has none would give it some.) What a system call itself changes is not counted as a change:
 * victims are killed at system calls, on the way in and on the way out, anyway.
 *
 * How a victim comes to the same change again. Not by its number of instructions, which differs a little from run to run
 * (process ids, times and names as text), but by the address of the instruction and how many changes that one has made
 * before: a breakpoint in a debug register stops it there each time, and it is stepped over with the same comparison.
 * A string instruction is stepped, and makes its changes, once per element.
 *
 * Steps are slow. Who does not ask for everything has calls out of the program to functions that get no address in the
 * region among their arguments (LMDB's; those that make or read text) run at their own speed: they cannot change it. (Stepping
 * through everything finds no change more.)
 */
#include "stepper.h"
#include "harness.h"

#ifdef __x86_64__

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
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
		memcpy(mirror.copy + (size_t)mirror.page[i] * PAGE, mirror.region + (size_t)mirror.page[i] * PAGE, PAGE);
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

/* 0: nowhere. */
static void set_breakpoint(pid_t pid, uintptr_t at)
{
	if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[0]), at) == -1 ||
	    ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[7]), at ? 1L : 0L) == -1)
		T_SKIP("cannot set a breakpoint in a debug register: %s", strerror(errno));
}

static uintptr_t look(pid_t pid, size_t reg)
{
	return (uintptr_t)ptrace(PTRACE_PEEKUSER, pid, reg, 0);
}

#define AT offsetof(struct user_regs_struct, rip)

/* Let it go on to the next stop. False: its act has ended, and it is let go. */
static bool goes_on(pid_t pid, int request)
{
	tracer_go(pid, request);
	if (tracer_stops(pid))
		return true;
	mirror_close();
	set_breakpoint(pid, 0);
	tracer_go(pid, PTRACE_DETACH);
	return false;
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

/* The return address of a call from the program to somebody else, to whom no address in the region is given; 0: it is not one. */
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
	knows = is_in(&mirror.victims, regs.rdi) || is_in(&mirror.victims, regs.rsi) || is_in(&mirror.victims, regs.rdx) ||
		is_in(&mirror.victims, regs.rcx) || is_in(&mirror.victims, regs.r8) || is_in(&mirror.victims, regs.r9);
	back = (uintptr_t)ptrace(PTRACE_PEEKDATA, pid, regs.rsp, 0);
	return !knows && is_in(&speed->program, back) ? back : 0;
}

static bool run_to(pid_t pid, uintptr_t at)
{
	set_breakpoint(pid, at);
	if (!goes_on(pid, PTRACE_CONT))
		return false;
	set_breakpoint(pid, 0);
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

void stepper_record(pid_t pid, struct trail *trail, bool everything)
{
	struct speed speed = { .was_inside = false };
	bool acts = true;

	trail->changes = 0;
	trail->steps = 0;
	trail->way = 0xcbf29ce484222325;
	find_program(&speed);
	tracer_await_act(pid);
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

	tracer_await_act(pid);
	set_breakpoint(pid, change->at);
	while (goes_on(pid, PTRACE_CONT)) {
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
