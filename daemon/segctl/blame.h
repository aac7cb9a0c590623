/*
 * blame.h - of the disk space that retired segments keep, what each handle has to answer for.
 */
#ifndef CTL_BLAME_H
#define CTL_BLAME_H

#include <stdint.h>

#include "segreg.h"
#include "segctl/ctl.h"

/* A handle, and what it has to do with the disk space that retired segments keep. */
struct ctl_culprit {
	struct segreg_holder holder; /* all that it holds; its label is the one below */
	char label[SEGREG_LABEL_SIZE];
	uint64_t segments; /* retired ones that it holds, */
	uint64_t held;     /* their bytes, */
	uint64_t alone;    /* and those that nobody but its process holds */
	int64_t since;     /* when the first of them was retired */
};

struct ctl_blame {
	struct ctl_culprit *culprits; /* all handles attached, in the order of their lanes */
	size_t n, room;
};

/* Begin with all handles and no segment; add a retired segment. Both return 0 or a SEGREG_E_* code. */
int ctl_blame_begin(const struct ctl *ctl, struct ctl_blame *blame);
int ctl_blame_add(const struct ctl *ctl, struct ctl_blame *blame, const struct segreg_info *info, uint64_t bytes);
void ctl_blame_free(struct ctl_blame *blame);

/* The one whose process's end would give most back; NULL if nobody holds anything. */
const struct ctl_culprit *ctl_blame_find_worst(const struct ctl_blame *blame);

#endif /* CTL_BLAME_H */
