/*
 * lock.h - one segregd for each registry.
 */
#ifndef SEGREGD_LOCK_H
#define SEGREGD_LOCK_H

#include <stdbool.h>

/* Lock the file of the registry in dir, which is made if it may be. A descriptor, or -1 with errno (EAGAIN: another
 * segregd has it). */
int lock_take(const char *dir, bool may_make);

/* Whether the locked file is still that of dir: the directory may have been replaced. */
bool lock_is_current(int fd, const char *dir);

#endif /* SEGREGD_LOCK_H */
