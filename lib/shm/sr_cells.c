/*
 * sr_cells.c - the snapshots and horizons of all lanes, read at one moment, so that a sweep can check many segments
 * quickly.
 */
#include "shm/sr_cells.h"
#include "sys/sr_error.h"

#include <stdlib.h>

static int compare_versions(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

int sr_cells_make_room(struct sr_cells *cells, const struct sr_region *region)
{
	uint32_t top = sr_region_lane_top(region), room = SR_CELLS_MAX;
	uint64_t *larger;

	for (uint32_t n = 0; n < top; n++)
		room += sr_lane_n_cells(sr_region_lane(region, n));
	if (room <= cells->room)
		return 0;
	larger = sr_sys_realloc(cells->snapshots, room * sizeof(*larger));
	if (!larger)
		return sr_fail(SEGREG_E_NOMEM, "no memory to read %u snapshots", room);
	cells->snapshots = larger;
	cells->room = room;
	return 0;
}

void sr_cells_free(struct sr_cells *cells)
{
	free(cells->snapshots);
	*cells = (struct sr_cells){ .snapshots = NULL };
}

static void add(struct sr_cells *cells, uint64_t cell)
{
	uint64_t version = sr_cell_version(cell);

	if (sr_cell_kind(cell) != SEGREG_HORIZON && cells->n < cells->room)
		cells->snapshots[cells->n++] = version;
	else if (version < cells->horizon)
		cells->horizon = version;
}

void sr_cells_read(struct sr_cells *cells, const struct sr_region *region)
{
	uint32_t top = sr_region_lane_top(region);

	cells->n = 0;
	cells->horizon = UINT64_MAX;
	for (uint32_t i = 0; i < top; i++) {
		struct sr_lane *lane = sr_region_lane(region, i);
		uint32_t n = sr_lane_counts_are_held(lane) ? sr_lane_n_cells(lane) : 0;

		for (uint32_t j = 0; j < n; j++) {
			uint64_t cell = sr_load_seqcst_u64(&sr_row_cells(sr_region_row(region, i))[j]);

			if (cell)
				add(cells, cell);
		}
	}
}

void sr_cells_sort(struct sr_cells *cells)
{
	if (cells->n)
		qsort(cells->snapshots, cells->n, sizeof(*cells->snapshots), compare_versions);
}

/* The number of snapshots of a version below `version`. */
static uint32_t count_before(const struct sr_cells *cells, uint64_t version)
{
	uint32_t low = 0, high = cells->n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (cells->snapshots[middle] < version)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t sr_cells_count(const struct sr_cells *cells, const struct sr_detail *detail)
{
	uint32_t unborn = count_before(cells, detail->born), all = count_before(cells, detail->retired);

	return all > unborn ? all - unborn : 0;
}

bool sr_cells_hold(const struct sr_cells *cells, const struct sr_detail *detail)
{
	return cells->horizon < detail->retired || sr_cells_count(cells, detail);
}
