/*
 * sr_seats.h - the edits of a group: taking riders along, and planning. For sr_group.c, which says why this is right.
 */
#ifndef SR_SEATS_H
#define SR_SEATS_H

#include "registry/sr_discards.h"
#include "registry/sr_letter.h"
#include "edit/sr_plan.h"

/* One edit of a group. */
struct sr_seat {
	struct segreg_edit *edit;
	struct sr_plan plan;
	bool is_planned;
	int rc;                   /* 0, or why the edit is refused */
	struct sr_waiter *waiter; /* a waiting thread of this process; NULL: the seat is the leader's, or a letter's */
	/* For a letter: */
	uint64_t lane_id, seq;
	struct segreg_edit carried;
	char text[SR_LETTER_TEXT]; /* why the edit is refused */
};

/* A leader's edit, and the edits that it takes along. */
struct sr_group {
	struct segreg *reg;
	struct sr_change change;
	struct sr_seat own;
	struct sr_seat *riders; /* NULL, or room for SR_RIDERS_MAX */
	uint32_t n_riders;
	uint32_t n_threads; /* riders that are threads of this process */
	bool alone;         /* the leader takes no riders, or no more riders */
	/* The discards that were in shared memory (sr_discards.h): a seat without an owner. */
	struct sr_seat late;
	uint32_t n_late; /* discards copied from shared memory, removed there when they are shown; 0: none */
	struct sr_discards_left left; /* those of them for which the registry has no room; set when they are planned */
	bool looked;                  /* for discards */
	bool without;                 /* the leader takes none: an attempt with them has failed */
};

static inline uint32_t sr_seats_count(const struct sr_group *g)
{
	return 1 + g->n_riders + (g->n_late > 0);
}

/* The first seat is that of the discards, if there are any. Then come the leader's and the riders'. */
static inline struct sr_seat *sr_seats_get(struct sr_group *g, uint32_t i)
{
	if (g->n_late && i == 0)
		return &g->late;
	i -= g->n_late > 0;
	return i ? &g->riders[i - 1] : &g->own;
}

/* Plan the leader's edit, and the edits of riders, until no rider waits. 0, or a failure of the whole group. */
int sr_seats_fill(struct sr_group *g);

/* Leave the discards in shared memory. */
void sr_seats_empty_late(struct sr_group *g);

/* Begin a new transaction: no edit is planned in it yet. 0 or SEGREG_E_*. */
int sr_seats_restart(struct sr_group *g);

#endif
