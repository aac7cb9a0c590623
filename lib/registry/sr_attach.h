/*
 * sr_attach.h - how a process comes to a registry: creating it, building its region, joining those who have it
 * open, leaving.
 */
#ifndef SR_ATTACH_H
#define SR_ATTACH_H

#include "registry/sr_registry.h"

/* Make fresh, zeroed memory a registry that has nothing yet: a child that is forked while sr_attach runs may forget it. */
void sr_attach_prepare(struct sr_registry *registry);

/* Fill *registry, whose dir and paths are set. Waits for other processes until deadline, a monotonic time that lies options->timeout_ms
 * after the call's beginning. Everything is released again on failure. 0, SR_REGISTRY_GONE, or SEGREG_E_*. */
int sr_attach(struct sr_registry *registry, const struct segreg_open_options *options, int64_t deadline);

/* Leave. The last one out removes the region. */
void sr_attach_leave(struct sr_registry *registry);

/* In a forked child, whatever another thread of the parent did with it: forget the parent's locks, which stay the parent's. */
void sr_attach_forget(struct sr_registry *registry);

/* In a forked child: let go of what was inherited without touching what is the parent's. */
void sr_attach_disinherit(struct sr_registry *registry);

#endif
