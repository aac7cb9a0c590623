/*
 * status.h - exit statuses, and what helps against an error.
 */
#ifndef TOOL_STATUS_H
#define TOOL_STATUS_H

#include "segreg.h"

/* Returns the sysexits(3) status for a SEGREG_E_* code. */
int tool_status_from_code(int code);

/*
 * Returns what helps against an error, as a text that follows its text. Returns "" if text has a way out, or none is
 * known.
 */
const char *tool_status_find_way_out(int code, const char *text);

#endif /* TOOL_STATUS_H */
