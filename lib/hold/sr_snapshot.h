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

/* Returns 0 if reg holds the snapshot; else fails with SEGREG_E_NOTPINNED or SEGREG_E_EVICTED. */
int sr_snapshot_check(const struct segreg *reg, const struct segreg_snapshot *snapshot);

/* Copy the segment in slot to *entry, if version contains it. *entry may be spoiled if not. */
bool sr_snapshot_look(const struct sr_region *region, uint32_t slot, uint64_t version, struct segreg_entry *entry);

/* Call fn for each segment of the snapshot, in that order. */
int sr_snapshot_list(struct segreg *reg, const struct segreg_snapshot *snapshot, enum segreg_order order,
		     segreg_snapshot_fn *fn, void *arg);
/* Copy segment id of the snapshot to *entry. *entry is spoiled after a failure. */
int sr_snapshot_find(struct segreg *reg, const struct segreg_snapshot *snapshot, uint64_t id,
		     struct segreg_entry *entry);

/* Whether a caller's struct segreg_entry of this size can be filled. */
bool sr_snapshot_knows(size_t entry_size);
/* Take the next step of a walk. Returns 1 with the next segment in *entry, 0 at the end, or SEGREG_E_*. */
int sr_snapshot_next(struct segreg *reg, const struct segreg_snapshot *snapshot, struct segreg_entry *entry);

/*
 * The number of lane n's cells that hold the segment in slot; horizons: also those of horizons. A live segment counts
 * as retired by `version`. [table]
 */
uint32_t sr_snapshot_count(const struct sr_region *region, uint32_t n, uint32_t slot, uint64_t version, bool horizons);

#endif
