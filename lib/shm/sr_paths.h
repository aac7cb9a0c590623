/*
 * sr_paths.h - the texts of the segments in the region: a segment's path, and behind it the caller's own bytes. All
 * functions need the table lock, sr_paths_take the commit lock as well. A walk over a snapshot calls the two functions
 * that get a text without a lock, and checks afterwards whether the slot has changed (sr_snapshot.c).
 */
#ifndef SR_PATHS_H
#define SR_PATHS_H

#include "shm/sr_record.h"
#include "shm/sr_region.h"

/* Where a text is. */
struct sr_text {
	uint32_t unit; /* number of its first unit */
	uint16_t path_length;
	uint8_t user_size;
};

/* Find room for a record's text, and write it there. SEGREG_E_FULL, SEGREG_E_NOMEM, SEGREG_E_CORRUPT. */
int sr_paths_take(struct sr_region *region, const struct sr_record *record, struct sr_text *text);

/* The place of a slot's text, unchecked; and give a slot another text. */
struct sr_text sr_paths_of(const struct sr_region *region, uint32_t slot);
void sr_paths_put(struct sr_region *region, uint32_t slot, const struct sr_text *text);

/* Mark the units of a text as used or free in the path map. A damaged text changes nothing. */
void sr_paths_mark(struct sr_region *region, const struct sr_text *text, bool used);
/* Mark all units as free. */
void sr_paths_clear(struct sr_region *region);

/*
 * Give a slot the text that its record has, if it has another one: shared memory was damaged. The text gets units of
 * its own, and the next repair frees those that the slot had. They may be another segment's.
 */
int sr_paths_restore(struct sr_region *region, uint32_t slot, const struct sr_record *record);

/* Copy the path of the segment in slot. Returns false if the region is damaged there. */
bool sr_paths_get(const struct sr_region *region, uint32_t slot, char path[SEGREG_PATH_MAX + 1]);
/* Copy the path, and the caller's own bytes with zeroes behind them. */
bool sr_paths_get_text(const struct sr_region *region, uint32_t slot, char path[SEGREG_PATH_MAX + 1],
		       unsigned char user[SEGREG_USER_SIZE], size_t *user_size);

#endif
