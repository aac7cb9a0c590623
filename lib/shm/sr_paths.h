/*
 * sr_paths.h - the paths of the segments in the region. All functions need the table lock, sr_paths_take the commit
 * lock as well.
 */
#ifndef SR_PATHS_H
#define SR_PATHS_H

#include "shm/sr_region.h"

/* Find room for a path of length bytes. *unit gets the first unit. SEGREG_E_FULL, SEGREG_E_NOMEM, SEGREG_E_CORRUPT. */
int sr_paths_take(struct sr_region *region, size_t length, uint32_t *unit);

/* Mark the units of a segment's path as used or free in the path map. A damaged detail changes nothing. */
void sr_paths_mark(struct sr_region *region, const struct sr_detail *detail, bool used);

/* Copy the path of the segment in slot. Returns false if the region is damaged there. */
/*
 * Give a slot the path that its record has, if it has another one: shared memory was damaged. The path gets units of
 * its own, and the next repair frees those that the slot had. They may be another segment's. [table]
 */
int sr_paths_restore(struct sr_region *region, uint32_t slot, const char *path, uint16_t length);

bool sr_paths_get(const struct sr_region *region, uint32_t slot, char path[SEGREG_PATH_MAX + 1]);

#endif
