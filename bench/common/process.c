/*
 * process.c - child processes: several that start together, or one that works in the background.
 */
#include "common/process.h"

#include "common/fail.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct crew {
	pthread_barrier_t barrier;
	double results[];
};

static struct crew *crew; /* in memory that this process shares with its children */
static int ready_fd = -1; /* in a child of process_start: process_report_ready writes to it */

/* A child dies with its parent. So the end of a run leaves no process behind. */
static pid_t fork_child(void)
{
	pid_t parent = getpid(), pid;

	fflush(stdout);
	pid = fork();
	if (pid == -1)
		fail("fork");
	if (pid > 0)
		return pid;
	fail_set_child();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	return 0;
}

static struct crew *make_crew(unsigned n)
{
	pthread_barrierattr_t attr;
	size_t size = sizeof(struct crew) + n * sizeof(double);
	struct crew *made = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (made == MAP_FAILED)
		fail("mmap");
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&made->barrier, &attr, n);
	pthread_barrierattr_destroy(&attr);
	return made;
}

void process_meet(void)
{
	pthread_barrier_wait(&crew->barrier);
}

/* The n children are a process group. If one fails, the others may wait for it at a barrier forever: kill them. */
static void wait_for_all(pid_t group, unsigned n)
{
	bool failed = false;

	for (unsigned left = n; left > 0; left--) {
		int status;

		while (waitpid(-group, &status, 0) == -1)
			if (errno != EINTR)
				fail("waitpid");
		if ((WIFEXITED(status) && WEXITSTATUS(status) == 0) || failed)
			continue;
		failed = true;
		kill(-group, SIGKILL);
	}
	if (failed)
		fail("a child process");
}

void process_run_together(unsigned n, double (*fn)(void *arg, unsigned number), void *arg, double *results)
{
	pid_t group = 0;

	crew = make_crew(n);
	for (unsigned i = 0; i < n; i++) {
		pid_t pid = fork_child();

		if (pid == 0) {
			process_meet();
			crew->results[i] = fn(arg, i);
			_exit(0);
		}
		/* A group of their own, because wait_for_all must not take the other children of this process. */
		MUST(setpgid(pid, group));
		if (!group)
			group = pid;
	}
	wait_for_all(group, n);
	memcpy(results, crew->results, n * sizeof(*results));
	munmap(crew, sizeof(struct crew) + n * sizeof(double));
	crew = NULL;
}

pid_t process_start(void (*fn)(void *arg), void *arg)
{
	int ends[2];
	char byte;
	pid_t pid;

	MUST(pipe(ends));
	pid = fork_child();
	if (pid == 0) {
		close(ends[0]);
		ready_fd = ends[1];
		fn(arg);
		_exit(0);
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1)
		fail("a child process");
	close(ends[0]);
	return pid;
}

void process_report_ready(void)
{
	if (write(ready_fd, "", 1) != 1)
		_exit(1);
	close(ready_fd);
}

void process_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
