/*
 * measure.h - where a segment lies, and the disk space that its deletion gives back.
 */
#ifndef TOOL_MEASURE_H
#define TOOL_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "segreg.h"

#define TOOL_PLACE_SIZE (SEGREG_PATH_SIZE + 64)

/*
 * path becomes the place of the segment below base. True: that is in the trash, since it is being deleted.
 */
bool tool_measure_locate(const char *base, const struct segreg_info *info, char path[TOOL_PLACE_SIZE]);

/*
 * *bytes becomes the disk space that deleting the segment below base gives back. False: that is not known.
 */
bool tool_measure_segment(const char *base, const struct segreg_info *info, uint64_t *bytes);

/* Like tool_measure_segment, and faster where many segments are files. fd is the directory base, or -1. */
bool tool_measure_segment_at(int fd, const char *base, const struct segreg_info *info, uint64_t *bytes);

#endif /* TOOL_MEASURE_H */
