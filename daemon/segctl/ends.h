/*
 * ends.h - which processes to end, so that few ends give much back.
 */
#ifndef CTL_ENDS_H
#define CTL_ENDS_H

#include <stddef.h>
#include <stdint.h>

#include "segctl/look.h"

/* One step: more processes end, and then all that ended until then give freed bytes back. */
struct ctl_end {
	size_t first, n; /* its processes in ctl_ends.holders */
	uint64_t freed;
};

struct ctl_ends {
	struct ctl_end *steps;
	size_t n;
	uint32_t *holders; /* indexes of ctl_look.holders */
	uint64_t dead;     /* bytes that come back with the next sweep, since their holders are dead */
};

/*
 * Find the steps. They end when nine tenths of what living processes hold come back. Returns 0 or SEGREG_E_NOMEM.
 */
int ctl_ends_find(const struct ctl_look *look, struct ctl_ends *ends);
void ctl_ends_free(struct ctl_ends *ends);

#endif /* CTL_ENDS_H */
