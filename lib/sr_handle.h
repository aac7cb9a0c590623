/*
 * sr_handle.h - a process's handles and registries: opening, closing, and arriving in a forked child.
 */
#ifndef SR_HANDLE_H
#define SR_HANDLE_H

#include "sr_fork.h"
#include "sr_registry.h"

int sr_handle_open(const char *dir, const struct segreg_open_options *options, struct segreg **reg);
int sr_handle_close(struct segreg *reg, uint64_t *released);

/* In a child: attach the parent's handle anew, under the child's own name. */
int sr_handle_arrive(struct segreg *reg);

#endif
