/*
 * out.c - writing without waiting for the reader: a full pipe or a stopped terminal must not hold up a sweep.
 *
 * O_NONBLOCK belongs to the open file description, which others may share. So a pipe or terminal is opened once more.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/tool.h"

#define FIRST_FD 10 /* leaves the low numbers to programs that choose theirs */

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
	return write(out->fd, text, length < PIPE_BUF ? length : PIPE_BUF);
}
