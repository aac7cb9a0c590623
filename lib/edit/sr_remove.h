/*
 * sr_remove.h - unregistering: the registry forgets a segment, and its files stay.
 */
#ifndef SR_REMOVE_H
#define SR_REMOVE_H

#include "registry/sr_registry.h"

/* flags: those of segreg_force_remove. */
int sr_force_remove(struct segreg *reg, uint64_t id, unsigned flags);

#endif
