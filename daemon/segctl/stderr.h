/*
 * stderr.h - what segctl writes to stderr, without waiting for its reader.
 */
#ifndef CTL_STDERR_H
#define CTL_STDERR_H

#include <stdbool.h>

/*
 * Write to stderr. What finds no room is kept, or, by the second function, dropped; false: nothing was written.
 * ctl_stderr_finish writes what was kept, and waits.
 */
void ctl_stderr_write(const char *text);
bool ctl_stderr_try_write(const char *text);
void ctl_stderr_finish(void);

#endif /* CTL_STDERR_H */
