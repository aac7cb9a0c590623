/*
 * cause.h - the usual mistakes behind an error: the wrong directory, the wrong user.
 */
#ifndef TOOL_CAUSE_H
#define TOOL_CAUSE_H

#include <stdint.h>

#define TOOL_CAUSE_SIZE 1024

/*
 * Look for the cause of an error of segreg_open for the registry dir, or of a call on it. Returns text: what to add to
 * the error's own text, or "".
 */
const char *tool_cause_find(int code, const char *dir, const char *error, char text[TOOL_CAUSE_SIZE]);

/*
 * Find a segregd that was started for dir, whether it serves dir or not. Returns its pid, or 0. It may run under a
 * configuration file, which does not show.
 */
int64_t tool_cause_find_segregd(const char *dir);

#endif /* TOOL_CAUSE_H */
