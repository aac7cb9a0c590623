/*
 * sr_reclaim.h - freeing the lanes of dead processes.
 */
#ifndef SR_RECLAIM_H
#define SR_RECLAIM_H

#include "registry/sr_registry.h"

struct sr_reclaimed {
	uint32_t lane;
	uint64_t pins;
	int64_t pid;
	char label[SEGREG_LABEL_SIZE];
};

/* Free the lanes of dead processes; calls fn (may be NULL), without a lock, for each. Adds to *lanes and *pins. */
int sr_reclaim(struct segreg *reg, void (*fn)(void *arg, const struct sr_reclaimed *dead), void *arg, uint64_t *lanes, uint64_t *pins);

#endif
