/*
 * look.h - one look at what retired segments keep, and at the handles and processes that hold them.
 *
 * Segments that the same handles hold are one group. A look keeps groups, and of the segments only the largest. Its
 * time grows with the number of segments and of holds, its memory with the number of holds and groups.
 */
#ifndef CTL_LOOK_H
#define CTL_LOOK_H

#include "segctl/ctl.h"
#include "segctl/look_state.h"

struct ctl_look_options {
	size_t n_rows;    /* keep that many of the largest segments; SIZE_MAX: all */
	int64_t pid;      /* only segments that this process holds; 0: all */
	const char *user; /* only segments that a process of this user holds, by name or number; NULL: all */
	int64_t older;    /* only segments that were retired that many nanoseconds ago; 0: all */
	/* Called for each segment; NULL: not. Anything but 0 ends the look, and is its result. */
	int (*fn)(void *arg, const struct ctl_look *look, const struct ctl_kept *kept);
	void *arg;
};

/* Look. Returns 0 or a SEGREG_E_* code. Call ctl_look_free in either case. */
int ctl_look(const struct ctl *ctl, const struct ctl_look_options *options, struct ctl_look *look);
void ctl_look_free(struct ctl_look *look);

/* Add one segment. */
void ctl_sum_add(struct ctl_sum *sum, const struct segreg_info *info, uint64_t bytes, bool is_measured);
void ctl_sum_merge(struct ctl_sum *sum, const struct ctl_sum *more);

#endif /* CTL_LOOK_H */
