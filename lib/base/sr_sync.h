/*
 * sr_sync.h - making a new segment's files durable.
 */
#ifndef SR_SYNC_H
#define SR_SYNC_H

#include "base/sr_base.h"

/* fsync each file and directory of the segment at path, and the directory above it. */
int sr_sync_segment(struct sr_base *base, const char *path);

#endif
