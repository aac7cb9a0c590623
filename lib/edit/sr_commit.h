/*
 * sr_commit.h - committing an edit: the handle leads, or rides along with another leader.
 */
#ifndef SR_COMMIT_H
#define SR_COMMIT_H

#include "edit/sr_edit.h"

/* Commit edit. *version (may be NULL) is set as by segreg_edit_commit. Returns 0 or SEGREG_E_*. */
int sr_commit_edit(struct segreg_edit *edit, uint64_t *version);

#endif
