/*
 * crew.h - the demo's processes: starting, stopping and killing them.
 */
#ifndef CREW_H
#define CREW_H

#include "crawl.h"
#include "tally.h"

struct crew {
	const char *segregd; /* the program */
	const char *registry;
	const char *log; /* where segregd's output goes */
	const struct crawl *crawl;
	struct tally *tally;
};

/* NULL: it cannot be started, and errno says why. */
struct worker *crew_start(struct crew *crew, enum role role);

/* The running worker of that role, the oldest if there are more; NULL if none runs. */
struct worker *crew_find(struct crew *crew, enum role role);

/*
 * Stop (SIGSTOP) a worker of that role at a moment at which it holds pins and their number is exact. NULL: it ended,
 * or never held one for half a minute.
 */
struct worker *crew_catch_holding(struct crew *crew, enum role role);

/* SIGSTOP, and wait until it has stopped; SIGCONT. */
void crew_pause(struct worker *worker);
void crew_resume(struct worker *worker);

/* SIGKILL, and wait until it is gone. */
void crew_kill(struct worker *worker);
/* Like crew_kill, for all workers at once but for spared, which may be NULL. Returns the number of killed processes. */
unsigned crew_kill_all(struct crew *crew, const struct worker *spared);

/* Ask it to finish its work and end. */
void crew_ask_to_stop(struct worker *worker);
/* Has it ended? *ok becomes true if that was in order. */
bool crew_has_ended(struct worker *worker, bool *ok);

/* A worker that ended without having been asked to; NULL: all are well. */
struct worker *crew_find_lost(struct crew *crew);

#endif
