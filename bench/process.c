/*
 * process.c - child processes that start together, and those that disturb in the background.
 */
#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct crew {
	pthread_barrier_t barrier;
	double results[];
};

static struct crew *crew;    /* in memory that a parent and its children share */
static int started_fd = -1;  /* in a child of bench_spawn: bench_started says so here */
static bool is_child;

/* A child dies with its parent, so that a run that is ended leaves nobody behind. */
static pid_t fork_child(void)
{
	pid_t parent = getpid(), pid;

	fflush(stdout);
	pid = fork();
	if (pid == -1)
		bench_fail("fork");
	if (pid > 0)
		return pid;
	is_child = true;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	return 0;
}

void bench_fail(const char *what)
{
	fprintf(stderr, "bench: %s failed: %s; segreg: %s\n", what, strerror(errno), segreg_last_error());
	if (is_child)
		_exit(1);
	exit(1);
}

static struct crew *make_crew(unsigned n)
{
	pthread_barrierattr_t attr;
	size_t size = sizeof(struct crew) + n * sizeof(double);
	struct crew *made = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (made == MAP_FAILED)
		bench_fail("mmap");
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&made->barrier, &attr, n);
	pthread_barrierattr_destroy(&attr);
	return made;
}

void bench_barrier(void)
{
	pthread_barrier_wait(&crew->barrier);
}

/* The n children are the process group. If one fails, the others may wait for it at a barrier for good: end them. */
static void wait_for_all(pid_t group, unsigned n)
{
	bool failed = false;

	for (unsigned left = n; left > 0; left--) {
		int status;

		while (waitpid(-group, &status, 0) == -1)
			if (errno != EINTR)
				bench_fail("waitpid");
		if ((WIFEXITED(status) && WEXITSTATUS(status) == 0) || failed)
			continue;
		failed = true;
		kill(-group, SIGKILL);
	}
	if (failed)
		bench_fail("a child process");
}

void bench_processes(unsigned n, double (*fn)(void *arg, unsigned number), void *arg, double *results)
{
	pid_t group = 0;

	crew = make_crew(n);
	for (unsigned i = 0; i < n; i++) {
		pid_t pid = fork_child();

		if (pid == 0) {
			bench_barrier();
			crew->results[i] = fn(arg, i);
			_exit(0);
		}
		/* A group of their own: other children of this process are waited for elsewhere. */
		BENCH_OK(setpgid(pid, group));
		if (!group)
			group = pid;
	}
	wait_for_all(group, n);
	memcpy(results, crew->results, n * sizeof(*results));
	munmap(crew, sizeof(struct crew) + n * sizeof(double));
	crew = NULL;
}

pid_t bench_spawn(void (*fn)(void *arg), void *arg)
{
	int ends[2];
	char byte;
	pid_t pid;

	BENCH_OK(pipe(ends));
	pid = fork_child();
	if (pid == 0) {
		close(ends[0]);
		started_fd = ends[1];
		fn(arg);
		_exit(0);
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1)
		bench_fail("a child process");
	close(ends[0]);
	return pid;
}

void bench_started(void)
{
	if (write(started_fd, "", 1) != 1)
		_exit(1);
	close(started_fd);
}

void bench_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
