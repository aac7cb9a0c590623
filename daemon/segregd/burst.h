/*
 * burst.h - events of which many come at once: the first are logged one by one, the others as a sum.
 */
#ifndef SEGREGD_BURST_H
#define SEGREGD_BURST_H

#include <stdbool.h>

#include "segreg.h"

/*
 * Count an event. True: log it by itself. False: it joins the sum of its kind, and line, which is to be freed, belongs
 * to the sum.
 */
bool burst_admits(const struct segreg_sweep_event *event, char *line);

/*
 * Take the sum of one kind: the line of a single event, or a line such as "1990 more were deleted: 5.0 GiB freed".
 * Returns it, to be freed; NULL if there is none. With only_over, takes only the sum of a burst that has lasted its
 * time.
 */
char *burst_take_sum(enum segreg_sweep_action action, bool only_over);

#endif /* SEGREGD_BURST_H */
