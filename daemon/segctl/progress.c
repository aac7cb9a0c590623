/* progress.c - the progress of long work, for an operator who watches a terminal. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/now.h"
#include "segctl/progress.h"
#include "segctl/stderr.h"

#define WIPE "\r\033[K"
#define PAUSE 100000000 /* nanoseconds between two lines */

static int64_t shown_at; /* 0: nothing is shown */

void ctl_progress_show(const char *format, ...)
{
	char text[512] = WIPE;
	int64_t now = tool_now_real();
	va_list args;

	if (!isatty(STDERR_FILENO) || (shown_at && now >= shown_at && now - shown_at < PAUSE))
		return;
	va_start(args, format);
	vsnprintf(text + strlen(WIPE), sizeof text - strlen(WIPE), format, args);
	va_end(args);
	if (ctl_stderr_try_write(text))
		shown_at = now;
}

void ctl_progress_end(void)
{
	if (shown_at)
		ctl_stderr_write(WIPE);
	shown_at = 0;
}
