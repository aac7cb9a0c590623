/*
 * powercut.h - the power fails while somebody changes the registry, on a real file system.
 *
 * An act is played on an ext4 or xfs in a file. At a system call of it, on the way in or out, the file system is shut
 * down: what it has not written by then is lost, as in a power cut, and what was fsynced is not. Then everybody dies,
 * the shared memory goes, the file system is mounted again, replays its journal, and the audit judges as after any
 * death. Who counts up until no cut comes any more has tried every place.
 */
#ifndef POWERCUT_H
#define POWERCUT_H

#include "acts.h"

#include <stdint.h>

struct cutting {
	const char *text;
	const struct act *act;
};

extern const struct cutting cuttings[];
extern const unsigned cuttings_count;

/* What was done, by all processes together. */
struct powercut_tally {
	uint64_t cuts, places;
};

extern struct powercut_tally *powercut_tally;

/*
 * In a test: play it on a new file system of that type ("ext4", "xfs"; with a "+" behind, the registry is on another
 * one than base), with at most so many cuts, spread over all places (0: all). Ends the test if something is wrong;
 * skips it where file systems cannot be mounted.
 */
void powercut_play(const struct cutting *cutting, const char *type, unsigned most);

#endif
