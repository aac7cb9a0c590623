/*
 * sr_plan_inside.h - what sr_plan.c and sr_plan_discard.c share.
 */
#ifndef SR_PLAN_INSIDE_H
#define SR_PLAN_INSIDE_H

#include "edit/sr_plan.h"

#define SR_PLAN_NEXT 128

/* What can be done about a segment that has an id or a path which an edit asks for: "; " and words, or "". */
const char *sr_plan_describe_next(const struct sr_change *change, const struct sr_record *there,
				  char next[SR_PLAN_NEXT]);

/* Check that no segment's path is equal to, above or below path. */
int sr_plan_check_free(const struct sr_change *change, const char *path);

/* Note version and time of an addition. A reservation has no version yet. */
void sr_plan_note_birth(const struct sr_change *change, struct sr_op *op);

int sr_plan_retire(struct sr_change *change, const struct segreg_edit *edit, struct sr_op *op);
/* has_room: a discard that was in shared memory may take a slot. */
int sr_plan_discard(struct sr_change *change, const struct segreg_edit *edit, struct sr_op *op, bool has_room);

#endif
