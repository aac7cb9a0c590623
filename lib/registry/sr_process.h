/*
 * sr_process.h - the registries that a process has open, and what a fork makes of them.
 */
#ifndef SR_PROCESS_H
#define SR_PROCESS_H

#include "sys/sr_fork.h"
#include "registry/sr_registry.h"

/* Install the fork handlers, once. [process] */
int sr_process_init(void);
/* In a child of a bare clone(2), which ran no fork handlers: do what they do. Any mutex may be held by a thread that
 * does not exist here. */
void sr_process_arrive(void);

/* [process] means: the caller holds this lock, of the process's registries and handles. */
void sr_process_lock(void);
void sr_process_unlock(void);
/* Wait until something has settled. Returns false once the deadline is past. [process] */
bool sr_process_wait(int64_t deadline);
/* A registry is open or gone, or a handle has arrived: wake the threads that wait for that. */
void sr_process_wake(void);

/* Get the registry in dir, an absolute path, and open it if this process has not; give it back. [process], released
 * meanwhile. */
int sr_process_get(const char *dir, const struct segreg_open_options *options, struct sr_registry **out);
void sr_process_put(struct sr_registry *r);

/* Find the handle reg; NULL if it is not open, or a thread is closing it. [process] */
struct sr_attachment *sr_process_find(const struct segreg *reg);

#endif
