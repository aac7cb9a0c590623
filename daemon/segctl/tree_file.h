/*
 * tree_file.h - the contents and the metadata of one file of a tree.
 */
#ifndef CTL_TREE_FILE_H
#define CTL_TREE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "segctl/tree.h"

/* What failed: an errno, what segctl tried to do, and whether it was reading. error 0: nothing failed. */
struct ctl_tree_fault {
	int error;
	const char *what; /* "read" */
	bool in_source;
};

/* Copy the bytes of a file, and no holes. to is new and empty. */
struct ctl_tree_fault ctl_tree_copy_bytes(struct ctl_tree *tree, int from, int to, const struct stat *st);

/*
 * Give a file or directory the extended attributes, the owner, the mode and the times of another one. *lost becomes the
 * name of what could not be kept, for lack of rights or because the file system does not have it.
 */
struct ctl_tree_fault ctl_tree_keep(int from, int to, const struct stat *st, const char **lost);
/* Give the owner, the mode and the times of st to an entry that cannot be opened, such as a link. */
struct ctl_tree_fault ctl_tree_keep_at(int dir, const char *name, const struct stat *st, const char **lost);

#endif /* CTL_TREE_FILE_H */
