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

/* Check that the directory has nothing in it but parts of a registry, and make registry.lock if it is missing.
 * Returns 0, SR_REGISTRY_GONE, or an error. */
int sr_create_prepare(struct sr_registry *registry);
/* Make the registry. fd: an open file of registry.lock. base stays open and joined. *orphan becomes the marker of
 * the registry whose base this one takes; if there is none, its place becomes "". */
int sr_create(struct sr_registry *registry, const struct segreg_open_options *options, int fd, struct sr_lockinfo *info,
	      struct sr_marker *orphan);
/* After a failure, while the process is still alone: remove registry.mdb, and put back the marker that was there. */
void sr_create_undo(struct sr_registry *registry, const struct sr_marker *orphan);
/* After a failed call that made registry.lock: remove it, if there is no registry.mdb and no process uses it. */
void sr_create_remove_lockfile(const struct sr_registry *registry);

/* Find the absolute path of base. given: the path that the caller gives; NULL for the parent of the registry's
 * directory. */
int sr_create_find_base(const struct sr_registry *registry, const char *given, char base[SEGREG_PATH_SIZE]);
/* Read owner, group and mode of registry.lock, which fd has open. */
int sr_create_get_access(const struct sr_registry *registry, int fd, struct sr_access *access);
/* SEGREG_E_MISMATCH: registry.mdb is there without its registry.lock. */
int sr_create_fail_lock_lost(const struct sr_registry *registry) __attribute__((cold));
/* Is there a registry.mdb? */
bool sr_create_has_store(const struct sr_registry *registry);

#endif
