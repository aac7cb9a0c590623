/*
 * sr_remove.h - unregistering: a segment is forgotten and its files stay.
 */
#ifndef SR_REMOVE_H
#define SR_REMOVE_H

#include "sr_registry.h"

/* Undo in a transaction what an unregistering did to the record. */
int sr_remove_put_back(struct sr_store *store, const struct sr_record *record);

int sr_force_remove(struct segreg *reg, uint64_t id, bool forced);

#endif
