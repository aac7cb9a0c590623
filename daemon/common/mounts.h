/*
 * mounts.h - what is mounted below a path.
 */
#ifndef TOOL_MOUNTS_H
#define TOOL_MOUNTS_H

#include <stdbool.h>

#include "common/measure.h"

/* mount becomes a mount point that is path, or lies below path. False: there is none. */
bool tool_mounts_find(const char *path, char mount[TOOL_PLACE_SIZE]);

#endif /* TOOL_MOUNTS_H */
