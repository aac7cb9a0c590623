/*
 * stderr.h - what segctl writes to stderr, without waiting for its reader.
 */
#ifndef CTL_STDERR_H
#define CTL_STDERR_H

#include <stdbool.h>

/* Write to stderr, and keep what finds no room until ctl_stderr_finish, which waits; or drop it. False: nothing was
 * written. */
void ctl_stderr_write(const char *text);
bool ctl_stderr_try_write(const char *text);
void ctl_stderr_finish(void);

#endif /* CTL_STDERR_H */
