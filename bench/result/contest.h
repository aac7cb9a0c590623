/*
 * contest.h - contests: several ways to do one thing, measured in turns.
 *
 * One figure says little on a shared machine. So the contenders run in turns, round by round, in one run; and the
 * median of the rounds' ratios is judged.
 */
#ifndef BENCH_CONTEST_H
#define BENCH_CONTEST_H

#include "common/spread.h"

#include <stddef.h>

/* One way to do it. */
struct contender {
	const char *name;         /* as the results show it: "segreg", "flock, descriptor kept" */
	double (*run)(void *arg); /* do one round; return the cost of one operation in the contest's unit */
	void *arg;                /* of run */
	struct spread cost;       /* filled by contest_run */
	struct spread ratio;      /* of the first contender's cost to this cost, in one round; filled by contest_run */
};

/*
 * Run n contenders in turns, after one round that does not count. QUICK halves the rounds. Adds a cost to the results
 * for each contender; the first contender is the one that the ratios compare with the others.
 */
void contest_run(const char *question, const char *unit, struct contender *contender, size_t n, unsigned rounds);

#endif
