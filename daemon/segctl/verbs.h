/*
 * verbs.h - the table of verbs.
 */
#ifndef CTL_VERBS_H
#define CTL_VERBS_H

#include "segctl/ctl.h"

/* All verbs; NULL behind the last. */
extern const struct ctl_verb *const ctl_verbs[];

struct ctl_suggest;

/* Returns NULL if no verb has that name. */
const struct ctl_verb *ctl_verbs_find(const char *name);

/* Returns "; did you mean 'ls'?" for a name that is near to that of a verb, or is another word for it; else "". */
const char *ctl_verbs_suggest(struct ctl_suggest *suggest, const char *name);

#endif /* CTL_VERBS_H */
