/*
 * tally.h - what the demo's processes write down for the director, so that segreg's word can be compared with
 * somebody else's.
 *
 * One anonymous shared mapping. The director made it and survives everybody, so a note outlives the SIGKILL of its
 * writer. Notes are taken before the act where the order matters: a segment that was registered has been noted as
 * built, whatever happened then.
 */
#ifndef TALLY_H
#define TALLY_H

#include <segreg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TALLY_WORKERS 64
#define TALLY_SEGMENTS (1u << 20)
#define TALLY_NAME_SIZE 32
#define TALLY_TEXT_SIZE 512

enum role { ROLE_SEGREGD, ROLE_INGESTER, ROLE_COMPACTOR, ROLE_READER, ROLE_WITNESS, ROLES };

const char *role_name(enum role role);

/* One process, from its start to its end. A replacement is another worker. */
struct worker {
	/* written by the director */
	enum role role;
	uint32_t number;
	pid_t pid;                  /* 0: it has ended */
	char name[TALLY_NAME_SIZE]; /* "reader-4": its role and its number */
	atomic_bool asked_to_stop;

	/* written by the worker */
	atomic_uint_fast64_t held; /* pins it has, */
	atomic_bool steady;        /* and whether that is exact: no pin is being taken or given back at the moment */
	atomic_uint_fast64_t opened_at;    /* CLOCK_MONOTONIC in nanoseconds: segreg_open had returned */
	atomic_uint_fast64_t answered_at;  /* the first look-up was verified */
	atomic_uint_fast64_t lookups;      /* verified */
	atomic_uint_fast64_t late_lookups; /* of these: in segments that had been retired meanwhile */
	atomic_uint_fast64_t vanished;     /* look-ups and files that were not what they must be */
	char first_vanished[TALLY_TEXT_SIZE];
	char failure[TALLY_TEXT_SIZE]; /* why it gave up */
};

/*
 * What became of a segment, as its maker noted. Between BUILT and LIVE, and between RETIRING and RETIRED, stands a
 * commit. A maker that dies in between does not know whether the commit happened, and either outcome is right.
 */
enum record_state {
	RECORD_NONE,
	RECORD_BUILT, /* complete on disk */
	RECORD_LIVE,  /* segreg acknowledged it */
	RECORD_RETIRING,
	RECORD_RETIRED,    /* segreg acknowledged that */
	RECORD_UNFINISHED, /* its maker died before it was complete; what there was of it is segreg's to delete */
};

struct record {
	_Atomic uint64_t id;
	_Atomic uint64_t bytes; /* of disk space, as the file tree says */
	_Atomic uint32_t state; /* enum record_state */
};

/* The witness's, after everybody else has died. */
struct testimony {
	atomic_bool given;
	struct segreg_stats stats;
	uint64_t interrupted; /* segments that were being deleted */
	uint64_t interrupted_bytes;
};

struct tally {
	struct worker worker[TALLY_WORKERS];
	uint32_t workers;
	struct testimony testimony;
	_Atomic uint32_t segments;    /* numbers given out */
	atomic_uint_fast64_t crawled; /* documents read */
	struct record record[TALLY_SEGMENTS];
};

/* NULL: errno says why. */
struct tally *tally_make(void);

uint64_t tally_now(void); /* CLOCK_MONOTONIC in nanoseconds */

/* The worker's pins are exact from hold to change. */
void worker_holds(struct worker *worker, uint64_t pins);
void worker_changes(struct worker *worker);

/*
 * A segment's number counts all segments of a run, and its id has its level as well. Its path names its maker, so that
 * an unfinished segment can be traced to a process.
 */
static inline uint64_t segment_id(uint32_t level, uint32_t number)
{
	return (uint64_t)level << 32 | number;
}

static inline uint32_t segment_level(uint64_t id)
{
	return (uint32_t)(id >> 32);
}

static inline uint32_t segment_number(uint64_t id)
{
	return (uint32_t)id;
}

void segment_path(char path[TALLY_NAME_SIZE * 2], const struct worker *maker, uint32_t number);
/* False: path is not one of segment_path. */
bool segment_path_parse(const char *path, uint32_t *maker, uint32_t *number);

#endif
