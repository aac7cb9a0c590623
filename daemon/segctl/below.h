/*
 * below.h - registering what lies below a directory.
 */
#ifndef CTL_BELOW_H
#define CTL_BELOW_H

#include "segctl/ctl.h"

/*
 * Register each file below dir, a directory relative to base, whose name matches glob (NULL: any), in one edit. The
 * registry chooses the ids. With option n, print what would be registered. Returns the exit status.
 */
int ctl_below_register(struct ctl *ctl, const char *dir, const char *glob);

#endif /* CTL_BELOW_H */
