/* progress.c - the progress of long work, for an operator who watches a terminal. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/format.h"
#include "common/now.h"
#include "segctl/progress.h"
#include "segctl/stderr.h"

#define WIPE "\r\033[K"
#define PAUSE 100000000 /* nanoseconds between two lines */

static int64_t shown_at; /* 0: nothing is shown */

bool ctl_progress_is_shown(void)
{
	static int is_terminal = -1; /* not known yet: the question is a system call */

	if (is_terminal == -1)
		is_terminal = isatty(STDERR_FILENO);
	return is_terminal;
}

/* Whether a line is due. */
static bool is_due(int64_t now)
{
	return ctl_progress_is_shown() && !(shown_at && now >= shown_at && now - shown_at < PAUSE);
}

void ctl_progress_show(const char *format, ...)
{
	char text[512] = WIPE;
	int64_t now = tool_now_real();
	va_list args;

	if (!is_due(now))
		return;
	va_start(args, format);
	vsnprintf(text + strlen(WIPE), sizeof text - strlen(WIPE), format, args);
	va_end(args);
	if (ctl_stderr_try_write(text))
		shown_at = now;
}

void ctl_progress_begin_work(struct ctl_progress_work *work)
{
	work->since = tool_now_real();
}

void ctl_progress_show_work(const struct ctl_progress_work *work, uint64_t bytes)
{
	char size[TOOL_SPAN_SIZE], total[TOOL_SPAN_SIZE], rate[TOOL_SPAN_SIZE], span[TOOL_SPAN_SIZE], rest[80] = "";
	int64_t now = tool_now_real(), spent = now - work->since;

	if (!is_due(now))
		return;
	if (spent > PAUSE && bytes) {
		double per_second = (double)bytes * 1e9 / (double)spent;
		double left = bytes < work->total ? (double)(work->total - bytes) / per_second : 0;

		snprintf(rest, sizeof rest, ", %s/s, %s left", tool_format_bytes((uint64_t)per_second, rate),
			 left < 1e9 ? tool_format_span((int64_t)(left * 1e9), span) : "years");
	}
	ctl_progress_show("%zu of %zu segments, %s of %s%s", work->done, work->n, tool_format_bytes(bytes, size),
			  tool_format_bytes(work->total, total), rest);
}

void ctl_progress_end(void)
{
	if (shown_at)
		ctl_stderr_write(WIPE);
	shown_at = 0;
}
