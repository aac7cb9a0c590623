/*
 * sr_removal.h - taking one thing apart: a file, or a directory with all that is in it, through descriptors.
 */
#ifndef SR_REMOVAL_H
#define SR_REMOVAL_H

#include "base/sr_trash.h"

/* Where the victim is: a name in an open directory, whose path below base is known. */
struct sr_place {
	int dir;
	const char *path;
	const char *name;
};

/* Before a victim is moved: EBUSY if a registry, or the base of one, is in the directory that has that name in dir; 0, or an errno.
 * Looks into 4,096 directories at most, and 24 levels deep. */
int sr_removal_look(int dir, const char *name, struct sr_removed *removed);

/* Remove what was verified to be there. Goes on where something cannot be removed, unless the disk is broken or read only (EIO, EROFS
 * and the like). The result is the first error about what is left. 0, or an errno (ESTALE: moved away meanwhile; EBUSY: a registry is
 * in it; ECANCELED: stopped). */
int sr_removal_run(struct sr_trash *trash, const struct sr_place *place, const struct sr_identity *identity, struct sr_removed *removed);

#endif
