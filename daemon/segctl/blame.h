/* blame.h - which handles keep disk space of retired segments. */
#ifndef CTL_BLAME_H
#define CTL_BLAME_H

#include <stdint.h>

#include "segreg.h"
#include "segctl/ctl.h"

/* A handle, and the disk space of retired segments that it keeps. */
struct ctl_culprit {
	struct segreg_holder holder; /* all that the handle holds; without its label */
	char label[SEGREG_LABEL_SIZE];
	uint64_t segments; /* retired segments that it holds */
	uint64_t held;     /* bytes of those */
	uint64_t alone;    /* bytes of those that no other process holds */
	int64_t since;     /* when the first of those was retired */
};

struct ctl_blame {
	struct ctl_culprit *culprits; /* of all handles, in the order of their lanes */
	size_t n, room;
};

/*
 * Begin with all handles and no segment; add a retired segment of that size. Both return 0 or a SEGREG_E_* code.
 */
int ctl_blame_begin(const struct ctl *ctl, struct ctl_blame *blame);
int ctl_blame_add(const struct ctl *ctl, struct ctl_blame *blame, const struct segreg_info *info, uint64_t bytes);
void ctl_blame_free(struct ctl_blame *blame);

/*
 * Returns the handle whose process, when it ends, gives most back; NULL if no handle holds a retired segment.
 */
const struct ctl_culprit *ctl_blame_find_worst(const struct ctl_blame *blame);

#endif /* CTL_BLAME_H */
