/*
 * sr_check.h - compares the database, the shared memory and the disk.
 */
#ifndef SR_CHECK_H
#define SR_CHECK_H

#include "registry/sr_registry.h"

int sr_check(struct segreg *reg, bool repair, segreg_check_fn *fn, void *arg);

#endif
