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
 * A base whose registry is gone for good (it was on tmpfs, say) can become another registry's. A creation takes it
 * only with SEGREG_TAKE_BASE, and while no process has joined base. No registry of that uuid may stand at the
 * marker's place.
 *
 * A place is a path in a mount namespace. An original whose directory has no such path here is not found.
 */
#ifndef SR_OWNER_H
#define SR_OWNER_H

#include "base/sr_marker.h"
#include "registry/sr_registry.h"

enum sr_standing { SR_STANDS_NOT, SR_STANDS, SR_UNKNOWN /* errno says why */ };

/* cp -al makes a copy whose registry.lock and registry.mdb are second names of the original's files. Without adopt,
 * with base open: fail with SEGREG_E_MISMATCH if either file has several names and base's marker does not name this
 * directory. With adopt, refuse such files in every directory. */
int sr_owner_check_names(struct sr_registry *registry, bool adopt);

/* The next three are called within a transaction. */

/* Is this registry a copy whose original still stands? Returns 0, or SEGREG_E_MISMATCH; with adopt also if that
 * cannot be seen. */
int sr_owner_check_place(struct sr_registry *registry, struct sr_base *base, bool adopt);
/* Is the marker's owner this registry? Returns 0, or SEGREG_E_MISMATCH. */
int sr_owner_check_marker(struct sr_registry *registry, const struct sr_marker *marker);
/* At a start: record this registry's place, and draw a new nonce if adopt or if there is none. marker gets both, for
 * base. */
int sr_owner_renew(struct sr_registry *registry, bool adopt, struct sr_marker *marker);

/* At a creation, with registry.lock open: may base become that of the registry uuid? Returns 0 if base has no
 * marker, or that registry's. If take, and the marker's registry does not stand at its place any more, returns
 * SR_OWNER_GONE, and *orphan becomes the marker. Fails with SEGREG_E_EXISTS otherwise. */
int sr_owner_may_claim(const struct sr_registry *registry, struct sr_base *base, const uint8_t uuid[SR_UUID_SIZE],
		       bool take, struct sr_marker *orphan);
/* Fail with SEGREG_E_EXISTS and the way out: base has another registry's marker. may_take: SEGREG_TAKE_BASE is a
 * way. */
int sr_owner_fail_foreign(const struct sr_registry *registry, const struct sr_base *base,
			  const struct sr_marker *marker, bool may_take);
/* Fail with SEGREG_E_MISMATCH and the way out: this registry's base has another registry's marker. */
int sr_owner_fail_taken(const struct sr_registry *registry, const struct sr_base *base, const struct sr_marker *marker);
/* Check a base that is to become this registry's. Fail with SEGREG_E_EXISTS if it lies in another registry or base, or
 * is another registry's directory. Fail with SEGREG_E_INVAL if it is this registry's directory, or lies in it. */
int sr_owner_check_above(const struct sr_registry *registry, const struct sr_base *base);

#endif
