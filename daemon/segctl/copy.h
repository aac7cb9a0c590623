/*
 * copy.h - copying and removing trees.
 */
#ifndef CTL_COPY_H
#define CTL_COPY_H

#include "segreg.h"
#include "segctl/ctl.h"

#define CTL_COPY_PATH (2 * SEGREG_PATH_SIZE)

/* Copy a file or a directory with all that is in it, to where nothing is; remove one. Each returns an exit status. */
int ctl_copy_tree(const struct ctl *ctl, const char *from, const char *to);
int ctl_remove_tree(const struct ctl *ctl, const char *path);
/* Make all that was written to path's file system durable. */
int ctl_sync(const struct ctl *ctl, const char *path);

#endif /* CTL_COPY_H */
