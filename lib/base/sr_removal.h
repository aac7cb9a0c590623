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

/* For a victim that is not moved yet: does the directory name in dir contain a registry, or the base of one? Returns
 * EBUSY if so, otherwise 0 or another errno. Looks into 4,096 directories at most, and 24 levels deep. */
int sr_removal_look(int dir, const char *name, struct sr_removed *removed);

/* Remove the victim at place, whose identity was verified. Goes on where something cannot be removed, unless the
 * disk is broken or read only (EIO, EROFS and the like). Returns 0, or the first error about what is left. ESTALE:
 * the victim was moved away meanwhile. EBUSY: a registry is in it. ECANCELED: the caller stopped the removal. */
int sr_removal_run(struct sr_trash *trash, const struct sr_place *place, const struct sr_identity *identity,
		   struct sr_removed *removed);

#endif
