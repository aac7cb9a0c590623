/*
 * sr_handle.h - a process's handles: opening, closing, and arriving in a forked child.
 */
#ifndef SR_HANDLE_H
#define SR_HANDLE_H

#include "sys/sr_fork.h"
#include "registry/sr_registry.h"

int sr_handle_open(const char *dir, const struct segreg_open_options *options, struct segreg **reg);
int sr_handle_close(struct segreg *reg, uint64_t *released);

/* Call this if reg has no magic. In a forked child it attaches the inherited handle as a new one of the child.
 * Otherwise reg is not an open handle: SEGREG_E_INVAL. */
int sr_handle_arrive(struct segreg *reg);

/* Returns the path of base, which is valid as long as the handle is open; NULL if reg is not an open handle. */
const char *sr_handle_base(const struct segreg *reg);

#endif
