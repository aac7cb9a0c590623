/*
 * event.c - what a sweep did, in words.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "segreg.h"
#include "common/event.h"
#include "common/format.h"
#include "common/text.h"

const char *tool_event_name(const struct segreg_sweep_event *event)
{
	switch (event->action) {
	case SEGREG_SWEEP_DELETED:
		return "deleted";
	case SEGREG_SWEEP_FAILED:
		return "failed";
	case SEGREG_SWEEP_HELD:
		return "held";
	case SEGREG_SWEEP_RECLAIMED:
		return "reclaimed";
	case SEGREG_SWEEP_MISSING:
		return "missing";
	}
	return "unknown";
}

/* Is a right missing? Its cause is not in the line: a user, a unit, a filter, or the file system. */
static bool is_forbidden(const struct segreg_sweep_event *event)
{
	return event->action == SEGREG_SWEEP_FAILED &&
	       (event->error == EACCES || event->error == EPERM || event->error == EROFS);
}

char *tool_event_describe(const struct segreg_sweep_event *event, bool dry_run)
{
	char freed[TOOL_SPAN_SIZE];

	switch (event->action) {
	case SEGREG_SWEEP_DELETED:
		tool_format_bytes(event->bytes, freed);
		return tool_text_format("%s %" PRIu64 " %s: %s%s", dry_run ? "would delete" : "deleted", event->id,
					event->path, freed, dry_run ? "" : " freed");
	case SEGREG_SWEEP_RECLAIMED:
		return tool_text_format("reclaimed a handle of pid %" PRId64 " (%s): %" PRIu64 " %s", event->pid,
					event->label, event->pins, event->pins == 1 ? "pin" : "pins");
	case SEGREG_SWEEP_FAILED:
	case SEGREG_SWEEP_HELD:
	case SEGREG_SWEEP_MISSING:
		break;
	}
	if (is_forbidden(event))
		return tool_text_format("failed %" PRIu64 " %s: %s (segctl why %" PRIu64 " says what helps)", event->id,
					event->path, event->reason, event->id);
	return tool_text_format("%s %" PRIu64 " %s: %s", tool_event_name(event), event->id, event->path, event->reason);
}

void tool_event_say(FILE *stream, const char *prefix, const struct segreg_sweep_event *event, bool dry_run)
{
	char *line = tool_event_describe(event, dry_run);

	fprintf(stream, "%s%s\n", prefix, line ? line : "out of memory");
	free(line);
}

/* ------------------------------------------------------------------ what failed earlier */

struct failed {
	uint64_t n;
	int64_t at; /* the earliest next try */
};

static int count_failed(void *arg, const struct segreg_info *info)
{
	struct failed *failed = arg;

	if (info->state != SEGREG_DELETING || !info->attempts)
		return 0;
	if (!failed->n++ || info->retry_at < failed->at)
		failed->at = info->retry_at;
	return 0;
}

int tool_event_describe_failed(struct segreg *reg, char **line)
{
	struct failed failed = { .n = 0 };
	int code = segreg_list_retired(reg, count_failed, &failed);
	char time[TOOL_SPAN_SIZE];

	*line = NULL;
	if (code || !failed.n)
		return code;
	*line = tool_text_format("%" PRIu64 " %s for another try until %s: segctl sweep --retry-now", failed.n,
				 failed.n == 1 ? "segment waits" : "segments wait", tool_format_time(failed.at, time));
	return *line ? 0 : SEGREG_E_NOMEM;
}
