/*
 * sr_owner.h - which of a registry's copies base belongs to.
 *
 * A copy of a registry has the original's uuid, and its registry.mdb names the original's base. A sweep of the copy
 * would delete the original's segments. Two things tell them apart:
 *
 *      place   Base's marker and registry.mdb say in which directory the registry was at its last start. If another
 *              directory has it now, and a registry of that uuid still stands in the first, then the second is a copy.
 *              It is refused, adopted or not. A file system's snapshot is such a copy too, with the same inode numbers.
 *      nonce   Each adoption draws a new one, first in registry.mdb, then in the marker. So if the original comes back
 *              after a copy was adopted in its absence, the marker tells that base was taken over.
 *
 * A place is a path in a mount namespace. An original whose directory has no such path here is not found.
 */
#ifndef SR_OWNER_H
#define SR_OWNER_H

#include "registry/sr_registry.h"

/* All within a transaction. */

/* Is this registry a copy whose original still stands? 0, or SEGREG_E_MISMATCH; with adopt also if that cannot be seen. */
int sr_owner_check_place(struct sr_registry *registry, struct sr_base *base, bool adopt);
/* Is the marker's owner ours? 0, or SEGREG_E_MISMATCH. */
int sr_owner_check_marker(struct sr_registry *registry, const struct sr_marker *marker);
/* At a start: note our place, and a new nonce if adopt or if there is none. marker gets both, for base. */
int sr_owner_renew(struct sr_registry *registry, bool adopt, struct sr_marker *marker);

#endif
