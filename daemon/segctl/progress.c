/*
 * progress.c - how far long work has come, for somebody who watches a terminal.
 */
#include <stdio.h>
#include <unistd.h>

#include "segctl/ctl.h"

#define PAUSE 100000000 /* nanoseconds between two lines */

static int64_t shown_at; /* 0: nothing is shown */

void ctl_progress(const char *format, ...)
{
	int64_t now = tool_now();
	va_list args;

	if (!isatty(STDERR_FILENO) || (shown_at && now >= shown_at && now - shown_at < PAUSE))
		return;
	shown_at = now;
	fputs("\r\033[K", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
}

void ctl_progress_end(void)
{
	if (shown_at)
		fputs("\r\033[K", stderr);
	shown_at = 0;
}
