/*
 * audit.h - what segreg says, beside what the file tree and the processes' own notes say.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include "segment.h"
#include "tally.h"

struct audit {
	const char *base;
	struct tally *tally;

	/* segreg's word, over all regions of the run */
	uint64_t deleted;
	uint64_t bytes_freed;
	uint64_t reclaimed_pins;

	/*
	 * What had been deleted but not counted when the sweeper was killed. Plausible: not more than it had begun to
	 * delete, unless it died in its book-keeping.
	 */
	uint64_t uncounted;
	uint64_t uncounted_bytes;
	bool plausible;

	/* from the processes' notes */
	uint64_t pins_of_killed;
	uint64_t acknowledged; /* registrations and retirements before everything died, */
	uint64_t lost;         /* and those of them that segreg did not know afterwards */

	/*
	 * Segments whose builders were killed before they had published them, and those of them of which the disk had
	 * nothing.
	 */
	uint64_t unfinished;
	uint64_t untouched;

	/* at the end */
	uint64_t live;
	uint64_t intact;               /* of live: there, with right checksums, every posting right */
	uint64_t leaked;               /* things below base that are neither a live segment's nor segreg's marker */
	char damage[SEGMENT_WHY_SIZE]; /* the first one found; "": none */
	char leak[SEGMENT_WHY_SIZE];
};

/* The disk's account: what was built, and what of it is not there any more. */
struct disk {
	uint64_t made;
	uint64_t gone;
	uint64_t bytes_gone;
};

/* A builder is dead, and the sweeper does not run: measure what the disk has of its unfinished work. */
void audit_unfinished(struct audit *audit);

/* Everything is dead: the same, and compare the counters that the witness saw with the disk. */
void audit_crash(struct audit *audit, const struct testimony *testimony);

/* Add segreg's counters; to be called once for each region, when nothing changes it any more. */
void audit_add_counters(struct audit *audit, const struct segreg_stats *stats);

/* The next three return 0 or the library's error. */

/* After the restart, before a sweeper runs: what had been reserved or written, but not published? */
int audit_reserved(struct audit *audit, struct segreg *reg);

/* After the restart, before anybody edits: is everything as acknowledged? */
int audit_acknowledged(struct audit *audit, struct segreg *reg);

/* At the end: are live segments and directories the same, and all in order? */
int audit_live_segments(struct audit *audit, struct segreg *reg);

void audit_disk(const struct audit *audit, struct disk *disk);

#endif
