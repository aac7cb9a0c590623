/*
 * sr_removal.h - taking one thing apart: a file, or a directory with all that is in it, through descriptors.
 */
#ifndef SR_REMOVAL_H
#define SR_REMOVAL_H

#include "sr_trash.h"

/* Where the victim is: a name in an open directory, whose path below base is known. */
struct sr_place {
	int dir;
	const char *path;
	const char *name;
};

/* Remove what was verified to be there. Goes on where something cannot be removed; the first error is the result. 0, or an errno
 * (ESTALE: moved away meanwhile; EBUSY: a registry is in it; ECANCELED: stopped). */
int sr_removal_run(struct sr_trash *trash, const struct sr_place *place, const struct sr_identity *identity, struct sr_removed *removed);

#endif
