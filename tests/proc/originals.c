/*
 * originals.c - faults that a segment registry inside one process is prone to, and that must not come back.
 */
#include "fault.h"
#include "harness.h"
#include "peer.h"

#include <errno.h>

/* Everybody who knew is gone, in an orderly way or not. */
static void restart(enum peer_kind kind)
{
	struct t_world w = t_world(T_DISK);
	struct peer *peer = peer_start(&w, kind);
	struct segreg *reg;

	T_OK(peer_open(peer));
	t_make_segment(&w, 1);
	t_make_segment(&w, 2);
	T_OK(peer_register(peer, 1, "seg-1"));
	T_OK(peer_register(peer, 2, "seg-2"));
	T_OK(peer_pin(peer, 1));
	T_OK(peer_retire(peer, 1));
	if (kind == PEER_PROCESS)
		peer_kill(peer);
	else
		peer_exit(peer);
	reg = t_open(&w);
	T_EQ(t_stats(reg).starts, 2);
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	T_EQ(t_state(reg, 2), SEGREG_LIVE);
	T_EQ(t_sweep(reg).deleted, 1);
	T_CHECK(!t_exists(&w, "seg-1"));
	T_CHECK(t_exists(&w, "seg-2/data"));
	t_close(reg);
}

static void retired_before_a_restart(void)
{
	restart(PEER_THREAD);
}

static void retired_before_a_kill(void)
{
	restart(PEER_PROCESS);
}

static void failed_delete(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_sweep_result swept;

	t_make_dir(&w, "seg-1", 100000);
	uint64_t usage = t_disk_usage(&w, "seg-1");
	T_OK(segreg_register(reg, 1, "seg-1"));
	T_OK(segreg_retire(reg, 1));
	t_fail_call("unlinkat", 0, EACCES);
	swept = t_sweep(reg);
	t_fail_call(NULL, 0, 0);
	T_EQ(swept.deleted + swept.bytes_freed, 0);
	T_EQ(swept.failed, 1);
	T_EQ(t_stats(reg).deleted + t_stats(reg).bytes_freed, 0);
	T_EQ(t_stats(reg).deleting, 1);
	t_close(reg);
	reg = t_open(&w); /* the failure is remembered */
	T_EQ(t_state(reg, 1), SEGREG_DELETING);
	T_EQ(t_info(reg, 1).error, EACCES);
	T_EQ(t_sweep(reg).waiting, 1);
	t_clock_forward(2000);
	swept = t_sweep(reg);
	T_EQ(swept.deleted, 1);
	T_EQ(swept.bytes_freed, usage);
	T_EQ(t_stats(reg).deleted, 1);
	T_CHECK(!t_exists(&w, "seg-1"));
	T_EQ(t_count_entries(&w, T_TRASH), 0);
	t_close(reg);
}

/* Nobody can be waited for where everybody else stands still: a call that waits ends with SEGREG_E_TIMEDOUT. */
static void pin_while_sweeper_stands(const char *point)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *sweeper = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open_with(&w, (struct segreg_open_options){ .timeout_ms = 1 });
	struct segreg_pin pin;

	T_OK(peer_open(sweeper));
	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	T_OK(segreg_retire(reg, 1));
	peer_run_to(sweeper, point, peer_do_sweep, NULL, 0);
	for (int i = 0; i < 1000; i++) {
		T_OK(segreg_pin(reg, 2, 0, &pin));
		T_OK(segreg_unpin(reg, &pin));
		T_ERR(SEGREG_E_NOENT, segreg_pin(reg, 1, 0, &pin));
	}
	peer_go_on(sweeper);
	T_OK(peer_end(sweeper, NULL));
	T_EQ(t_state(reg, 1), SEGREG_E_NOENT);
	t_close(reg);
}

static void pin_during_long_delete(void)
{
	pin_while_sweeper_stands("trash.renamed");
	pin_while_sweeper_stands("sweep.removed");
}

static void pin_during_commit(void)
{
	pin_while_sweeper_stands("change.committing");
	pin_while_sweeper_stands("change.durable");
}

static void write_during_long_delete(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *sweeper = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);

	T_OK(peer_open(sweeper));
	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	T_EQ(t_sweep(reg).deleted, 0); /* the first sweep also looks for missing files, and sweeps again meanwhile */
	T_OK(segreg_retire(reg, 1));
	peer_run_to(sweeper, "trash.renamed", peer_do_sweep, NULL, 0);
	t_add(&w, reg, 3);
	T_OK(segreg_retire(reg, 2));
	T_ERR(SEGREG_E_BUSY, segreg_sweep(reg, NULL, NULL));
	peer_go_on(sweeper);
	T_OK(peer_end(sweeper, NULL));
	T_EQ(t_state(reg, 1), SEGREG_E_NOENT);
	T_EQ(t_state(reg, 2), SEGREG_PENDING);
	T_EQ(t_state(reg, 3), SEGREG_LIVE);
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

static int count_id(void *arg, const struct segreg_info *info)
{
	*(unsigned *)arg += info->id == 1;
	return 0;
}

static unsigned times_listed(struct segreg *reg)
{
	unsigned n = 0;

	T_OK(segreg_list(reg, count_id, &n));
	return n;
}

static void registering_a_pending_id(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *sweeper = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);

	T_OK(peer_open(sweeper));
	t_add(&w, reg, 1);
	t_make_dir(&w, "new", 100);
	T_OK(segreg_retire(reg, 1));
	T_ERR(SEGREG_E_EXISTS, segreg_register(reg, 1, "seg-1"));
	T_ERR(SEGREG_E_EXISTS, segreg_register(reg, 1, "new"));
	T_EQ(segreg_is_live(reg, 1), 0);
	T_EQ(times_listed(reg), 1);
	peer_run_to(sweeper, "sweep.removed", peer_do_sweep, NULL, 0);
	T_ERR(SEGREG_E_EXISTS, segreg_register(reg, 1, "new"));
	peer_go_on(sweeper);
	T_OK(peer_end(sweeper, NULL));
	T_OK(segreg_register(reg, 1, "new"));
	T_EQ(segreg_is_live(reg, 1), 1);
	T_EQ(times_listed(reg), 1);
	T_EQ(t_stats(reg).pending + t_stats(reg).deleting, 0);
	T_EQ(t_sweep(reg).deleted, 0);
	T_CHECK(t_exists(&w, "new/data"));
	t_close(reg);
}

static void retiring_an_unknown_id(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	T_ERR(SEGREG_E_NOENT, segreg_retire(reg, 1));
	T_EQ(t_stats(reg).pending, 0);
	T_EQ(t_stats(reg).version, 0);
	T_EQ(times_listed(reg), 0);
	t_add(&w, reg, 1);
	for (int i = 0; i < 2; i++) {
		T_EQ(t_state(reg, 1), SEGREG_LIVE);
		T_EQ(t_sweep(reg).deleted, 0);
		T_CHECK(t_exists(&w, "seg-1/data"));
		t_close(reg);
		reg = t_open(&w);
	}
	t_close(reg);
}

T_SUITE(originals, { "a segment retired before a restart is still deleted", retired_before_a_restart },
	{ "a segment retired before everybody was killed is still deleted", retired_before_a_kill },
	{ "a deletion that failed is tried again, and counted once and only when done", failed_delete },
	{ "a pin during a long deletion does not wait", pin_during_long_delete },
	{ "a pin during a sweeper's commit does not wait", pin_during_commit },
	{ "registering and retiring during a long deletion do not wait", write_during_long_delete },
	{ "an id that is pending is not live again before it is gone", registering_a_pending_id },
	{ "retiring an unknown id leaves nothing behind", retiring_an_unknown_id });
