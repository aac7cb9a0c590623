/*
 * processes.c - processes that are killed, stopped or late, and what the others notice of it.
 */
#include "harness.h"
#include "peer.h"

#include <signal.h>
#include <stdio.h>

/* A handle that does not wait for long. */
static struct segreg *open_impatient(const struct t_world *w)
{
	return t_open_with(w, (struct segreg_open_options){ .timeout_ms = 50 });
}

static struct peer *start(const struct t_world *w)
{
	struct peer *peer = peer_start(w, PEER_PROCESS);

	T_OK(peer_open(peer));
	return peer;
}

static struct peer_registration registration(uint64_t id)
{
	struct peer_registration r = { .id = id };

	snprintf(r.path, sizeof(r.path), "%s", t_segment(id));
	return r;
}

static void run_to(struct peer *peer, const char *point, peer_fn *fn, uint64_t id)
{
	peer_run_to(peer, point, fn, &id, sizeof(id));
}

/* ---------------------------------------------------------------- killed */

/*
 * The builder dies between the two tries of each waiter. The first waiter meets what is not finished; the second meets
 * it while the first may have the byte.
 */
static void kill_builder_at(const char *point)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *builder = peer_start(&w, PEER_PROCESS), *waiter[2];
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	t_close(reg);
	peer_run_to(builder, point, peer_do_open, NULL, 0);
	for (unsigned i = 0; i < 2; i++) {
		waiter[i] = peer_start(&w, PEER_PROCESS);
		peer_run_to(waiter[i], "attach.not_alone", peer_do_open, NULL, 0);
	}
	peer_kill(builder);
	for (unsigned i = 0; i < 2; i++)
		peer_go_on(waiter[i]);
	for (unsigned i = 0; i < 2; i++)
		T_OK(peer_end(waiter[i], NULL));
	T_OK(peer_pin(waiter[0], 1));
	reg = t_open(&w);
	T_EQ(t_stats(reg).lanes, 3);
	T_EQ(t_refcount(reg, 1), 1);
	t_close(reg);
}

static void builder(void)
{
	kill_builder_at("region.created");
	kill_builder_at("region.sized");
	kill_builder_at("attach.building");
}

static void stopped_builder(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *builder = peer_start(&w, PEER_PROCESS);
	struct segreg_open_options impatient = { .size = sizeof(impatient), .timeout_ms = 50 };
	struct segreg *reg = NULL;
	char process[32];

	t_close(t_open(&w));
	peer_run_to(builder, "attach.building", peer_do_open, NULL, 0);
	snprintf(process, sizeof(process), "process %d ", (int)peer_pid(builder));
	T_ERR(SEGREG_E_TIMEDOUT, segreg_open(w.dir, &impatient, &reg));
	T_HAS(segreg_last_error(), process);
	peer_go_on(builder);
	T_OK(peer_end(builder, NULL));
}

static void pinner(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *peer = start(&w);
	struct segreg *reg = t_open(&w);
	struct segreg_sweep_result swept;

	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	T_OK(peer_pin(peer, 1));
	T_OK(peer_pin(peer, 1));
	T_OK(peer_pin(peer, 2));
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).held, 1);
	peer_kill(peer);
	swept = t_sweep(reg);
	T_EQ(swept.deleted, 1);
	T_EQ(swept.reclaimed, 1);
	T_EQ(swept.reclaimed_pins, 3);
	T_EQ(t_refcount(reg, 2), 0);
	T_EQ(t_stats(reg).lanes, 1);
	t_close(reg);
}

/* It stands there with the commit lock, others wait for it, and then it is killed. */
static void kill_committer_at(const char *point, bool is_durable)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *committer = start(&w), *waiter = start(&w);
	struct segreg *reg = t_open(&w);
	struct peer_registration two = registration(2);
	struct segreg_pin pin, hit;

	t_add(&w, reg, 1);
	t_make_segment(&w, 2);
	T_OK(segreg_pin(reg, 1, 0, &pin));
	run_to(committer, point, peer_do_retire, 1);
	peer_begin(waiter, peer_do_register, &two, sizeof(two));
	T_OK(segreg_pin(reg, 1, 0, &hit)); /* which waits for nobody */
	T_OK(segreg_unpin(reg, &hit));
	peer_kill(committer);
	T_OK(peer_end(waiter, NULL));
	T_EQ(t_state(reg, 1), is_durable ? SEGREG_PENDING : SEGREG_LIVE);
	T_EQ(t_state(reg, 2), SEGREG_LIVE);
	T_EQ(t_stats(reg).version, is_durable ? 3 : 2);
	T_OK(segreg_unpin(reg, &pin));
	T_EQ(t_sweep(reg).deleted, is_durable);
	t_close(reg);
}

static void committer(void)
{
	kill_committer_at("edit.prepared", false);
	kill_committer_at("change.committing", false);
	kill_committer_at("change.durable", true);
	kill_committer_at("change.applied", true);
}

static int do_add_two_and_three(struct peer_self *self, void *arg)
{
	struct segreg_edit *edit;

	(void)arg;
	T_OK(segreg_edit_begin(self->reg, &edit));
	T_OK(segreg_edit_add(edit, 2, t_segment(2)));
	T_OK(segreg_edit_add(edit, 3, t_segment(3)));
	return segreg_edit_commit(edit, NULL);
}

/* Half of a commit is to be seen, and then somebody comes who only reads. */
static void committer_in_the_tables(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *peer = start(&w);
	struct segreg *reg = t_open(&w);
	struct segreg_pin pin;

	t_add(&w, reg, 1);
	t_make_segment(&w, 2);
	t_make_segment(&w, 3);
	peer_stop_at(peer, "edit.publishing", 2);
	peer_begin(peer, do_add_two_and_three, NULL, 0);
	T_CHECK(peer_stands(peer));
	peer_kill(peer);
	T_EQ(segreg_is_live(reg, 2), 1);
	T_OK(segreg_pin(reg, 3, 0, &pin));
	T_EQ(t_stats(reg).live, 3);
	T_EQ(t_stats(reg).version, 2);
	T_EQ(t_stats(reg).repairs, 1);
	t_close(reg);
}

static void kill_sweeper_at(const char *point)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *sweeper = start(&w);
	struct segreg *reg = t_open(&w);

	for (uint64_t id = 1; id <= 3; id++) {
		t_add(&w, reg, id);
		T_OK(segreg_retire(reg, id));
	}
	peer_run_to(sweeper, point, peer_do_sweep, NULL, 0);
	T_ERR(SEGREG_E_BUSY, segreg_sweep(reg, NULL, NULL));
	peer_kill(sweeper);
	T_EQ(t_sweep(reg).deleted, 3);
	for (uint64_t id = 1; id <= 3; id++)
		T_CHECK(!t_exists(&w, t_segment(id)));
	T_EQ(t_count_entries(&w, T_TRASH), 0);
	T_EQ(t_stats(reg).pending + t_stats(reg).deleting, 0);
	t_close(reg);
}

static void sweeper(void)
{
	kill_sweeper_at("sweep.decided");
	kill_sweeper_at("sweep.committed");
	kill_sweeper_at("trash.renamed");
	kill_sweeper_at("sweep.removed");
	kill_sweeper_at("sweep.synced");
}

static void everybody(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *reader = start(&w), *sweeping = start(&w), *committing = start(&w);
	struct segreg *reg = t_open(&w);
	struct peer_registration four = registration(4);

	for (uint64_t id = 1; id <= 3; id++)
		t_add(&w, reg, id);
	t_make_segment(&w, 4);
	T_OK(peer_pin(reader, 1));
	T_OK(peer_retire(committing, 1));
	T_OK(peer_retire(committing, 2));
	t_close(reg);
	peer_run_to(sweeping, "trash.renamed", peer_do_sweep, NULL, 0);
	peer_run_to(committing, "change.durable", peer_do_register, &four, sizeof(four));
	peer_kill(sweeping);
	peer_kill(committing);
	peer_kill(reader);
	reg = t_open(&w);
	T_EQ(t_stats(reg).starts, 2);
	T_EQ(t_stats(reg).lanes, 1);
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	T_EQ(t_state(reg, 2), SEGREG_DELETING);
	T_EQ(t_state(reg, 3), SEGREG_LIVE);
	T_EQ(t_state(reg, 4), SEGREG_LIVE); /* durable, though no call returned that */
	T_EQ(t_sweep(reg).deleted, 2);
	T_EQ(t_count_entries(&w, T_TRASH), 0);
	t_close(reg);
}

/* ---------------------------------------------------------------- stopped */

static void check_names_holder(struct peer *holder)
{
	char pid[32];

	snprintf(pid, sizeof(pid), "process %d", (int)peer_pid(holder));
	T_HAS(segreg_last_error(), pid);
}

static void stopped_committer(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *peer = start(&w);
	struct segreg *reg = open_impatient(&w);
	struct segreg_pin pin;

	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	run_to(peer, "change.committing", peer_do_retire, 1);
	peer_stop(peer);
	T_ERR(SEGREG_E_TIMEDOUT, segreg_retire(reg, 2));
	check_names_holder(peer);
	T_ERR(SEGREG_E_TIMEDOUT, segreg_sweep(reg, NULL, NULL));
	T_ERR(SEGREG_E_NOENT, segreg_pin(reg, 3, 0, &pin)); /* neither a hit nor a miss waits for a commit */
	T_OK(segreg_pin(reg, 1, 0, &pin));
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	peer_cont(peer);
	peer_go_on(peer);
	T_OK(peer_end(peer, NULL));
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	T_OK(segreg_retire(reg, 2));
	T_EQ(t_sweep(reg).deleted, 1);
	T_EQ(t_stats(reg).repairs, 0); /* it lived */
	t_close(reg);
}

static void stopped_in_the_tables(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *peer = start(&w);
	struct segreg *reg = open_impatient(&w), *late = NULL;
	struct segreg_open_options impatient = { .size = sizeof(impatient), .timeout_ms = 50 };
	struct segreg_pin pin, again;

	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	T_OK(segreg_pin(reg, 1, 0, &pin));
	run_to(peer, "edit.publishing", peer_do_retire, 1);
	peer_stop(peer);
	T_OK(segreg_pin(reg, 2, 0, &again)); /* a hit waits for nobody at all */
	T_OK(segreg_unpin(reg, &again));
	T_ERR(SEGREG_E_TIMEDOUT, segreg_pin(reg, 3, 0, &again));
	check_names_holder(peer);
	T_OK(segreg_open(w.dir, &impatient, &late)); /* which takes its lane without a lock */
	peer_cont(peer);
	peer_go_on(peer);
	T_OK(peer_end(peer, NULL));
	T_ERR(SEGREG_E_NOENT, segreg_pin(reg, 3, 0, &again));
	t_close(late);
	T_EQ(t_sweep(reg).held, 1);
	T_EQ(t_stats(reg).repairs, 0);
	t_close(reg);
}

static void stopped_pinner(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *peer = start(&w);
	struct segreg *reg = open_impatient(&w);

	t_add(&w, reg, 1);
	T_OK(peer_pin(peer, 1));
	T_OK(segreg_retire(reg, 1));
	peer_stop(peer);
	for (int i = 0; i < 3; i++) {
		struct segreg_sweep_result swept = t_sweep(reg);

		T_EQ(swept.held, 1);
		T_EQ(swept.reclaimed, 0);
	}
	peer_cont(peer);
	T_OK(peer_unpin(peer, 1));
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

T_SUITE(processes, { "the builder of the shared memory is killed while others wait: they build it anew", builder },
	{ "the builder of the shared memory is stopped: others time out and name it", stopped_builder },
	{ "a pinner is killed: its pins are taken back, and only its", pinner },
	{ "a committer is killed while others wait: they go on, and all or nothing is there", committer },
	{ "a committer is killed half way: one who only reads sees all of it", committer_in_the_tables },
	{ "a sweeper is killed while it deletes: the next one finishes", sweeper },
	{ "everybody is killed: what was acknowledged is there", everybody },
	{ "a process is stopped inside a commit: others time out and name it, pins do not wait", stopped_committer },
	{ "a process is stopped inside the tables: hits and openings do not wait, others time out",
	  stopped_in_the_tables },
	{ "a pinner is stopped: its pins stay", stopped_pinner });
