/*
 * sr_marker.h - the marker in base, which says whose base it is.
 *
 * The marker tells the base from an empty mount point and from another registry's base. It also tells the current
 * registry.mdb from an old one that was restored from a backup. A start raises the counter in the database first and in
 * the marker second. So the marker's counter is never ahead of the right database. The marker's owner tells a registry
 * from its copies (sr_owner.h).
 */
#ifndef SR_MARKER_H
#define SR_MARKER_H

#include "base/sr_base.h"

struct sr_marker {
	uint8_t uuid[16];
	uint64_t starts;
	/* Format 1 has none of the following. */
	bool has_owner;               /* false before the first start */
	uint8_t owner[SR_NONCE_SIZE]; /* sr_owner.nonce */
	uint64_t lock_dev, lock_ino;  /* of the owner's registry.lock, for an operator who searches for it */
	char place[SEGREG_PATH_SIZE]; /* the owner's directory; "": not known */
};

/* For a creation: put the marker into base, unless base has one. Returns 0 if base has a marker of this registry
 * then. Fails with SEGREG_E_EXISTS if base has another registry's. */
int sr_marker_claim(struct sr_base *base, const struct sr_marker *marker);
/* Undo sr_marker_claim: remove marker and trash, if the marker in base is of this registry. */
void sr_marker_unclaim(struct sr_base *base, const struct sr_marker *marker);
/* Read the marker of base. Returns 0, or -1 with errno: EBADMSG if the file is not a marker. */
int sr_marker_read(struct sr_base *base, struct sr_marker *marker);
/* Like sr_marker_read, for an open directory. */
int sr_marker_read_in(int dir, struct sr_marker *marker);
/* Read the marker of base. Fails with SEGREG_E_MISMATCH if it is missing or has another uuid. */
int sr_marker_check(struct sr_base *base, const uint8_t uuid[16], struct sr_marker *marker);
/* Replace the marker of base, durably. */
int sr_marker_put(struct sr_base *base, const struct sr_marker *marker);

#endif
