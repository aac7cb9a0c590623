/*
 * notify.c - messages to systemd, without waiting for it.
 *
 * sd_notify(3) waits while the queue of its receiver is full: a manager that hangs would hold up deletions and
 * SIGTERM. So messages go out by a socket that does not wait. Messages that find no room are kept in order, and sent
 * when there is room.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "common/now.h"
#include "segregd/notify.h"

#define KEPT_MAX 16

static struct {
	int fd; /* connected, or -1 */
	char *kept[KEPT_MAX];
	unsigned n;
	sd_event_source *room, *watchdog;
	uint64_t watchdog_us;
} to = { .fd = -1 };

/* False: there is no room. Any other failure counts as success: no receiver is there. */
static bool send_now(const char *text)
{
	return send(to.fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) != -1 ||
	       (errno != EAGAIN && errno != ENOBUFS);
}

static int on_room(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	(void)fd;
	(void)events;
	(void)arg;
	while (to.n && send_now(to.kept[0])) {
		free(to.kept[0]);
		memmove(to.kept, to.kept + 1, --to.n * sizeof *to.kept);
	}
	sd_event_source_set_enabled(source, to.n ? SD_EVENT_ON : SD_EVENT_OFF);
	return 0;
}

void notify_send(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int length;

	if (to.fd == -1)
		return;
	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		return;
	if ((to.n || !send_now(text)) && to.n < KEPT_MAX) {
		to.kept[to.n++] = text;
		sd_event_source_set_enabled(to.room, SD_EVENT_ON);
		return;
	}
	free(text);
}

/* Send a sign of life. If it finds no room it is dropped: another one follows. */
static int on_watchdog(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)usec;
	(void)arg;
	if (!to.n)
		send_now("WATCHDOG=1");
	sd_event_source_set_time(source, tool_now_us() + to.watchdog_us / 2);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int open_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	int fd;

	if ((path[0] != '/' && path[0] != '@') || length >= sizeof address.sun_path)
		return -1;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd != -1 && connect(fd, (struct sockaddr *)&address,
				(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

int notify_open(sd_event *event)
{
	const char *path = getenv("NOTIFY_SOCKET");
	int rc;

	memset(&to, 0, sizeof to); /* a server of the herd does not use the socket of its parent */
	to.fd = path ? open_socket(path) : -1;
	if (to.fd == -1)
		return 0;
	rc = sd_event_add_io(event, &to.room, to.fd, EPOLLOUT, on_room, NULL);
	if (rc >= 0)
		rc = sd_event_source_set_enabled(to.room, SD_EVENT_OFF);
	if (rc < 0 || sd_watchdog_enabled(0, &to.watchdog_us) <= 0)
		return rc;
	return sd_event_add_time(event, &to.watchdog, CLOCK_MONOTONIC, tool_now_us() + to.watchdog_us / 4, 1,
				 on_watchdog, NULL);
}

void notify_close(void)
{
	to.room = sd_event_source_unref(to.room);
	to.watchdog = sd_event_source_unref(to.watchdog);
	while (to.n)
		free(to.kept[--to.n]);
	if (to.fd != -1)
		close(to.fd);
	to.fd = -1;
}
