/*
 * error.c - errors of a verb, on stderr.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "segreg.h"
#include "common/cause.h"
#include "common/status.h"
#include "common/text.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/progress.h"
#include "segctl/stderr.h"

__attribute__((format(printf, 2, 0))) static void complain(const struct ctl *ctl, const char *format, va_list args)
{
	char *message = tool_text_vformat(format, args), *line = NULL;

	ctl_progress_end();
	if (asprintf(&line, "segctl: %s%s%s\n", ctl->verb ? ctl->verb->name : "", ctl->verb ? ": " : "",
		     message ? message : "out of memory") < 0)
		line = NULL;
	ctl_stderr_write(line ? line : "segctl: out of memory\n");
	free(line);
	free(message);
}

int ctl_error(const struct ctl *ctl, int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(ctl, format, args);
	va_end(args);
	return status;
}

int ctl_fail(const struct ctl *ctl, int code)
{
	const char *story = *segreg_last_error() ? segreg_last_error() : segreg_strerror(code);
	char cause[TOOL_CAUSE_SIZE];
	const char *way_out = tool_cause_find(code, ctl->dir, story, cause);

	if (!*way_out)
		way_out = tool_status_find_way_out(code, story);
	return ctl_error(ctl, tool_status_from_code(code), "%s%s", story, way_out);
}

int ctl_try_help(const struct ctl *ctl)
{
	char line[64];

	snprintf(line, sizeof line, "Try 'segctl %.16s%s--help'.\n", ctl->verb ? ctl->verb->name : "",
		 ctl->verb ? " " : "");
	ctl_stderr_write(line);
	return EX_USAGE;
}

int ctl_usage(const struct ctl *ctl, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(ctl, format, args);
	va_end(args);
	return ctl_try_help(ctl);
}
