/*
 * pace.h - whether a sweep takes its time, hurries, or waits.
 */
#ifndef SEGREGD_PACE_H
#define SEGREGD_PACE_H

#include <stdbool.h>

#include "segreg.h"
#include "segregd/config.h"

/* Is there too little space left on base's file system, or is something overdue, for deletions to take their time? */
bool pace_is_short(const struct settings *settings, const char *base);
bool pace_is_late(const struct settings *settings, struct segreg *reg);
/* Is memory short? *percent: of time lost to that; left alone if that cannot be read. */
bool pace_is_pressed(const struct settings *settings, double *percent);

#endif /* SEGREGD_PACE_H */
