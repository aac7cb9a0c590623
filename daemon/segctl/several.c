/*
 * several.c - errors of which there may be thousands: the first of each kind, and then their number.
 *
 * A kind of error is an exit status. A thousand segments that are held make five lines and a sum, and one segment that
 * is missing among them still has its line.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "common/format.h"
#include "common/status.h"
#include "common/text.h"
#include "segctl/error.h"
#include "segctl/several.h"

#define TOLD 5

/* Count an error. Returns whether it has a line of its own. */
static bool count(struct ctl_several *several, int status)
{
	size_t i = 0;

	if (!several->status)
		several->status = status;
	while (i < CTL_SEVERAL_KINDS - 1 && several->kinds[i].status && several->kinds[i].status != status)
		i++;
	several->kinds[i].status = status;
	return several->kinds[i].n++ < TOLD;
}

int ctl_several_error(const struct ctl *ctl, struct ctl_several *several, int status, const char *format, ...)
{
	va_list args;
	char *line;

	if (!count(several, status))
		return status;
	va_start(args, format);
	line = tool_text_vformat(format, args);
	va_end(args);
	ctl_error(ctl, status, "%s", line ? line : "out of memory");
	free(line);
	return status;
}

int ctl_several_fail(const struct ctl *ctl, struct ctl_several *several, int code)
{
	int status = tool_status_from_code(code);

	if (count(several, status))
		ctl_fail(ctl, code);
	return status;
}

int ctl_several_end(const struct ctl *ctl, const struct ctl_several *several)
{
	for (size_t i = 0; i < CTL_SEVERAL_KINDS; i++) {
		size_t more = several->kinds[i].n > TOLD ? several->kinds[i].n - TOLD : 0;

		if (more)
			ctl_error(ctl, several->kinds[i].status, "and %zu more %s with exit status %d", more,
				  tool_plural(more, "error", "errors"), several->kinds[i].status);
	}
	return several->status;
}
