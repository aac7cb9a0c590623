/*
 * sr_reconcile.h - bringing the region to what LMDB says, after a process died or failed in a change.
 */
#ifndef SR_RECONCILE_H
#define SR_RECONCILE_H

#include "registry/sr_registry.h"

/* Bring the region to what LMDB says. The caller holds the commit lock and no transaction. */
int sr_reconcile(struct sr_registry *registry, uint32_t timeout_ms);

/* Undo, in the transaction under way, what sr_remove.c did to the record and to the journal. */
int sr_reconcile_put_back(struct sr_store *store, const struct sr_record *record);

#endif
