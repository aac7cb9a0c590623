/*
 * sr_group.h - committing edits, several processes' together if they come at the same time.
 */
#ifndef SR_GROUP_H
#define SR_GROUP_H

#include "edit/sr_edit.h"

/* Commit edit, and the edits that wait. The caller holds the commit lock; it is given back. *version as segreg_edit_commit's. */
int sr_group_lead(struct segreg_edit *edit, uint64_t *version);

#endif
