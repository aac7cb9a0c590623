/*
 * sr_cells.h - all snapshots and horizons of all lanes at one moment, so that many segments can be asked for quickly.
 */
#ifndef SR_CELLS_H
#define SR_CELLS_H

#include "sr_region.h"

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
