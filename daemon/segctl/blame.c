/*
 * blame.c - which handles keep disk space of retired segments.
 *
 * The bytes of a segment count in full for each handle that holds it. The end of one process gives them back if all
 * handles that hold the segment are handles of that process.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "segreg.h"
#include "segctl/blame.h"
#include "segctl/ctl.h"

static int add_handle(void *arg, const struct segreg_holder *holder)
{
	struct ctl_blame *blame = arg;
	struct ctl_culprit *culprit;

	if (blame->n == blame->room) {
		size_t room = blame->room ? 2 * blame->room : 64;
		void *more = reallocarray(blame->culprits, room, sizeof *blame->culprits);

		if (!more)
			return SEGREG_E_NOMEM;
		blame->culprits = more;
		blame->room = room;
	}
	culprit = &blame->culprits[blame->n++];
	*culprit = (struct ctl_culprit){ .holder = *holder };
	snprintf(culprit->label, sizeof culprit->label, "%s", holder->label);
	culprit->holder.label = NULL;
	return 0;
}

int ctl_blame_begin(const struct ctl *ctl, struct ctl_blame *blame)
{
	*blame = (struct ctl_blame){ .n = 0 };
	return segreg_lanes(ctl->reg, add_handle, blame);
}

/* The handles of one segment. */
struct hold {
	struct ctl_blame *blame;
	bool *holds; /* by the index of the handle in blame */
};

static int note_hold(void *arg, const struct segreg_holder *holder)
{
	struct hold *hold = arg;

	for (size_t i = 0; i < hold->blame->n; i++) {
		const struct segreg_holder *known = &hold->blame->culprits[i].holder;

		if (known->lane == holder->lane && known->epoch == holder->epoch)
			hold->holds[i] = true;
	}
	return 0; /* a handle that came later does not keep what was retired before */
}

static bool is_same_process(const struct segreg_holder *a, const struct segreg_holder *b)
{
	return a->is_foreign || b->is_foreign ? a->lane == b->lane && a->epoch == b->epoch : a->pid == b->pid;
}

static bool is_one_process(const struct ctl_blame *blame, const bool *holds)
{
	const struct segreg_holder *first = NULL;

	for (size_t i = 0; i < blame->n; i++) {
		const struct segreg_holder *holder = &blame->culprits[i].holder;

		if (!holds[i])
			continue;
		if (first && !is_same_process(first, holder))
			return false;
		first = holder;
	}
	return first != NULL;
}

int ctl_blame_add(const struct ctl *ctl, struct ctl_blame *blame, const struct segreg_info *info, uint64_t bytes)
{
	struct hold hold = { .blame = blame, .holds = calloc(blame->n + 1, sizeof *hold.holds) };
	int code = hold.holds ? segreg_holders(ctl->reg, info->id, note_hold, &hold) : SEGREG_E_NOMEM;
	bool alone = !code && is_one_process(blame, hold.holds);

	for (size_t i = 0; i < blame->n && !code; i++) {
		struct ctl_culprit *culprit = &blame->culprits[i];

		if (!hold.holds[i])
			continue;
		culprit->segments++;
		culprit->held += bytes;
		culprit->alone += alone ? bytes : 0;
		if (!culprit->since || info->retired_at < culprit->since)
			culprit->since = info->retired_at;
	}
	free(hold.holds);
	return code == SEGREG_E_NOENT ? 0 : code; /* deleted meanwhile */
}

const struct ctl_culprit *ctl_blame_find_worst(const struct ctl_blame *blame)
{
	const struct ctl_culprit *worst = NULL;

	for (size_t i = 0; i < blame->n; i++) {
		const struct ctl_culprit *culprit = &blame->culprits[i];

		if (!culprit->segments)
			continue;
		if (!worst || culprit->alone > worst->alone ||
		    (culprit->alone == worst->alone && culprit->held > worst->held))
			worst = culprit;
	}
	return worst;
}

void ctl_blame_free(struct ctl_blame *blame)
{
	free(blame->culprits);
}
