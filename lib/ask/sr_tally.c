/*
 * sr_tally.c - the pins of many segments, added up over the lanes that can have some.
 */
#include "ask/sr_tally.h"
#include "registry/sr_lane.h"
#include "sys/sr_error.h"

#include <stdlib.h>
#include <string.h>

bool sr_tally_make_room(struct sr_tally *tally, const struct sr_region *region)
{
	tally->lanes = sr_sys_malloc(region->geometry.max_lanes * sizeof(*tally->lanes));
	return tally->lanes;
}

void sr_tally_free(struct sr_tally *tally)
{
	free(tally->lanes);
	tally->lanes = NULL;
}

void sr_tally_clear(struct sr_tally *tally)
{
	tally->page = SR_NONE;
}

/* List the lanes that have memory for the page. [table] */
static void list_lanes(const struct sr_region *region, uint32_t page, struct sr_tally *tally)
{
	uint32_t top = sr_region_lane_top(region);

	tally->page = page;
	tally->n = 0;
	for (uint32_t n = 0; n < top; n++) {
		const struct sr_lane *lane = sr_region_lane(region, n);

		if (sr_lane_counts_are_held(lane) && sr_lane_has_counts(lane) &&
		    sr_row_has_page(sr_region_row(region, n), page * SR_COUNTS_PER_PAGE))
			tally->lanes[tally->n++] = n;
	}
}

uint64_t sr_tally_pins(const struct sr_region *region, uint32_t slot, struct sr_tally *tally)
{
	uint64_t count = 0;

	if (tally->page != slot / SR_COUNTS_PER_PAGE)
		list_lanes(region, slot / SR_COUNTS_PER_PAGE, tally);
	for (uint32_t i = 0; i < tally->n; i++)
		count += sr_load_acquire_u32(&sr_row_counts(sr_region_row(region, tally->lanes[i]))[slot]);
	return count;
}

/*
 * Each page is counted first, and then its slots are moved to their place. So the time grows with the number of slots
 * and pages.
 */
int sr_tally_order(const struct sr_region *region, uint32_t **slots, uint32_t n)
{
	uint32_t pages = (region->geometry.max_segments - 1) / SR_COUNTS_PER_PAGE + 1, start = 0;
	uint32_t *begins = sr_sys_malloc(pages * sizeof(*begins)), *ordered = sr_sys_malloc((n + 1) * sizeof(*ordered));

	if (!begins || !ordered) {
		free(begins);
		free(ordered);
		return sr_fail(SEGREG_E_NOMEM, "no memory to list %u retired segments", n);
	}
	memset(begins, 0, pages * sizeof(*begins));
	for (uint32_t i = 0; i < n; i++)
		begins[(*slots)[i] / SR_COUNTS_PER_PAGE]++;
	for (uint32_t page = 0; page < pages; page++) {
		uint32_t length = begins[page];

		begins[page] = start;
		start += length;
	}
	for (uint32_t i = 0; i < n; i++)
		ordered[begins[(*slots)[i] / SR_COUNTS_PER_PAGE]++] = (*slots)[i];
	free(begins);
	free(*slots);
	*slots = ordered;
	return 0;
}
