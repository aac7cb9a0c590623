/*
 * sr_reclaim.h - freeing the lanes of dead processes.
 */
#ifndef SR_RECLAIM_H
#define SR_RECLAIM_H

#include "registry/sr_registry.h"

/* A handle whose process has died. */
struct sr_reclaimed {
	uint32_t lane;
	uint64_t pins;
	int64_t pid;
	char label[SEGREG_LABEL_SIZE];
};

/* Free the lanes of dead processes. Calls fn, which may be NULL, for each, without a lock. Adds to *lanes and *pins. */
int sr_reclaim(struct segreg *reg, void (*fn)(void *arg, const struct sr_reclaimed *dead), void *arg, uint64_t *lanes,
	       uint64_t *pins);

#endif
