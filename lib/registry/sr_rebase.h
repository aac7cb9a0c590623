/*
 * sr_rebase.h - giving a registry another base: that of a copy, or the same one in another place.
 *
 * The caller is alone with the registry. The order is one that a crash cannot spoil: first the marker in the new base,
 * then one transaction with description, owner and identities. The builder of the region writes registry.lock last.
 * After a crash the same call goes on: it takes up a marker that has our place and no owner.
 *
 * The uuid changes, so that original and copy are two registries. It stays only if the new base carries it already and
 * the old base is gone: then base was moved.
 *
 * Inode numbers mean nothing in another base, so each record gets those of what is at its path now. A record whose
 * segment is not there matches nothing any more: what comes to that path later is not deleted for it. Nor does a record
 * match anything whose path leads to a registry or to another registry's base.
 *
 * The new base keeps the rules of a creation's. The old one loses its marker after the transaction, unless it is an
 * original's or in use.
 */
#ifndef SR_REBASE_H
#define SR_REBASE_H

#include "registry/sr_registry.h"

/* path: absolute, and resolved. access: for the locks in base. Returns 0, also if path is base already, or
 * SEGREG_E_*. */
int sr_rebase(struct sr_registry *registry, const char *path, const struct sr_access *access, uint32_t timeout_ms);

#endif
