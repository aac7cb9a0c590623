/*
 * preload.h - libsegreg-defer.so in the environment of a command.
 */
#ifndef CTL_PRELOAD_H
#define CTL_PRELOAD_H

#include <limits.h>
#include <stdbool.h>

#define CTL_PRELOAD_NAME "libsegreg-defer.so"
#define CTL_PRELOAD_VARIABLE "SEGREG_DEFER_LIBRARY"

/*
 * Find the library: where CTL_PRELOAD_VARIABLE says, beside segctl as in a build, or in ../lib/segreg as installed.
 * path becomes its absolute path.
 */
bool ctl_preload_find(char path[PATH_MAX]);

/* Put the library in front of what LD_PRELOAD has. */
bool ctl_preload_add(const char *path);

/* Take the library out of LD_PRELOAD: readers must see what writers have discarded. */
void ctl_preload_remove(void);

#endif /* CTL_PRELOAD_H */
