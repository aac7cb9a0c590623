/*
 * sr_tally.h - the pins of many segments, added up over the lanes that can have some.
 */
#ifndef SR_TALLY_H
#define SR_TALLY_H

#include "registry/sr_registry.h"

/*
 * The lanes that have memory for one page of counts. Slots of the same page share one such list, so their pins are
 * added up over these lanes and not over all.
 */
struct sr_tally {
	uint32_t page; /* SR_NONE: no list is made */
	uint32_t n;
	uint32_t *lanes; /* room for max_lanes */
};

/* Returns false if memory is short. sr_tally_free is for both cases. */
bool sr_tally_make_room(struct sr_tally *tally, const struct sr_region *region);
void sr_tally_free(struct sr_tally *tally);

/* Forget the list: the table lock was released since it was made. */
void sr_tally_clear(struct sr_tally *tally);

/* Returns the pins of the segment in slot. [table] */
uint64_t sr_tally_pins(const struct sr_region *region, uint32_t slot, struct sr_tally *tally);

/*
 * Order n slots by their pages of counts, so that a walk over them makes few lists. *slots becomes another array.
 * SEGREG_E_NOMEM leaves it as it was.
 */
int sr_tally_order(const struct sr_region *region, uint32_t **slots, uint32_t n);

#endif
