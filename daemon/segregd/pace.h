/*
 * pace.h - whether a sweep takes its time, hurries, or waits.
 */
#ifndef SEGREGD_PACE_H
#define SEGREGD_PACE_H

#include <stdbool.h>

#include "segreg.h"
#include "segregd/config.h"

/*
 * The file system of base has too little space for a pace; a segment is overdue, so there is no time for a pace.
 */
bool pace_is_short(const struct settings *settings, const char *base);
bool pace_is_late(const struct settings *settings, struct segreg *reg);
/*
 * Memory is short. *percent becomes the percentage of time lost to that; it stays as it is if that cannot be read.
 */
bool pace_is_pressed(const struct settings *settings, double *percent);

#endif /* SEGREGD_PACE_H */
