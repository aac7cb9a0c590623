/*
 * sr_handle.h - a process's handles: opening, closing, and arriving in a forked child.
 */
#ifndef SR_HANDLE_H
#define SR_HANDLE_H

#include "sys/sr_fork.h"
#include "registry/sr_registry.h"

int sr_handle_open(const char *dir, const struct segreg_open_options *options, struct segreg **reg);
int sr_handle_close(struct segreg *reg, uint64_t *released);

/* For a handle without its magic: in a child, attach the parent's anew, under the child's own name; otherwise it is none. */
int sr_handle_arrive(struct segreg *reg);

/* The base directory's path, as long as the handle is open; NULL if it is none. */
const char *sr_handle_base(const struct segreg *reg);

#endif
