/*
 * sr_cells.h - the cells of snapshots and horizons. And all cells read at one moment, so that a sweep can check many
 * segments quickly.
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

/* Whether a cell holds a segment that was born and retired in these versions. */
static inline bool sr_cell_holds(uint64_t cell, uint64_t born, uint64_t retired)
{
	uint64_t version = sr_cell_version(cell);

	return cell && version < retired && (sr_cell_kind(cell) == SEGREG_HORIZON || born <= version);
}

struct sr_cells {
	uint64_t *snapshots; /* versions of the snapshots, sorted by sr_cells_sort */
	uint32_t n, room;
	uint64_t horizon; /* version of the oldest horizon; UINT64_MAX: there is none */
};

/*
 * Make room for all cells of all lanes, and for SR_CELLS_MAX that are added meanwhile. Needs no lock. SEGREG_E_NOMEM.
 */
int sr_cells_make_room(struct sr_cells *cells, const struct sr_region *region);
void sr_cells_free(struct sr_cells *cells);

/*
 * Read all cells, without sorting. A snapshot for which there is no room counts as a horizon, which holds more. [table]
 */
void sr_cells_read(struct sr_cells *cells, const struct sr_region *region);

/* Sort the snapshots: after sr_cells_read, before sr_cells_hold and sr_cells_count. Needs no lock. */
void sr_cells_sort(struct sr_cells *cells);

/*
 * Whether a retired segment is held: by a horizon before its retirement, or by a snapshot between its birth and its
 * retirement.
 */
bool sr_cells_hold(const struct sr_cells *cells, const struct sr_detail *detail);

/* The number of snapshots between a retired segment's birth and its retirement. */
uint32_t sr_cells_count(const struct sr_cells *cells, const struct sr_detail *detail);

#endif
