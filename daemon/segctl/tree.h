/*
 * tree.h - copying and removing trees.
 */
#ifndef CTL_TREE_H
#define CTL_TREE_H

#include "segreg.h"
#include "segctl/ctl.h"

#define CTL_TREE_PATH (2 * SEGREG_PATH_SIZE)

/* Copy a file or a directory with all that is in it, to where nothing is; remove one. Each returns an exit status. */
int ctl_tree_copy(const struct ctl *ctl, const char *from, const char *to);
int ctl_tree_remove(const struct ctl *ctl, const char *path);
/* Make all that was written to path's file system durable. */
int ctl_tree_sync(const struct ctl *ctl, const char *path);

#endif /* CTL_TREE_H */
