/*
 * tour.h - all public calls of a handle, in turn or by number. Each may fail; none may crash, hang or return what it
 * cannot.
 */
#ifndef TOUR_H
#define TOUR_H

#include "fuzz.h"
#include "segreg.h"

struct tour {
	struct segreg *reg;
	struct segreg_pin pin, other;
	struct segreg_snapshot snapshot;
	struct segreg_map map;
};

/* What a call is about: a segment that ground.h names, or none. */
void tour_call(struct tour *tour, unsigned n, uint64_t id);
/* Every call, with several ids where that makes a difference. */
void tour_all(struct tour *tour);
void tour_close(struct tour *tour);

#endif
