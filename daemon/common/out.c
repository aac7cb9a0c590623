/*
 * out.c - writing without waiting for the reader: a full pipe or a stopped terminal must not hold up a sweep.
 *
 * O_NONBLOCK belongs to the open file description, which other processes may share. So tool_out_open opens a pipe or
 * terminal once more.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/out.h"

#define MOMENT 20000000             /* nanoseconds that a terminal has to take a line */
#define SILENCE INT64_C(1000000000) /* nanoseconds without a write, after a terminal that did not take a line */
#define FIRST_FD 10                 /* programs choose lower numbers for their own files */

void tool_out_guard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

void tool_out_open(struct tool_out *out, int fd)
{
	struct stat st;
	char path[32];
	int again;

	*out = (struct tool_out){ .fd = fd };
	if (fstat(fd, &st) == -1)
		return;
	out->is_socket = S_ISSOCK(st.st_mode);
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	again = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (again == -1) {
		out->is_shared = true;
		return;
	}
	out->fd = fcntl(again, F_DUPFD_CLOEXEC, FIRST_FD);
	close(again);
	out->is_own = out->fd != -1;
	if (!out->is_own)
		*out = (struct tool_out){ .fd = fd, .is_shared = true };
}

void tool_out_close(struct tool_out *out)
{
	if (out->is_own)
		close(out->fd);
	*out = (struct tool_out){ .fd = -1 };
}

static void ignore(int signal)
{
	(void)signal;
}

static int64_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/*
 * A terminal that is ready may have room for a part of the line, and blocks the write of the rest. So a timer
 * interrupts the write. The timer repeats its signal, since the first signal may come before the write begins. After a
 * write that the timer interrupted, nothing is written for SILENCE.
 */
static ssize_t write_for_a_moment(int fd, const char *text, size_t length)
{
	static int64_t silent_until;
	const struct itimerspec moment = { .it_interval = { .tv_nsec = MOMENT }, .it_value = { .tv_nsec = MOMENT } };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };
	struct sigaction interrupt = { .sa_handler = ignore }, old;
	sigset_t alarm, mask;
	ssize_t written = -1;
	timer_t timer;

	errno = EAGAIN;
	event._sigev_un._tid = gettid();
	if (monotonic() < silent_until || timer_create(CLOCK_MONOTONIC, &event, &timer) == -1)
		return -1;
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigaction(SIGALRM, &interrupt, &old);
	pthread_sigmask(SIG_UNBLOCK, &alarm, &mask);
	if (timer_settime(timer, 0, &moment, NULL) == 0)
		written = write(fd, text, length);
	if (written == -1 && errno == EINTR) {
		silent_until = monotonic() + SILENCE;
		errno = EAGAIN;
	}
	timer_delete(timer);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGALRM, &old, NULL);
	return written;
}

ssize_t tool_out_write(const struct tool_out *out, const char *text, size_t length)
{
	struct pollfd ready = { .fd = out->fd, .events = POLLOUT };

	if (out->is_socket)
		return send(out->fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (!out->is_shared)
		return write(out->fd, text, length);
	/* A pipe that is ready takes PIPE_BUF bytes at once. */
	if (poll(&ready, 1, 0) != 1) {
		errno = EAGAIN;
		return -1;
	}
	length = length < PIPE_BUF ? length : PIPE_BUF;
	return isatty(out->fd) ? write_for_a_moment(out->fd, text, length) : write(out->fd, text, length);
}
