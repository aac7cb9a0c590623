/*
 * urcu.c - liburcu: a read-side critical section around a read of a shared pointer. In the flavour memb the writer
 * pays, with membarrier(2). It works inside one process. A reader must be short, since it holds everything that is
 * retired meanwhile.
 */
#define _LGPL_SOURCE /* liburcu then inlines its functions */
#include <urcu/urcu-memb.h>

#include "common/measure.h"
#include "peers/peer.h"

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
		measure_keep(*rcu_dereference(shared));
		urcu_memb_read_unlock();
	}
}

static void stop(void *state)
{
	(void)state;
	urcu_memb_unregister_thread();
}

const struct peer peer_urcu = { "liburcu read-side section", start, use, stop, NULL };
