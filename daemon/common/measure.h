/*
 * measure.h - where a segment lies, and the disk space that its deletion gives back.
 */
#ifndef TOOL_MEASURE_H
#define TOOL_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "segreg.h"

#define TOOL_PLACE_SIZE (SEGREG_PATH_SIZE + 64)

/* path becomes where the segment below base lies: at its path; or in the trash, with result true, while it is being
 * deleted. */
bool tool_measure_locate(const char *base, const struct segreg_info *info, char path[TOOL_PLACE_SIZE]);

/* *bytes becomes what deleting the segment below base would give back. False if that is not known. */
bool tool_measure_segment(const char *base, const struct segreg_info *info, uint64_t *bytes);

#endif /* TOOL_MEASURE_H */
