/*
 * shares.c - what the processes of each user, or of each unit, hold together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "segctl/process.h"
#include "segctl/shares.h"

struct named {
	char name[128];
	uint32_t process;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static int by_held(const void *a, const void *b)
{
	const struct ctl_share *x = a, *y = b;

	if (x->held.bytes != y->held.bytes)
		return x->held.bytes < y->held.bytes ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void name_process(const struct ctl_look *look, uint32_t number, bool by_unit, struct named *named)
{
	const struct segreg_holder *holder = &look->handles[look->order[look->holders[number].first]].holder;
	struct ctl_process process;

	named->process = number;
	if (by_unit && look->holders[number].is_lease) {
		snprintf(named->name, sizeof named->name, "(leases)");
	} else if (by_unit) {
		ctl_process_find(holder, &process);
		snprintf(named->name, sizeof named->name, "%s", *process.unit ? process.unit : "-");
	} else {
		ctl_process_find_user(holder->uid, named->name);
	}
}

/* Give each share of a set of processes what the set holds. seen is scratch, and empty again at the end. */
static void add_group(const struct ctl_look *look, uint32_t number, const uint32_t *share_of, struct ctl_share *shares,
		      uint64_t *seen)
{
	const uint64_t *set = ctl_sets_get(&look->process_sets, number);
	const struct ctl_sum *sum = &look->process_groups[number];
	struct ctl_share *living = NULL;
	bool is_shared = false;
	size_t i;

	CTL_SET_EACH(i, set, look->process_sets.words)
	{
		struct ctl_share *share = &shares[share_of[i]];

		if (!look->holders[i].is_dead) {
			is_shared |= living && living != share;
			living = share;
		}
		if (!ctl_set_has(seen, share_of[i]))
			ctl_sum_merge(&share->held, sum);
		ctl_set_add(seen, share_of[i]);
	}
	if (living && !is_shared)
		living->alone += sum->bytes;
	CTL_SET_EACH(i, set, look->process_sets.words)
	seen[share_of[i] / 64] = 0;
}

int ctl_shares_find(const struct ctl_look *look, bool by_unit, struct ctl_share **shares, size_t *n)
{
	struct named *named = calloc(look->n_holders + 1, sizeof *named);
	uint32_t *share_of = calloc(look->n_holders + 1, sizeof *share_of);
	uint64_t *seen = calloc(look->n_holders / 64 + 1, sizeof *seen);

	*n = 0;
	*shares = calloc(look->n_holders + 1, sizeof **shares);
	if (!named || !share_of || !seen || !*shares) {
		free(named);
		free(share_of);
		free(seen);
		return SEGREG_E_NOMEM;
	}
	for (uint32_t i = 0; i < look->n_holders; i++)
		name_process(look, i, by_unit, &named[i]);
	if (look->n_holders)
		qsort(named, look->n_holders, sizeof *named, by_name);
	for (size_t i = 0; i < look->n_holders; i++) {
		if (!i || strcmp(named[i - 1].name, named[i].name) != 0)
			snprintf((*shares)[(*n)++].name, sizeof(*shares)->name, "%s", named[i].name);
		(*shares)[*n - 1].processes += look->holders[named[i].process].held.segments != 0;
		share_of[named[i].process] = (uint32_t)(*n - 1);
	}
	for (uint32_t number = 1; number < look->process_sets.n; number++)
		add_group(look, number, share_of, *shares, seen);
	if (*n)
		qsort(*shares, *n, sizeof **shares, by_held);
	while (*n && !(*shares)[*n - 1].held.segments)
		--*n;
	free(named);
	free(share_of);
	free(seen);
	return 0;
}
