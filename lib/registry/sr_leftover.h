/*
 * sr_leftover.h - shared memory of this registry that its processes do not use.
 */
#ifndef SR_LEFTOVER_H
#define SR_LEFTOVER_H

#include "registry/sr_registry.h"

/* Call fn for each object. An object that this process may not read, or that another build made, is not recognised. */
int sr_leftover_each(const struct sr_registry *registry, segreg_check_fn *fn, void *arg);

#endif
