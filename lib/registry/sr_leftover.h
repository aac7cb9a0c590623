/*
 * sr_leftover.h - shared memory of this registry that its processes do not use, or that processes use which came by
 * another registry.lock.
 */
#ifndef SR_LEFTOVER_H
#define SR_LEFTOVER_H

#include "registry/sr_registry.h"

/* Call fn for each object. An object that this process may not read, or that another build made, is not recognised. */
int sr_leftover_each(const struct sr_registry *registry, segreg_check_fn *fn, void *arg);

/*
 * Alone with registry.lock, which may be new: does a process use shared memory of the registry uuid by another
 * registry.lock, whose name may be gone? SEGREG_E_BUSY if /dev/shm and /proc/locks say so. Where both that file and
 * BASE/.segreg-lock were removed, nothing else tells.
 */
int sr_leftover_check_users(struct sr_registry *registry, const uint8_t uuid[SR_UUID_SIZE]);

#endif
