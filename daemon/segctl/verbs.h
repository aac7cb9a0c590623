/*
 * verbs.h - the table of verbs.
 */
#ifndef CTL_VERBS_H
#define CTL_VERBS_H

#include "segctl/ctl.h"

/* All verbs; NULL behind the last. */
extern const struct ctl_verb *const ctl_verbs[];

/* Returns NULL if no verb has that name. */
const struct ctl_verb *ctl_verbs_find(const char *name);

#endif /* CTL_VERBS_H */
