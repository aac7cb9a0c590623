/*
 * sr_group.h - committing edits: those of several processes and threads together, if they come at the same time.
 */
#ifndef SR_GROUP_H
#define SR_GROUP_H

#include "edit/sr_edit.h"

/*
 * Commit edit, and the edits that wait for a leader. The caller holds the commit lock; sr_group_lead gives it back.
 * *version (may be NULL) is set as by segreg_edit_commit.
 */
int sr_group_lead(struct segreg_edit *edit, uint64_t *version);

#endif
