/*
 * lock.h - one segregd for each registry.
 */
#ifndef SEGREGD_LOCK_H
#define SEGREGD_LOCK_H

#include <stdbool.h>

/*
 * Lock the file of the registry in dir, and make it if that is allowed. Returns a descriptor, or -1 with errno
 * (EAGAIN: another segregd has the lock).
 */
int lock_take(const char *dir, bool may_make);

/* The locked file is still the one in dir. Otherwise the directory was replaced. */
bool lock_is_current(int fd, const char *dir);

#endif /* SEGREGD_LOCK_H */
