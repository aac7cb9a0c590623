/*
 * sr_snapshot.h - holding all segments of a version with one word.
 */
#ifndef SR_SNAPSHOT_H
#define SR_SNAPSHOT_H

#include "sr_registry.h"

int sr_snapshot_take(struct segreg *reg, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot);
int sr_snapshot_release(struct segreg *reg, struct segreg_snapshot *snapshot);
int sr_snapshot_receive(struct segreg *reg, const struct segreg_snapshot *theirs, struct segreg_snapshot *snapshot);
bool sr_snapshot_is_held(const struct segreg *reg, const struct segreg_snapshot *snapshot);

/* 1 with the next segment in *entry, 0 at the end. */
int sr_snapshot_next(struct segreg *reg, const struct segreg_snapshot *snapshot, struct segreg_entry *entry);

static inline enum segreg_snapshot_kind sr_cell_kind(uint64_t cell)
{
	return (enum segreg_snapshot_kind)(cell & ((1u << SR_CELL_KIND_BITS) - 1));
}

static inline uint64_t sr_cell_version(uint64_t cell)
{
	return cell >> SR_CELL_KIND_BITS;
}

/* How many of lane n's cells hold the segment in slot; a live one as if it were retired by version. [table] */
uint32_t sr_snapshot_count(const struct sr_region *region, uint32_t n, uint32_t slot, uint64_t version);

/* Whether a cell keeps a segment that was retired. */
static inline bool sr_cell_holds(uint64_t cell, uint64_t born, uint64_t retired)
{
	uint64_t version = sr_cell_version(cell);

	return cell && version < retired && (sr_cell_kind(cell) == SEGREG_HORIZON || born <= version);
}

#endif
