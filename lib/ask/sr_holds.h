/*
 * sr_holds.h - walks over all that holds segments, one hold after the other.
 */
#ifndef SR_HOLDS_H
#define SR_HOLDS_H

#include "registry/sr_registry.h"

/* Call fn for each snapshot and horizon of each handle, and for each retired segment that a handle pins. */
int sr_holds_each(struct segreg *reg, segreg_hold_fn *fn, void *arg);

#endif
