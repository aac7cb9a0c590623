/*
 * sr_cells.h - the words that snapshots and horizons are; and all of them at one moment, so that many segments can be asked for quickly.
 */
#ifndef SR_CELLS_H
#define SR_CELLS_H

#include "shm/sr_region.h"

static inline enum segreg_snapshot_kind sr_cell_kind(uint64_t cell)
{
	return (enum segreg_snapshot_kind)(cell & ((1u << SR_CELL_KIND_BITS) - 1));
}

static inline uint64_t sr_cell_version(uint64_t cell)
{
	return cell >> SR_CELL_KIND_BITS;
}

/* Whether a cell keeps a segment that was retired. */
static inline bool sr_cell_holds(uint64_t cell, uint64_t born, uint64_t retired)
{
	uint64_t version = sr_cell_version(cell);

	return cell && version < retired && (sr_cell_kind(cell) == SEGREG_HORIZON || born <= version);
}

struct sr_cells {
	uint64_t *snapshots; /* versions, sorted */
	uint32_t n, room;
	uint64_t horizon; /* the oldest; UINT64_MAX: none */
};

/* Room for all cells that there are now, and some that come. Without a lock. */
int sr_cells_make_room(struct sr_cells *cells, const struct sr_region *region);
void sr_cells_free(struct sr_cells *cells);

/* Read them all, without sorting. If there are more than there is room for, it is as if everything were held. [table] */
void sr_cells_read(struct sr_cells *cells, const struct sr_region *region);

/* Once they were read, before they are asked: sort them. Without a lock. */
void sr_cells_sort(struct sr_cells *cells);

/* Is there a horizon before a retired segment's retirement, or a snapshot between its birth and that? */
bool sr_cells_hold(const struct sr_cells *cells, const struct sr_detail *detail);

/* How many snapshots there are between a retired segment's birth and its retirement. */
uint32_t sr_cells_count(const struct sr_cells *cells, const struct sr_detail *detail);

#endif
