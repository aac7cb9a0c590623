/*
 * look.c - the first sweep's look for missing files.
 */
#include "harness.h"
#include "world.h"

#include <stdio.h>
#include <unistd.h>

#define MANY 300u /* more than the look takes at once */

struct seen {
	struct segreg *reg;
	uint64_t missing, deleted;
};

static void add_many(struct t_world *w, struct segreg *reg)
{
	struct segreg_edit *edit;

	T_OK(segreg_edit_begin(reg, &edit));
	for (unsigned id = 1; id <= MANY; id++) {
		char path[32];

		snprintf(path, sizeof(path), "f%u", id);
		t_make_file(w, path, 0);
		T_OK(segreg_edit_add(edit, id, path));
	}
	T_OK(segreg_edit_commit(edit, NULL));
}

/* Retires a segment at the first missing one: the look has then hundreds before it. */
static int retire_another(void *arg, const struct segreg_sweep_event *event)
{
	struct seen *seen = arg;

	if (event->action == SEGREG_SWEEP_MISSING && !seen->missing++)
		T_OK(segreg_retire(seen->reg, MANY));
	if (event->action == SEGREG_SWEEP_DELETED) {
		T_EQ(event->id, MANY);
		T_EQ(seen->missing, 1);
		seen->deleted++;
	}
	return 0;
}

static void in_no_way(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct seen seen = { .reg = reg };
	struct segreg_sweep_options options = { .size = sizeof(options), .fn = retire_another, .arg = &seen };
	struct segreg_sweep_result result = SEGREG_SWEEP_RESULT_INIT;

	add_many(&w, reg);
	T_EQ(unlink(t_path(&w, "f1")), 0);
	T_EQ(unlink(t_path(&w, "f%u", MANY - 1)), 0);
	T_OK(segreg_sweep(reg, &options, &result));
	T_EQ(seen.deleted, 1);
	T_EQ(result.deleted, 1);
	T_EQ(seen.missing, 2);
	T_EQ(t_stats(reg).missing, 2);
	T_CHECK(!t_exists(&w, "f300"));
	T_EQ(t_sweep(reg).deleted, 0);
	T_EQ(t_stats(reg).missing, 2);
	t_close(reg);
}

static int wake_again(void *arg, const struct segreg_sweep_event *event)
{
	if (event->action == SEGREG_SWEEP_MISSING)
		T_OK(segreg_sweep_wake(arg));
	return 0;
}

static void goes_on(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_sweep_options options = { .size = sizeof(options), .fn = wake_again, .arg = reg };

	add_many(&w, reg);
	T_EQ(unlink(t_path(&w, "f1")), 0);
	T_EQ(unlink(t_path(&w, "f%u", MANY)), 0);
	T_OK(segreg_sweep(reg, &options, NULL));
	T_EQ(t_stats(reg).missing, 2);
	t_close(reg);
}

T_SUITE(look, { "what is retired during the look for missing files is deleted before the look ends", in_no_way },
	{ "a look that is interrupted goes on where it was", goes_on });
