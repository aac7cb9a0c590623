/*
 * steps.h - kill -9 after every instruction that changed the shared memory, and at both ends of every system call.
 */
#ifndef STEPS_H
#define STEPS_H

#include "acts.h"

/* An act, or an act and what the next one does to recover, which is killed as well. */
struct stepping {
	const char *text;
	const struct act *act;
	const struct act *then; /* NULL: nobody */
	enum company company;
};

extern const struct stepping steppings[];
extern const unsigned steppings_count;

/* How far to go. */
struct steps_bound {
	unsigned kills;  /* at most that many in each stepping, spread over it; 0: all that there are */
	bool everything; /* as stepper_record's, in the first of two acts */
	bool shows;      /* progress, on stderr */
};

/* What was done, by all processes together. */
struct steps_tally {
	uint64_t steps;          /* instructions */
	unsigned acts;           /* that were stepped through */
	unsigned changes, calls; /* seen in them */
	unsigned places;         /* to die at */
	unsigned kills;          /* of one alone */
	unsigned first_deaths;   /* of two */
	unsigned ways;           /* that second ones went after them */
	unsigned double_kills;   /* of one, and of the next as well */
	unsigned strays;         /* changes to which a victim did not come again */
};

extern struct steps_tally *steps_tally;

/* In a test: play it; ends the test if something is wrong. */
void steps_play(const struct stepping *stepping, const struct steps_bound *bound);

#endif
