/*
 * sr_attach.h - how a process comes to a registry: creating it, building its region, joining those who have it
 * open, leaving.
 */
#ifndef SR_ATTACH_H
#define SR_ATTACH_H

#include "registry/sr_registry.h"

/* Fill *registry, whose dir and paths are set. Everything is released again on failure. 0, SR_REGISTRY_GONE, or an
 * error. */
int sr_attach(struct sr_registry *registry, const struct segreg_open_options *options);

/* Leave. The last one out removes the region. */
void sr_detach(struct sr_registry *registry);

/* In a forked child: let go of what was inherited without touching what is the parent's. */
void sr_disinherit(struct sr_registry *registry);

#endif
