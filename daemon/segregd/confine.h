/*
 * confine.h - the rights of a server, by Landlock.
 */
#ifndef SEGREGD_CONFINE_H
#define SEGREGD_CONFINE_H

#include "segregd/config.h"

/*
 * Take from this process, by Landlock and for good, all rights to files that serving this registry does not need. The
 * process must have one thread. Returns 0, ENOSYS if the kernel cannot do it, or another errno.
 */
int confine_process(const struct settings *settings, const char *base);

#endif /* SEGREGD_CONFINE_H */
