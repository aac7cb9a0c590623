/*
 * job.h - what a worker is given, and what all of them need: opening the registry, listing it, giving up.
 */
#ifndef JOB_H
#define JOB_H

#include "crawl.h"
#include "segment.h"
#include "tally.h"

#define LIVE_MAX 40 /* the ingester waits for the compactor beyond LIVE_MAX live segments */
#define SET_MAX 64  /* and this many there can ever be: those, and what is on its way */

struct job {
	const char *registry;
	const struct crawl *crawl;
	struct tally *tally;
	struct worker *self;
	struct segreg *reg; /* from job_open */
};

/* The work itself. Each returns when it is asked to stop, but for the witness, who is always killed. */
void ingester_run(struct job *job);
void compactor_run(struct job *job);
void reader_run(struct job *job);
void witness_run(struct job *job);

/* Ends this process with the reason in its worker. */
__attribute__((noreturn, format(printf, 2, 3))) void job_give_up(struct job *job, const char *format, ...);

/* Give up if a call of the library failed. */
void job_check(struct job *job, int rc, const char *what);

void job_open(struct job *job);
bool job_goes_on(const struct job *job);
void job_nap(unsigned milliseconds);

/* The live segments' ids, sorted by level, older ones first. */
size_t job_list(struct job *job, uint64_t ids[SET_MAX]);

/* Reserve the next segment, so that nothing of it can leak. Its id; path becomes its path below base. */
uint64_t job_reserve(struct job *job, uint32_t level, char path[TALLY_NAME_SIZE * 2]);

/* Note that a segment is complete on disk; to be called before it is published. */
void job_note_built(struct job *job, uint64_t id, const char *path);
/*
 * Note what became of the segment. The furthest state stays, in whichever order the notes come: a segment may be
 * retired before its maker comes to note that it is live.
 */
void job_note(struct job *job, uint64_t id, enum record_state state);

#endif
