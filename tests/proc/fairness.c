/*
 * fairness.c - a process that commits again and again keeps no other process out of the commit lock.
 *
 * A register rides along with another process's commit. A reservation, an unregistering and a sweep take the commit
 * lock themselves. What is counted is the other process's calls while they wait, and not time.
 */
#include "harness.h"
#include "peer.h"

#include <sched.h>
#include <sys/mman.h>

#define ROUNDS 40
#define MOST 100 /* calls of the other process during one wait; beside an unfair lock some waits see hundreds */

static uint64_t *calls; /* of the other process, in memory that both share */

/* Commit again and again, until there is a file "enough". */
static int commit_on(struct peer_self *self, void *arg)
{
	int rc = 0;

	(void)arg;
	while (!rc && !t_exists(&self->world, "enough")) {
		rc = segreg_register(self->reg, 1, "seg-1");
		if (!rc)
			rc = segreg_force_remove(self->reg, 1, SEGREG_FORCE);
		__atomic_add_fetch(calls, 1, __ATOMIC_SEQ_CST);
	}
	return rc;
}

static void reserve_beside_commits(void)
{
	struct t_world w = t_world(T_DISK);
	struct segreg *reg = t_open(&w);
	struct peer *busy;

	calls = mmap(NULL, sizeof(*calls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	T_CHECK(calls != MAP_FAILED);
	busy = peer_start(&w, PEER_PROCESS);
	t_make_segment(&w, 1);
	T_OK(peer_open(busy));
	peer_begin(busy, commit_on, NULL, 0);
	while (__atomic_load_n(calls, __ATOMIC_SEQ_CST) < 100)
		sched_yield();
	for (uint64_t id = 100; id < 100 + ROUNDS; id++) {
		uint64_t before = __atomic_load_n(calls, __ATOMIC_SEQ_CST);

		T_OK(segreg_reserve(reg, id, t_segment(id)));
		T_CHECK(__atomic_load_n(calls, __ATOMIC_SEQ_CST) - before <= MOST);
		T_OK(segreg_unreserve(reg, id));
	}
	t_make_file(&w, "enough", 0);
	T_OK(peer_end(busy, NULL));
	munmap(calls, sizeof(*calls));
	t_close(reg);
}

T_SUITE(fairness,
	{ "a reservation waits for few commits of a process that commits again and again", reserve_beside_commits });
