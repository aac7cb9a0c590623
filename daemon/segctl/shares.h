/*
 * shares.h - what the processes of each user, or of each unit, hold together.
 */
#ifndef CTL_SHARES_H
#define CTL_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segctl/look.h"

struct ctl_share {
	char name[128];
	uint64_t processes;
	struct ctl_sum held;
	uint64_t alone; /* bytes of that which no living process of another user or unit holds */
};

/*
 * *shares becomes an array to be freed, the largest first: of units, or else of users. A process without a unit has the
 * name "-". Returns 0 or SEGREG_E_NOMEM.
 */
int ctl_shares_find(const struct ctl_look *look, bool by_unit, struct ctl_share **shares, size_t *n);

#endif /* CTL_SHARES_H */
