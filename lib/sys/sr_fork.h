/*
 * sr_fork.h - how a process finds out that it is a forked child.
 *
 * One private page is marked MADV_WIPEONFORK: in a child, even of a bare clone(2), it reads as zero. The page holds
 * this process's number, which is one more than its parent's. A struct that belongs to one process stores the number of
 * the process that made it.
 */
#ifndef SR_FORK_H
#define SR_FORK_H

#include "sys/sr_atomic.h"

extern const uint64_t *sr_fork_page;

/*
 * Set up the page, unless it is there already. The caller holds a lock. Returns 0, SEGREG_E_NOMEM or
 * SEGREG_E_UNSUPPORTED.
 */
int sr_fork_init(void);

/* The number of this process; 0 in a child that has not called sr_fork_arrive. */
static inline uint64_t sr_fork_no(void)
{
	return sr_load_acquire_u64(sr_fork_page);
}

/* Whether this is a child of a bare clone(2), which runs no fork handlers. */
static inline bool sr_fork_inherited(void)
{
	return !sr_fork_no();
}

/* Give this process a number of its own: called by sr_fork_init, and in a child. */
void sr_fork_arrive(void);

#endif
