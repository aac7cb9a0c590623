/*
 * sr_load.h - the tables of a new region, from the durable records.
 */
#ifndef SR_LOAD_H
#define SR_LOAD_H

#include "registry/sr_registry.h"

/* Fill the tables of the region that this process is building. */
int sr_load(struct sr_registry *registry, uint32_t timeout_ms);

#endif
