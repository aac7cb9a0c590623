/*
 * sr_vacate.h - taking a retired segment out of the way of a new file of the same name.
 */
#ifndef SR_VACATE_H
#define SR_VACATE_H

#include "registry/sr_registry.h"

/* given: a path as a caller has it (sr_base_relate). */
int sr_vacate(struct segreg *reg, const char *given);

#endif
