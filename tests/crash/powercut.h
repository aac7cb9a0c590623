/*
 * powercut.h - the power fails while a process changes the registry, on a real file system.
 *
 * An act is played on an ext4 or xfs in a file. At a system call of it, on the way in or out, the file system is shut
 * down. What it has not written by then is lost, as in a power cut; what was fsynced is not. Then all processes die
 * and the shared memory goes. The file system is mounted again and replays its journal, and the audit judges as after
 * any death. A test that counts up until no cut comes any more has tried every place.
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
 * In a test: play it on a new file system of that type ("ext4", "xfs"). With a "+" behind the type, the registry is on
 * another file system than base. At most `most` cuts are made, spread over all places (0: all). Ends the test if
 * something is wrong; skips it where file systems cannot be mounted.
 */
void powercut_play(const struct cutting *cutting, const char *type, unsigned most);

#endif
