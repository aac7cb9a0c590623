/* tree.h - copying and removing trees. */
#ifndef CTL_TREE_H
#define CTL_TREE_H

#include "segreg.h"
#include "segctl/ctl.h"

#define CTL_TREE_PATH (2 * SEGREG_PATH_SIZE)

/* Copy a file or a tree to a path where nothing is; remove a file or a tree. Both return the exit status. */
int ctl_tree_copy(const struct ctl *ctl, const char *from, const char *to);
int ctl_tree_remove(const struct ctl *ctl, const char *path);
/* Make everything that was written to the file system of path durable. Returns the exit status. */
int ctl_tree_sync(const struct ctl *ctl, const char *path);

#endif /* CTL_TREE_H */
