/*
 * sr_process.h - the registries that a process has open, and what a fork makes of them.
 */
#ifndef SR_PROCESS_H
#define SR_PROCESS_H

#include "sys/sr_fork.h"
#include "registry/sr_registry.h"

/* Install the fork handlers, once. [process] */
int sr_process_init(void);
/* In a child of a bare clone(2): nobody told us, and any mutex may be held by a thread that is not here. */
void sr_process_arrive(void);

/* [process] below means: with the lock of this process's registries and handles. */
void sr_process_lock(void);
void sr_process_unlock(void);
/* Until something has settled, or the deadline; false: the deadline is past. [process] */
bool sr_process_wait(int64_t deadline);
/* A registry is open or gone, or a handle has arrived: wake those who wait for that. */
void sr_process_settle(void);

/* Get the registry in dir (absolute), opening it if need be; give it back. [process], which is let go meanwhile. */
int sr_process_get(const char *dir, const struct segreg_open_options *options, struct sr_registry **out);
void sr_process_put(struct sr_registry *r);

/* What a thread is closing is no handle any more. [process] */
struct sr_attachment *sr_process_find(const struct segreg *reg);

#endif
