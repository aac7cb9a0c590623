/*
 * cgroup.c - the memory cgroup of a worker is full: the worker is refused or killed, and the others lose nothing.
 * The kernel is what kills the worker. Root only.
 *
 * The kernel charges shared memory to the process that touches it first. So a small worker meets its limit in the
 * midst of the library's work.
 */
#include "harness.h"
#include "world.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEGMENTS 40u

struct group {
	char dir[64];
	const char *limit; /* its file */
};

static bool write_number(const struct group *group, const char *file, long number)
{
	char path[128], text[32];
	int fd, n = snprintf(text, sizeof(text), "%ld", number);
	bool wrote;

	snprintf(path, sizeof(path), "%s/%s", group->dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	wrote = fd != -1 && write(fd, text, (size_t)n) == n;
	if (fd != -1)
		close(fd);
	return wrote;
}

/* Of cgroup version 1, or 2. */
static bool make_group(struct group *group, long bytes)
{
	static const char *const roots[][2] = { { "/sys/fs/cgroup/memory", "memory.limit_in_bytes" },
						{ "/sys/fs/cgroup", "memory.max" } };

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		snprintf(group->dir, sizeof(group->dir), "%s/segreg-test-%d", roots[i][0], (int)getpid());
		group->limit = roots[i][1];
		if (mkdir(group->dir, 0700) == -1)
			continue;
		if (write_number(group, group->limit, bytes))
			return true;
		rmdir(group->dir);
	}
	return false;
}

/* As much as it is let. 0: all; 1: it was refused. What was acknowledged is counted in *acknowledged. */
static int work(const struct t_world *w, volatile unsigned *acknowledged)
{
	struct segreg_pin pins[SEGMENTS];
	struct segreg *reg;
	unsigned n = 0;
	int rc = segreg_open(w->dir, NULL, &reg);

	for (uint64_t id = 1; !rc && id <= SEGMENTS; id++) {
		rc = segreg_register(reg, id, t_segment(id));
		if (rc == SEGREG_E_EXISTS || !rc)
			rc = segreg_pin(reg, id, 0, &pins[n]);
		n += !rc;
		if (!rc)
			*acknowledged = n;
	}
	while (n > 0)
		segreg_unpin(reg, &pins[--n]);
	return rc != 0;
}

/* In a group of that size, however it ends. True: it did all. */
static bool work_within(const struct t_world *w, long bytes, volatile unsigned *acknowledged)
{
	struct group group;
	int status;
	pid_t pid;

	if (!make_group(&group, bytes))
		T_SKIP("needs root, to make a memory cgroup");
	pid = T_SYS(fork());
	if (!pid)
		_exit(write_number(&group, "cgroup.procs", getpid()) ? work(w, acknowledged) : 2);
	T_EQ(waitpid(pid, &status, 0), pid);
	T_EQ(rmdir(group.dir), 0);
	T_CHECK(WIFEXITED(status) ? WEXITSTATUS(status) < 2 : WTERMSIG(status) == SIGKILL);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Strangers are what it did not come to register. */
static int count_faults(void *arg, const struct segreg_finding *finding)
{
	*(unsigned *)arg += finding->kind != SEGREG_FOUND_STRANGER;
	return 0;
}

static void full_group(void)
{
	volatile unsigned *acknowledged;
	unsigned stopped = 0, faults = 0;
	bool did_all = false;
	struct t_world w;

	if (geteuid() != 0)
		T_SKIP("needs root, to make a memory cgroup");
	acknowledged = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	T_CHECK(acknowledged != MAP_FAILED);
	w = t_world(T_MEMORY);
	for (uint64_t id = 1; id <= SEGMENTS; id++)
		t_make_segment(&w, id);
	t_close(t_open(&w));
	for (long bytes = 64 << 10; !did_all; bytes += 64 << 10) {
		struct segreg *reg;

		*acknowledged = 0;
		did_all = work_within(&w, bytes, acknowledged);
		stopped += !did_all;
		reg = t_open(&w);
		for (uint64_t id = 1; id <= *acknowledged; id++) {
			T_EQ(t_state(reg, id), SEGREG_LIVE);
			T_EQ(t_refcount(reg, id), 0);
		}
		T_OK(segreg_check(reg, 0, count_faults, &faults));
		T_EQ(faults, 0);
		t_close(reg);
	}
	T_CHECK(stopped > 3);
	printf("(stopped %u times) ", stopped);
}

T_SUITE(cgroup, { "where a memory cgroup is full a worker is refused or killed, and nothing is lost", full_group });
