/*
 * sr_create.h - making a new registry, and taking back what a refused creation made.
 *
 * The caller is alone with registry.lock. The order leaves the bases of other registries alone, and a crash cannot
 * spoil it:
 *
 *      registry.lock says "creating" and has the new uuid
 *      this process joins base alone, so no other process uses base
 *      it looks whose base that is (sr_owner.h)
 *      base gets the marker
 *      registry.mdb is made
 *      registry.lock says "ready"
 *
 * After a crash the next creation in that directory goes on with the same uuid. After a failure nothing of it stays.
 */
#ifndef SR_CREATE_H
#define SR_CREATE_H

#include "base/sr_lockinfo.h"
#include "base/sr_marker.h"
#include "registry/sr_registry.h"

/* See that the directory is empty, or has parts of a registry alone, and make registry.lock if it is missing. 0,
 * SR_REGISTRY_GONE, or an error. */
int sr_create_prepare(struct sr_registry *registry);
/* Make the registry. fd: registry.lock. base stays open and joined. orphan: becomes the marker of the registry whose
 * base it takes; without one, its place is "". */
int sr_create(struct sr_registry *registry, const struct segreg_open_options *options, int fd,
	      struct sr_lockinfo *info, struct sr_marker *orphan);
/* Still alone, after a failure: remove registry.mdb, and put the marker back that was there. */
void sr_create_undo(struct sr_registry *registry, const struct sr_marker *orphan);
/* After a failure of a call that made registry.lock: remove it, if it stands alone and nobody uses it. */
void sr_create_remove_lockfile(const struct sr_registry *registry);

/* The absolute path of base; the parent of the registry's directory if none is given. */
int sr_create_find_base(const struct sr_registry *registry, const char *given, char base[SEGREG_PATH_SIZE]);
/* Who may use registry.lock, which fd has open. */
int sr_create_get_access(const struct sr_registry *registry, int fd, struct sr_access *access);
/* SEGREG_E_MISMATCH: registry.mdb is there without its registry.lock. */
int sr_create_fail_lock_lost(const struct sr_registry *registry) __attribute__((cold));
/* Is there a registry.mdb? */
bool sr_create_has_store(const struct sr_registry *registry);

#endif
