/*
 * sr_sys_inside.h - what the wrappers of sr_sys.c and sr_sys_lookup.c share.
 */
#ifndef SR_SYS_INSIDE_H
#define SR_SYS_INSIDE_H

#include "sys/sr_sys.h"

#include <errno.h>

#if SR_TESTING
/* Whether a test makes this call fail now; sets errno if so. */
static inline bool sr_made_to_fail(const char *call)
{
	int errnum = sr_sys_hook ? sr_sys_hook(call) : 0;

	if (errnum)
		errno = errnum;
	return errnum != 0;
}
#else
#define sr_made_to_fail(call) false
#endif

/* Whether a test makes a call beyond POSIX unavailable, as a filter of system calls does. */
#define sr_made_to_forbid(call) sr_made_to_fail(call ".forbidden")

/*
 * Whether errno may mean that the call is not available. Perhaps the kernel is too old, or the file system does not
 * know the flags. Or a filter (seccomp) of a container or of systemd forbids the call.
 */
static inline bool sr_is_forbidden(void)
{
	return errno == ENOSYS || errno == EPERM || errno == EINVAL || errno == EOPNOTSUPP;
}

/* The result of a call that is repeated after EINTR. */
#define SR_RETRY(call)                                                                                                 \
	__extension__({                                                                                                \
		__typeof__(call) result_;                                                                              \
		do                                                                                                     \
			result_ = (call);                                                                              \
		while (result_ == -1 && errno == EINTR);                                                               \
		result_;                                                                                               \
	})

/* sr_sys_identify as a step of another wrapper: no test makes it fail. */
int sr_identify_unfailed(int dir, const char *name, struct sr_identity *identity);

#endif
