/*
 * descent.h - walking a directory tree of any depth, or two such trees side by side, by descriptors.
 *
 * A path would be too long for the kernel at some depth, and a directory on it could be exchanged for a link. So a
 * descent has the descriptors of the directory where it stands. It keeps those of the first CTL_DESCENT_KEPT levels.
 * It closes those of deeper levels when it goes on from there, and comes back by "..", to the same directory or not at
 * all.
 */
#ifndef CTL_DESCENT_H
#define CTL_DESCENT_H

#include <stddef.h>
#include <sys/stat.h>

#define CTL_DESCENT_KEPT 32
#define CTL_DESCENT_SIDES 2

/* One entry of a directory. */
struct ctl_descent_entry {
	ino_t ino;
	unsigned char type; /* DT_*; DT_UNKNOWN where the file system does not tell */
	size_t name;        /* offset in names of the level */
};

struct ctl_descent_level {
	int fd[CTL_DESCENT_SIDES]; /* -1: none, or closed meanwhile */
	dev_t dev[CTL_DESCENT_SIDES];
	ino_t ino[CTL_DESCENT_SIDES];
	struct stat st; /* of side 0 */
	char *names;    /* of the entries, each with its NUL */
	struct ctl_descent_entry *entries;
	size_t n, at; /* entries; the next of them */
};

struct ctl_descent {
	struct ctl_descent_level *levels;
	size_t n, room;
};

/*
 * Go down to a directory, and read its entries, in the order of their inodes. other is -1 where there is one side. The
 * descent closes both descriptors, also after a failure. Returns 0 or an errno.
 */
int ctl_descent_enter(struct ctl_descent *descent, int fd, int other);

/* The level where the descent stands. */
struct ctl_descent_level *ctl_descent_here(const struct ctl_descent *descent);

/* The next entry there, or NULL; and its name. */
const struct ctl_descent_entry *ctl_descent_next(struct ctl_descent *descent);
const char *ctl_descent_name(const struct ctl_descent *descent, const struct ctl_descent_entry *entry);

/* Go up. Returns 0 or an errno: the directory above is not the one that the descent came from. */
int ctl_descent_leave(struct ctl_descent *descent);

/* Close all levels. */
void ctl_descent_end(struct ctl_descent *descent);

/*
 * The path of an entry of the level where the descent stands, from the top level on, to be freed; NULL if memory is
 * short.
 */
char *ctl_descent_path(const struct ctl_descent *descent, const char *name);

#endif /* CTL_DESCENT_H */
