/*
 * sr_sweep.h - deleting the segments that are retired and held by no handle and no lease.
 */
#ifndef SR_SWEEP_H
#define SR_SWEEP_H

#include "registry/sr_registry.h"

int sr_sweep(struct segreg *reg, const struct segreg_sweep_options *options, struct segreg_sweep_result *result);

#endif
