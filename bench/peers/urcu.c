/*
 * urcu.c - liburcu: a read-side critical section (flavour memb: the writer pays by membarrier(2)) around a look at a shared
 * pointer. In one process, and a reader must not linger: it holds everything that is retired.
 */
#define _LGPL_SOURCE /* the inlined functions; liburcu's word for it */
#include <urcu/urcu-memb.h>

#include "peer.h"

static uint64_t *shared;

static void *start(const struct peer_ids *ids)
{
	static uint64_t thing;

	(void)ids;
	urcu_memb_register_thread();
	shared = &thing;
	return &shared;
}

static void use(void *state, const struct peer_ids *ids, size_t count)
{
	(void)state;
	(void)ids;
	for (size_t i = 0; i < count; i++) {
		urcu_memb_read_lock();
		bench_keep(*rcu_dereference(shared));
		urcu_memb_read_unlock();
	}
}

static void stop(void *state)
{
	(void)state;
	urcu_memb_unregister_thread();
}

const struct peer peer_urcu = { "liburcu read-side section", start, use, stop, NULL };
