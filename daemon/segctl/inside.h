/*
 * inside.h - the directory in which a segment lies, reached from base through no link.
 */
#ifndef CTL_INSIDE_H
#define CTL_INSIDE_H

#include <stdbool.h>

#include "segreg.h"
#include "segctl/tree.h"

/* Base, and the directory that was asked for last: neighbours lie in one directory. */
struct ctl_inside {
	const char *base_path;
	int base;
	int parent;                    /* -1: none yet; base itself where path is empty */
	char path[SEGREG_PATH_SIZE];   /* of parent, below base */
	char name_path[CTL_TREE_PATH]; /* of parent, for messages */
};

/* Open base. Returns 0 or an errno. */
int ctl_inside_begin(struct ctl_inside *inside, const char *base_path);
void ctl_inside_end(struct ctl_inside *inside);

/*
 * place becomes that of path, which is relative to base. It is valid until the next call. With make, directories on the
 * way that are missing are made. Returns 0 or an errno.
 */
int ctl_inside_find(struct ctl_inside *inside, const char *path, bool make, struct ctl_tree_place *place);

#endif /* CTL_INSIDE_H */
