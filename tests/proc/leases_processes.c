/*
 * leases_processes.c - leases outlive the process that put them; others see each change; some die while they put one.
 */
#include "harness.h"
#include "leases.h"
#include "peer.h"

#include <string.h>

static void outlives_its_process_and_a_restart(void)
{
	struct t_world w = t_world(T_DISK);
	struct segreg *reg = t_open(&w);
	struct leases before;

	t_add(&w, reg, 1);
	T_OK(put_floor(reg, "backup", SEGREG_LEASE_NOW));
	before = leases_of(reg);
	T_OK(segreg_retire(reg, 1));
	t_close(reg); /* the last process: the shared memory goes */
	reg = t_open(&w);
	T_EQ(t_sweep(reg).held, 1);
	T_CHECK(memcmp(&before, &(struct leases[]){ leases_of(reg) }[0], sizeof(before)) == 0);
	T_OK(segreg_lease_drop(reg, "backup"));
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

static int do_put(struct peer_self *self, void *arg)
{
	return put_floor(self->reg, arg, SEGREG_LEASE_NOW);
}

static int do_drop(struct peer_self *self, void *arg)
{
	return segreg_lease_drop(self->reg, arg);
}

/* Another process has read the leases, and sees each change of this one at its next sweep. */
static void each_process_sees_each_change(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *sweeper = peer_start(&w, PEER_PROCESS);
	struct segreg_sweep_result result = { .size = sizeof(result) };
	char name[] = "a";

	T_OK(peer_open(sweeper));
	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	T_OK(put_listed(reg, "b", 2));
	T_OK(peer_call(sweeper, do_put, name, sizeof(name)));
	T_OK(segreg_retire(reg, 1));
	T_OK(segreg_retire(reg, 2));
	T_OK(peer_sweep(sweeper, &result));
	T_EQ(result.held, 2);
	T_EQ(t_sweep(reg).held, 2);
	T_OK(peer_call(sweeper, do_drop, name, sizeof(name)));
	T_EQ(t_sweep(reg).deleted, 1);
	T_OK(segreg_lease_drop(reg, "b"));
	T_OK(peer_sweep(sweeper, &result));
	T_EQ(result.deleted, 1);
	peer_exit(sweeper);
	t_close(reg);
}

/* A sweep that has begun before a lease was put asks for leases in the hold of the lock in which it decides. */
static void put_while_a_sweep_decides(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *sweeper = peer_start(&w, PEER_PROCESS);

	T_OK(peer_open(sweeper));
	t_add(&w, reg, 1);
	T_OK(segreg_retire(reg, 1));
	peer_run_to(sweeper, "sweep.queued", peer_do_sweep, NULL, 0);
	T_OK(put_listed(reg, "late", 1));
	peer_go_on(sweeper);
	T_OK(peer_end(sweeper, NULL));
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	T_CHECK(t_exists(&w, "seg-1/data"));
	peer_exit(sweeper);
	t_close(reg);
}

static void killed_while_putting(void)
{
	static const char *const points[] = { "lease.written", "change.committing", "change.durable",
					      "change.applied" };

	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
		struct t_world w = t_world(T_MEMORY);
		struct segreg *reg = t_open(&w);
		struct peer *peer = peer_start(&w, PEER_PROCESS);
		char name[] = "dead";

		t_add(&w, reg, 1);
		T_OK(peer_open(peer));
		peer_run_to(peer, points[i], do_put, name, sizeof(name));
		peer_kill(peer);
		T_OK(segreg_retire(reg, 1));
		T_EQ(leases_of(reg).n, i >= 2);
		T_EQ(t_sweep(reg).deleted, i < 2);
		T_EQ(t_state(reg, 1), i < 2 ? SEGREG_E_NOENT : (int)SEGREG_PENDING);
		t_close(reg);
	}
}

T_SUITE(leases_processes, { "a lease outlives its process and a restart", outlives_its_process_and_a_restart },
	{ "each process sees each change of a lease", each_process_sees_each_change },
	{ "a lease that is put while a sweep runs counts", put_while_a_sweep_decides },
	{ "a process that is killed while it puts a lease", killed_while_putting });
