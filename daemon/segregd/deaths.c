/*
 * deaths.c - rounds that follow the death of a process.
 *
 * Every handle has registry.lock open for reading, by a mapping that ends with its address space. So one inotify watch
 * reports exits, kills and execve(2) alike, in any PID namespace.
 *
 * The kernel reports that a file is closed just before it gives back the locks of that file. So the round that a death
 * starts can come too early. Others follow it, at growing distances.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "segreg.h"
#include "common/now.h"
#include "segregd/deaths.h"
#include "segregd/log.h"

/* What each handle has open, and what happens to it at a death. */
#define WATCHED "registry.lock"
#define WATCHED_FOR IN_CLOSE_NOWRITE

#define PAUSE_FIRST (1 * MILLISECOND)
#define PAUSE_LAST (1 * SECOND)

/* The watch is off until the round begins: one event is enough for all deaths until then. */
static int on_death(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	char text[4096];
	struct deaths *deaths = arg;

	(void)events;
	while (read(fd, text, sizeof text) > 0)
		;
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	deaths->pause = PAUSE_FIRST;
	schedule_soon(deaths->schedule);
	return 0;
}

void deaths_open(struct deaths *deaths, sd_event *event)
{
	int rc, fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[SEGREG_PATH_SIZE];

	snprintf(path, sizeof path, "%s/%s", deaths->settings->dir, WATCHED);
	rc = fd == -1 || inotify_add_watch(fd, path, WATCHED_FOR) == -1 ? -errno : 0;
	if (rc >= 0)
		rc = sd_event_add_io(event, &deaths->source, fd, EPOLLIN, on_death, deaths);
	if (rc >= 0)
		sd_event_source_set_io_fd_own(deaths->source, true);
	else if (fd != -1)
		close(fd);
	if (rc < 0)
		warn("cannot watch %s by inotify: %s; looking for dead processes every %.3g s", path, strerror(-rc),
		     (double)deaths->settings->interval_ms / 1e3);
}

void deaths_close(struct deaths *deaths)
{
	deaths->source = sd_event_source_disable_unref(deaths->source);
}

void deaths_begin(struct deaths *deaths)
{
	if (deaths->source)
		sd_event_source_set_enabled(deaths->source, SD_EVENT_ON);
}

void deaths_end(struct deaths *deaths)
{
	uint64_t now = tool_now_us();

	if (!deaths->source)
		schedule_at(deaths->schedule, now + deaths->settings->interval_ms * MILLISECOND);
	if (!deaths->pause)
		return;
	schedule_at(deaths->schedule, now + deaths->pause);
	deaths->pause = deaths->pause < PAUSE_LAST ? 2 * deaths->pause : 0;
}
