/*
 * sr_map.h - the files of a pinned segment: their path, an open descriptor, a mapping.
 */
#ifndef SR_MAP_H
#define SR_MAP_H

#include "registry/sr_registry.h"

/* Copy the path below base of the segment that pin holds. */
int sr_map_path(struct segreg *reg, const struct segreg_pin *pin, char path[SEGREG_PATH_MAX + 1]);
/* Open `file` below the segment that pin holds, or the segment itself if file is NULL. The caller closes *fd. */
int sr_map_open(struct segreg *reg, const struct segreg_pin *pin, const char *file, int *fd);

/*
 * Pin a segment and map `file` below it, or the segment itself if file is NULL. flags: SEGREG_PIN_LIVE. sr_map_end
 * undoes both.
 */
int sr_map_make(struct segreg *reg, uint64_t id, const char *file, unsigned flags, struct segreg_map *map);
int sr_map_end(struct segreg *reg, struct segreg_map *map);

#endif
