/*
 * lists.c - lists of segments: of some ids in their order, and of a registry whose slots are mostly free.
 */
#include "harness.h"
#include "world.h"

#include <stdio.h>

#define MANY 3000u /* more slots than one hold of the lock looks at */

struct seen {
	uint64_t ids[8];
	size_t n, end;
};

static int see(void *arg, const struct segreg_info *info)
{
	struct seen *seen = arg;

	if (seen->n < 8)
		seen->ids[seen->n] = info->id;
	return ++seen->n == seen->end ? 77 : 0;
}

static void in_their_order(void)
{
	static const uint64_t asked[] = { 5, 99, 1, 3, 1, 0, UINT64_MAX };
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct seen seen = { .n = 0 };

	for (uint64_t id = 1; id <= 5; id++)
		t_add(&w, reg, id);
	T_OK(segreg_list_many(reg, asked, 7, see, &seen));
	T_EQ(seen.n, 4);
	T_EQ(seen.ids[0], 5);
	T_EQ(seen.ids[1], 1);
	T_EQ(seen.ids[2], 3);
	T_EQ(seen.ids[3], 1);
	seen = (struct seen){ .end = 2 };
	T_EQ(segreg_list_many(reg, asked, 7, see, &seen), 77);
	T_EQ(seen.n, 2);
	T_OK(segreg_list_many(reg, NULL, 0, see, &seen));
	T_EQ(seen.n, 2);
	t_close(reg);
}

/* Registers MANY paths in one edit, and forgets all but the last. */
static void leave_the_last(struct t_world *w, struct segreg *reg)
{
	struct segreg_edit *edit;

	t_make_file(w, "file", 0);
	T_OK(segreg_edit_begin(reg, &edit));
	for (uint64_t id = 1; id <= MANY; id++) {
		char path[32];

		snprintf(path, sizeof(path), "f%u", (unsigned)id);
		t_make_file(w, path, 0);
		T_OK(segreg_edit_add(edit, id, path));
	}
	T_OK(segreg_edit_commit(edit, NULL));
	for (uint64_t id = 1; id < MANY; id++)
		T_OK(segreg_force_remove(reg, id, 0));
}

static void behind_free_slots(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	uint64_t ids[MANY];
	struct seen seen = { .n = 0 };

	leave_the_last(&w, reg);
	T_OK(segreg_list(reg, see, &seen));
	T_EQ(seen.n, 1);
	T_EQ(seen.ids[0], MANY);
	seen.n = 0;
	for (unsigned i = 0; i < MANY; i++)
		ids[i] = i + 1;
	T_OK(segreg_list_many(reg, ids, MANY, see, &seen));
	T_EQ(seen.n, 1);
	T_OK(segreg_retire(reg, MANY));
	seen.n = 0;
	T_OK(segreg_list_retired(reg, see, &seen));
	T_EQ(seen.n, 1);
	t_close(reg);
}

T_SUITE(lists,
	{ "segments are listed in the order of the ids that are asked for, without unknown ones", in_their_order },
	{ "a list finds what lies behind thousands of free slots", behind_free_slots });
