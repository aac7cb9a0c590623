/*
 * sr_watch.h - descriptors that poll(2) can watch for versions, or for work of a sweep. sr_ring.h has the algorithm.
 */
#ifndef SR_WATCH_H
#define SR_WATCH_H

#include "registry/sr_registry.h"

/* Make a watch for what (SEGREG_WATCH_*). It has asked when this returns. */
int sr_watch_open(struct segreg *reg, unsigned what, struct segreg_watch *watch);

/* Take the events of a watch, and ask again. */
int sr_watch_clear(struct segreg *reg, const struct segreg_watch *watch);

int sr_watch_close(struct segreg *reg, struct segreg_watch *watch);

#endif
