/*
 * error.h - errors of a verb.
 */
#ifndef CTL_ERROR_H
#define CTL_ERROR_H

#include "segctl/ctl.h"

/*
 * Write an error to stderr: in the words of the caller; in those of the library; about a wrong command line. Each
 * returns the exit status.
 */
int ctl_error(const struct ctl *ctl, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
int ctl_fail(const struct ctl *ctl, int code);
int ctl_usage(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Write "Try 'segctl --help'." to stderr. Returns EX_USAGE. */
int ctl_try_help(const struct ctl *ctl);

#endif /* CTL_ERROR_H */
