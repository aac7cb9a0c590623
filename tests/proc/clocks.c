/*
 * clocks.c - CLOCK_REALTIME is a year ahead, a year behind, or jumps: nothing waits for it longer than it should.
 */
#include "fault.h"
#include "harness.h"
#include "peer.h"
#include "world.h"
#include "sys/sr_sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define YEAR_MS ((int64_t)365 * 86400 * 1000)
#define MS ((int64_t)1000000)
#define GRACE_MS 60000

static struct segreg_sweep_result sweep_with(struct segreg *reg, unsigned flags, uint64_t grace_ms)
{
	struct segreg_sweep_options options = { .size = sizeof(options), .flags = flags, .grace_ms = grace_ms };
	struct segreg_sweep_result result = { .size = sizeof(result) };

	T_OK(segreg_sweep(reg, &options, &result));
	return result;
}

/* As cron does it: each sweep builds the shared memory anew. */
static struct segreg *reopen(const struct t_world *w, struct segreg *reg)
{
	t_close(reg);
	return t_open(w);
}

/* ---------------------------------------------------------------- back-off */

static struct segreg *fail_once(struct t_world *w)
{
	struct segreg *reg = t_open(w);

	t_add(w, reg, 1);
	T_OK(segreg_retire(reg, 1));
	t_fail_call("unlinkat", 1, EACCES);
	T_EQ(t_sweep(reg).failed, 1);
	return reg;
}

static void back_off_noted_ahead(void)
{
	for (int reopened = 0; reopened < 2; reopened++) {
		struct t_world w = t_world(T_MEMORY);
		struct segreg *reg;

		t_clock_forward(2 * YEAR_MS);
		reg = fail_once(&w);
		t_clock_forward(-2 * YEAR_MS);
		if (reopened)
			reg = reopen(&w, reg);
		T_CHECK(t_info(reg, 1).retry_at <= sr_sys_realtime());
		T_EQ(t_sweep(reg).deleted, 1);
		t_close(reg);
	}
}

/* A little is believed: less than the pause itself. */
static void back_off_is_believed(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = fail_once(&w);
	struct segreg_sweep_result swept = t_sweep(reg);

	T_EQ(swept.waiting, 1);
	T_CHECK(swept.next_at > sr_sys_realtime() && swept.next_at <= sr_sys_realtime() + 1000 * MS);
	t_clock_forward(YEAR_MS);
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

static void retry_now(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = fail_once(&w);

	T_EQ(t_sweep(reg).waiting, 1);
	T_EQ(sweep_with(reg, SEGREG_SWEEP_RETRY_NOW | SEGREG_SWEEP_DRY_RUN, 0).deleted, 1);
	T_EQ(t_state(reg, 1), SEGREG_DELETING);
	T_EQ(sweep_with(reg, SEGREG_SWEEP_RETRY_NOW, 0).deleted, 1);
	t_close(reg);
}

/* ---------------------------------------------------------------- grace */

/* The grace is whole, and no longer, from the first sweep on that has the right clock. So it is if each sweep has its
 * own region. */
static void check_grace(int64_t ahead_ms, bool reopened, const char *full)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_sweep_result swept;
	char *store;

	t_add(&w, reg, 1);
	t_clock_forward(ahead_ms);
	T_OK(segreg_retire(reg, 1));
	t_clock_forward(-ahead_ms);
	store = strdup(t_path(&w, "registry/registry.mdb"));
	if (full)
		t_fail_disk(store, T_DATA_PAGES, ENOSPC);
	for (int64_t left_ms = GRACE_MS; left_ms > 0; left_ms -= GRACE_MS / 4) {
		if (reopened)
			reg = reopen(&w, reg);
		T_EQ(sweep_with(reg, SEGREG_SWEEP_DRY_RUN, GRACE_MS).waiting, 1);
		swept = sweep_with(reg, 0, GRACE_MS);
		T_EQ(swept.waiting, 1);
		T_CHECK(swept.next_at <= sr_sys_realtime() + left_ms * MS);
		T_CHECK(t_info(reg, 1).retired_at <= sr_sys_realtime());
		t_clock_forward(GRACE_MS / 4);
	}
	if (full)
		t_fail_disk(store, T_DATA_PAGES, 0);
	if (reopened)
		reg = reopen(&w, reg);
	T_EQ(sweep_with(reg, 0, GRACE_MS).deleted, 1);
	t_close(reg);
	free(store);
}

static void grace_noted_ahead(void)
{
	check_grace(YEAR_MS, false, NULL);
	check_grace(YEAR_MS, true, NULL);
	check_grace(GRACE_MS / 2, true, NULL);
}

static void grace_on_full_disk(void)
{
	check_grace(YEAR_MS, false, "full");
}

static void many_noted_ahead(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_edit *edit;
	const unsigned n = 1200;

	T_OK(segreg_edit_begin(reg, &edit));
	for (uint64_t id = 1; id <= n; id++) {
		t_make_segment(&w, id);
		T_OK(segreg_edit_add(edit, id, t_segment(id)));
	}
	t_clock_forward(YEAR_MS);
	for (uint64_t id = 1; id <= n; id++)
		T_OK(segreg_edit_retire(edit, id));
	T_OK(segreg_edit_commit(edit, NULL));
	t_clock_forward(-YEAR_MS);
	T_EQ(sweep_with(reg, 0, GRACE_MS).waiting, n);
	reg = reopen(&w, reg);
	t_clock_forward(GRACE_MS);
	T_EQ(sweep_with(reg, 0, GRACE_MS).deleted, n);
	t_close(reg);
}

static int do_sweep_with_grace(struct peer_self *self, void *arg)
{
	struct segreg_sweep_options options = { .size = sizeof(options), .grace_ms = GRACE_MS };

	(void)arg;
	return segreg_sweep(self->reg, &options, NULL);
}

static void gone_meanwhile(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *sweeper = peer_start(&w, PEER_PROCESS);

	t_add(&w, reg, 1);
	t_clock_forward(YEAR_MS);
	T_OK(segreg_retire(reg, 1));
	t_clock_forward(-YEAR_MS);
	T_OK(peer_open(sweeper));
	peer_run_to(sweeper, "ahead.found", do_sweep_with_grace, NULL, 0);
	T_OK(segreg_force_remove(reg, 1, SEGREG_FORCE));
	peer_go_on(sweeper);
	T_OK(peer_end(sweeper, NULL));
	t_add(&w, reg, 2);
	T_CHECK(t_exists(&w, "seg-1"));
	t_close(reg);
}

T_SUITE(clocks, { "a back-off that a clock noted which was ahead is over when that is set back", back_off_noted_ahead },
	{ "a back-off lasts as long as it should, and ends when the clock is set ahead", back_off_is_believed },
	{ "a sweep can be told to try again now", retry_now },
	{ "a grace begins anew, once, when the clock was set back, and ends", grace_noted_ahead },
	{ "also on a disk that takes no commit", grace_on_full_disk },
	{ "and for more segments than are corrected at once", many_noted_ahead },
	{ "a segment that is forgotten while it is corrected is left alone", gone_meanwhile });
