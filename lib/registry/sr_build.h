/*
 * sr_build.h - making a registry's region, by the process that is alone with registry.lock.
 */
#ifndef SR_BUILD_H
#define SR_BUILD_H

#include "registry/sr_registry.h"

/* fd: an open file of registry.lock, which holds SR_BYTE_ATTACH exclusively. Create the registry if its creation was
 * not finished, and build its region. */
int sr_build_alone(struct sr_registry *registry, const struct segreg_open_options *options, int fd);

/* Discard the region name. The caller holds SR_BYTE_ATTACH exclusively. A process that has the region mapped holds
 * that byte shared until it unmaps the region or ends. So no process has the region mapped now: a crash or the last
 * user's end left it. Returns what sr_region_discard returns. */
int sr_build_discard(const struct sr_registry *registry, const char *name, const struct sr_access *access);

#endif
