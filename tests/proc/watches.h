/*
 * watches.h - a watch, and how a test waits for it.
 */
#ifndef WATCHES_H
#define WATCHES_H

#include "harness.h"
#include "holds.h"

#include <poll.h>
#include <sys/wait.h>

static inline bool is_readable(const struct segreg_watch *watch)
{
	struct pollfd p = { .fd = watch->fd, .events = POLLIN };

	return T_SYS(poll(&p, 1, 0)) == 1;
}

/* A watch that misses its event hangs here, until the runner ends the test. */
static inline void await(const struct segreg_watch *watch)
{
	struct pollfd p = { .fd = watch->fd, .events = POLLIN };

	T_EQ(poll(&p, 1, -1), 1);
	T_EQ(p.revents, POLLIN);
}

static inline struct segreg_watch watch_for(struct segreg *reg, unsigned what)
{
	struct segreg_watch watch;

	T_OK(segreg_watch(reg, what, &watch));
	return watch;
}

/* Another handle's death or arrival may ring as well: take what is there. */
static inline void expect_ring(struct segreg *reg, const struct segreg_watch *watch)
{
	await(watch);
	T_CHECK(is_readable(watch)); /* looking takes nothing away */
	T_OK(segreg_watch_clear(reg, watch));
	T_CHECK(!is_readable(watch));
}

static unsigned rings;

static inline void count_ring(void *arg, const char *point)
{
	(void)arg;
	(void)point;
	rings++;
	t_at_point("ring.rung", 1, count_ring, NULL);
}

static inline void count_rings(void)
{
	rings = 0;
	t_at_point("ring.rung", 1, count_ring, NULL);
}

static inline int do_wait(struct peer_self *self, void *arg)
{
	uint64_t *version = arg;

	return segreg_wait(self->reg, *version, -1, version);
}

#endif
