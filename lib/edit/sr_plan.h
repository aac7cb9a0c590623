/*
 * sr_plan.h - planning an edit: its records in the transaction, its slots in the region.
 *
 * Planning reads the records, decides what is to be done and whether it is allowed, and writes the records. Then the
 * leader takes what the edit needs in the region, so that nothing can fail once LMDB has committed. After the commit it
 * shows the edit in the region.
 */
#ifndef SR_PLAN_H
#define SR_PLAN_H

#include "registry/sr_change.h"
#include "edit/sr_edit.h"

struct sr_plan {
	uint32_t slots;   /* slots to be taken */
	uint32_t texts;   /* texts to be taken for slots that have another text */
	uint32_t changes; /* number of records written */
	bool grows;       /* the database grows */
	bool wakes;       /* the edit leaves work for a sweep */
	uint64_t version; /* version that the edit makes; with a known token, the version that it made */
};

/*
 * Write an edit's records. The caller writes the clock. If this fails and plan->changes is not 0, the transaction is
 * spoiled. The edit can be planned again in another transaction.
 */
int sr_plan_make(struct sr_change *change, struct segreg_edit *edit, struct sr_plan *plan);

/* Take slots and texts for segments; ask whether the edit has any; give them back. [commit, table] */
int sr_plan_take_slots(struct sr_region *region, struct segreg_edit *edit);
bool sr_plan_has_slots(const struct segreg_edit *edit);
void sr_plan_give_slots(struct sr_region *region, struct segreg_edit *edit);
/* Leave slots and texts to a repair, so that the edit can be planned again. */
void sr_plan_forget_slots(struct segreg_edit *edit);

/* Show the edit in the region, after LMDB's commit. [commit, table] */
int sr_plan_show(struct sr_region *region, const struct segreg_edit *edit);

#endif
