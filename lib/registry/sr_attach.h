/*
 * sr_attach.h - how a process joins a registry, and leaves it.
 */
#ifndef SR_ATTACH_H
#define SR_ATTACH_H

#include "registry/sr_registry.h"

/* Make zeroed memory a registry that has nothing yet. A child that is forked while sr_attach runs can then use
 * sr_attach_forget. */
void sr_attach_prepare(struct sr_registry *registry);

/* Fill *registry, whose dir and paths are set. Waits for other processes until deadline, a monotonic time that lies
 * options->timeout_ms after the call's beginning. On failure everything is released again. Returns 0,
 * SR_REGISTRY_GONE, or SEGREG_E_*. */
int sr_attach(struct sr_registry *registry, const struct segreg_open_options *options, int64_t deadline);

/* Leave the registry. The last process to leave removes the region. */
void sr_attach_leave(struct sr_registry *registry);

/* In a forked child: forget the parent's locks, which stay the parent's. Any state in which another thread of the
 * parent left the registry will do. */
void sr_attach_forget(struct sr_registry *registry);

/* In a forked child: release an inherited registry without touching what is the parent's. */
void sr_attach_disinherit(struct sr_registry *registry);

#endif
