/*
 * confine.h - the rights of a server, by Landlock.
 */
#ifndef SEGREGD_CONFINE_H
#define SEGREGD_CONFINE_H

#include "segregd/config.h"

/*
 * Take away from this process, by Landlock, all rights to files but those that serving this registry needs. For good;
 * the process must have one thread. Returns 0, ENOSYS if the kernel cannot do it, or another errno.
 */
int confine_process(const struct settings *settings, const char *base);

#endif /* SEGREGD_CONFINE_H */
