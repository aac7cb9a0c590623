/*
 * sr_plan.h - what an edit comes to: its records in the transaction, its slots in the region.
 *
 * Planning looks at the records (what is there to do, is it allowed) and writes them. Then all is taken that is needed in the
 * region, so that nothing can fail once LMDB has committed; after the commit it is shown.
 */
#ifndef SR_PLAN_H
#define SR_PLAN_H

#include "registry/sr_change.h"
#include "edit/sr_edit.h"

struct sr_plan {
	uint32_t slots;   /* to be taken */
	uint32_t changes; /* records written */
	bool grows;       /* the database */
	bool wakes;       /* a sweep will have something to do */
	uint64_t version; /* the one that it makes, or made */
};

/*
 * Write an edit's records; the clock is the caller's. After a failure with changes the transaction is spoiled. Planning
 * once more, in another transaction, is fine.
 */
int sr_plan_make(struct sr_change *change, struct segreg_edit *edit, struct sr_plan *plan);

/* Slots for new segments, and back again. [commit, table] */
int sr_plan_take_slots(struct sr_region *region, struct segreg_edit *edit);
bool sr_plan_has_slots(const struct segreg_edit *edit);
void sr_plan_give_slots(struct sr_region *region, struct segreg_edit *edit);
/* Leave the slots to a repair, so that the edit can be planned anew. */
void sr_plan_forget_slots(struct segreg_edit *edit);

/* After LMDB's commit. [commit, table] */
int sr_plan_show(struct sr_region *region, const struct segreg_edit *edit);

#endif
