/*
 * sr_lease.h - retention leases: putting, dropping and listing them. What they hold: sr_leases.h.
 */
#ifndef SR_LEASE_H
#define SR_LEASE_H

#include "registry/sr_registry.h"

int sr_lease_put(struct segreg *reg, const char *name, uint64_t floor, const struct segreg_lease_item *items, size_t n);
int sr_lease_drop(struct segreg *reg, const char *name);
int sr_lease_list(struct segreg *reg, segreg_lease_fn *fn, void *arg);

#endif
