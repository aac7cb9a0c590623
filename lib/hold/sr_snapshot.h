/*
 * sr_snapshot.h - holding all segments of a version with one word.
 */
#ifndef SR_SNAPSHOT_H
#define SR_SNAPSHOT_H

#include "shm/sr_cells.h"
#include "registry/sr_registry.h"

int sr_snapshot_take(struct segreg *reg, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot);
int sr_snapshot_release(struct segreg *reg, struct segreg_snapshot *snapshot);
int sr_snapshot_trade(struct segreg *reg, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot);
int sr_snapshot_receive(struct segreg *reg, const struct segreg_snapshot *theirs, struct segreg_snapshot *snapshot);
bool sr_snapshot_is_held(const struct segreg *reg, const struct segreg_snapshot *snapshot);

/* Take the next step of a walk. Returns 1 with the next segment in *entry, 0 at the end, or SEGREG_E_*. */
int sr_snapshot_next(struct segreg *reg, const struct segreg_snapshot *snapshot, struct segreg_entry *entry);

/* The number of lane n's cells that hold the segment in slot. A live segment counts as retired by `version`. [table] */
uint32_t sr_snapshot_count(const struct sr_region *region, uint32_t n, uint32_t slot, uint64_t version);

#endif
