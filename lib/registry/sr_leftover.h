/*
 * sr_leftover.h - shared memory of this registry that no process uses, or that processes use by another registry.lock.
 */
#ifndef SR_LEFTOVER_H
#define SR_LEFTOVER_H

#include "registry/sr_registry.h"

/* Call fn for each object. An object that this process may not read, or that another build made, is not recognised. */
int sr_leftover_each(const struct sr_registry *registry, segreg_check_fn *fn, void *arg);

/* The caller is alone with registry.lock, which may be new. Does a process use shared memory of the registry uuid by
 * another registry.lock, whose name may be gone? Fails with SEGREG_E_BUSY if /dev/shm and /proc/locks show that.
 * Where both the other registry.lock and BASE/.segreg-lock were removed, nothing else shows it. */
int sr_leftover_check_users(struct sr_registry *registry, const uint8_t uuid[SR_UUID_SIZE]);

#endif
