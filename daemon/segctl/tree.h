/*
 * tree.h - copying, linking, comparing and removing trees.
 */
#ifndef CTL_TREE_H
#define CTL_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "segreg.h"
#include "segctl/ctl.h"

#define CTL_TREE_PATH (2 * SEGREG_PATH_SIZE)

/* An entry of an open directory. */
struct ctl_tree_place {
	int dir;
	const char *name;
	const char *dir_path; /* for messages */
};

enum ctl_tree_how {
	CTL_TREE_COPY, /* new files, which share blocks where the file system can */
	CTL_TREE_LINK, /* new directories and hard links; a copy of a file that cannot have one more name */
};

/* A run of copies. Zero but for what the comments name. */
struct ctl_tree {
	const struct ctl *ctl;   /* set by the caller */
	void (*tick)(void *arg); /* called now and then; set by the caller */
	void *arg;               /* of tick; set by the caller */
	uint64_t bytes;          /* disk space of what was copied */
	uint64_t n_lost;         /* owners, attributes and links that could not be kept */
	char *first_lost;        /* the first of them, for people; freed by ctl_tree_finish */
	bool is_source_at_fault; /* the last error was one of reading: another tree may be readable */
	/* The two file systems between which blocks cannot be shared. */
	bool cannot_share;
	dev_t share_from, share_to;
};

/*
 * Make a copy of a file or a tree at a place where nothing is. A copy that failed is left for ctl_tree_remove. Returns
 * the exit status.
 */
int ctl_tree_copy(struct ctl_tree *tree, const struct ctl_tree_place *from, const struct ctl_tree_place *to,
		  enum ctl_tree_how how);
/* Print what could not be kept, and free it. */
void ctl_tree_finish(struct ctl_tree *tree);

/* The disk space of a file or a tree, each file counted once; of what can be read. */
uint64_t ctl_tree_measure(const struct ctl_tree_place *place);

/* Remove a file or a tree of one file system, if it is there. Returns the exit status. */
int ctl_tree_remove(const struct ctl *ctl, const struct ctl_tree_place *place);

/*
 * *same becomes whether two trees have the same names, types, targets of links, and sizes and times of files. Returns
 * the exit status.
 */
int ctl_tree_compare(const struct ctl *ctl, const struct ctl_tree_place *one, const struct ctl_tree_place *other,
		     bool *same);

/*
 * Make everything durable that was written to the file system of fd since fd was opened. path is for messages. Returns
 * the exit status.
 */
int ctl_tree_sync(const struct ctl *ctl, int fd, const char *path);

#endif /* CTL_TREE_H */
