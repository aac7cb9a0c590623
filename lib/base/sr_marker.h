/*
 * sr_marker.h - the marker in base, which says whose base it is.
 *
 * The marker tells the base from an empty mount point, from another registry's base, and an old registry.mdb
 * (restored from a backup) from the current one: its counter is raised after the database's, so it is never ahead
 * of the right database. Its owner tells a registry from its copies (sr_owner.h).
 */
#ifndef SR_MARKER_H
#define SR_MARKER_H

#include "base/sr_base.h"

struct sr_marker {
	uint8_t uuid[16];
	uint64_t starts;
	/* Format 1 has nothing of this. */
	bool has_owner;               /* none before the first start */
	uint8_t owner[SR_NONCE_SIZE]; /* sr_owner.nonce */
	uint64_t lock_dev, lock_ino;  /* of the owner's registry.lock, for an operator who searches for it */
	char place[SEGREG_PATH_SIZE]; /* the owner's directory; "": not known */
};

/* At creation: put up the marker. SEGREG_E_EXISTS if another registry's is there; 0 if this one's is. */
int sr_marker_claim(struct sr_base *base, const struct sr_marker *marker);
/* Take it down again, if it is this registry's. */
void sr_marker_unclaim(struct sr_base *base, const struct sr_marker *marker);
/* Read it: 0 or -1 with errno, EBADMSG for what is no marker. */
int sr_marker_read(struct sr_base *base, struct sr_marker *marker);
int sr_marker_read_in(int dir, struct sr_marker *marker); /* of an open directory */
/* Read it. SEGREG_E_MISMATCH if it is missing or another registry's. */
int sr_marker_check(struct sr_base *base, const uint8_t uuid[16], struct sr_marker *marker);
/* Replace it, durably. */
int sr_marker_put(struct sr_base *base, const struct sr_marker *marker);

#endif
