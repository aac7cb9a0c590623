/*
 * status.h - exit statuses, and what helps against an error.
 */
#ifndef TOOL_STATUS_H
#define TOOL_STATUS_H

#include "segreg.h"

/* The sysexits(3) status that stands for a SEGREG_E_* code. */
int tool_status_from_code(int code);

/* What helps against a SEGREG_E_* code whose text names no way out. Returns "" if the text has one, or nothing is
 * known. */
const char *tool_status_find_way_out(int code, const char *text);

#endif /* TOOL_STATUS_H */
