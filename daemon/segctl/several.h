/*
 * several.h - errors of which there may be thousands: the first of each kind, and then their number.
 */
#ifndef CTL_SEVERAL_H
#define CTL_SEVERAL_H

#include <stddef.h>

#include "segctl/ctl.h"

#define CTL_SEVERAL_KINDS 8

/* Zeroed, it has no errors. */
struct ctl_several {
	struct {
		int status;
		size_t n;
	} kinds[CTL_SEVERAL_KINDS]; /* the last one has all that found no room */
	int status;                 /* of the first error; EX_OK: none */
};

/* Write an error, or only count it if there were five with that exit status. Returns status. */
int ctl_several_error(const struct ctl *ctl, struct ctl_several *several, int status, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
int ctl_several_fail(const struct ctl *ctl, struct ctl_several *several, int code);

/* Write how many errors were only counted. Returns the exit status of the first error. */
int ctl_several_end(const struct ctl *ctl, const struct ctl_several *several);

#endif /* CTL_SEVERAL_H */
