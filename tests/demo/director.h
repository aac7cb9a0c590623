/*
 * director.h - the demo's plot: what is started, killed and started again, and what was seen.
 */
#ifndef DIRECTOR_H
#define DIRECTOR_H

#include "audit.h"
#include "crew.h"

#include <signal.h>

#define DIRECTOR_READERS 3

struct director {
	/* from main */
	const char *registry;
	const char *base;
	double seconds; /* of activity */
	struct crew crew;
	const volatile sig_atomic_t *interrupted; /* set by a signal: clear up and end */

	struct segreg *reg;
	struct audit audit;
	uint32_t second_cast;     /* workers from here on were started after everything had died */
	uint64_t recovery_open;   /* nanoseconds from the start of the first of these until segreg_open had returned */
	uint64_t recovery_answer; /* nanoseconds until the first verified look-up */
	bool sweeper_ended_well;
	char trouble[TALLY_TEXT_SIZE * 2]; /* why the run could not go on; "" if it could */
};

/* Play it all. False: interrupted, or trouble says why it stopped. Leaves no process behind either way. */
bool director_perform(struct director *director);

/* Compare all accounts and print them. True: everything holds. */
bool director_sum_up(const struct director *director);

#endif
