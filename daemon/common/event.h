/*
 * event.h - what a sweep did, in words.
 */
#ifndef TOOL_EVENT_H
#define TOOL_EVENT_H

#include <stdbool.h>
#include <stdio.h>

#include "segreg.h"

/* Returns an event in a word, "deleted"; in a line, to be freed, or NULL if memory is short. */
const char *tool_event_name(const struct segreg_sweep_event *event);
char *tool_event_describe(const struct segreg_sweep_event *event, bool dry_run);

/* Write an event to stream, in one line: "deleted 42 2026/seg-42: 12.3 MiB freed". */
void tool_event_say(FILE *stream, const char *prefix, const struct segreg_sweep_event *event, bool dry_run);

/*
 * Describe the deletions that have failed and are not done yet: "2 segments wait for another try until 2026-01-31
 * 12:00:00: segctl sweep --retry-now". *line becomes that text, to be freed; NULL if there are none. Returns 0 or a
 * SEGREG_E_* code.
 */
int tool_event_describe_failed(struct segreg *reg, char **line);

#endif /* TOOL_EVENT_H */
