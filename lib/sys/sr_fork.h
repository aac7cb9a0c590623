/*
 * sr_fork.h - how a process knows that it is another one than it was.
 *
 * One private page is marked MADV_WIPEONFORK: in a child, even of a bare clone(2), it reads as zero. It holds the
 * number of this process among its forks; what belongs to one process keeps the number it was made under.
 */
#ifndef SR_FORK_H
#define SR_FORK_H

#include "sys/sr_atomic.h"

extern const uint64_t *sr_fork_page;

/* Set up the page; idempotent, under the caller's lock. 0 or SEGREG_E_NOMEM. */
int sr_fork_init(void);

/* 0 in a child that has not called sr_fork_arrive. */
static inline uint64_t sr_fork_generation(void)
{
	return sr_load_acquire_u64(sr_fork_page);
}

/* Whether this is a child of a bare clone(2), whose handlers nobody ran. */
static inline bool sr_fork_inherited(void)
{
	return !sr_fork_generation();
}

/* In a child: give it its own number. */
void sr_fork_arrive(void);

#endif
