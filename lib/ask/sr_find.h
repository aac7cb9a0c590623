/*
 * sr_find.h - which segment has a path.
 */
#ifndef SR_FIND_H
#define SR_FIND_H

#include "registry/sr_registry.h"

/* given: a path as a caller has it (sr_base_relate). */
int sr_find(struct segreg *reg, const char *given, uint64_t *id, enum segreg_state *state);
/* 1, 2, 0 or SEGREG_E_*, as segreg_is_discarded returns. */
int sr_find_discarded(struct segreg *reg, const char *given);

#endif
