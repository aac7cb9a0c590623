/*
 * sr_ring.h - waking threads that sleep, and watches (segreg_watch) whose descriptor poll(2) watches.
 *
 * A watch is an inotify descriptor on the region's object. To ring is to touch that object (utimensat), which makes
 * every watch readable, in any process. The object lies in memory, and is touched by its path: a ring waits for no
 * disk and needs no descriptor. The object may have lost its name, or a filter of system calls may forbid the touch.
 * Then a ring opens and closes registry.lock, which each watch watches as well.
 *
 *      watch                                  waker
 *      W1  take all events                    R1  change what is waited for
 *      W2  asked += 1                         R2  read asked and answered; if they are equal, there is no ring
 *      W3  look at what is waited for         R3  touch the object
 *                                             R4  answered = what R2 read of asked
 *
 * Why no change is missed. W2, W3, R1 and R2 are sequentially consistent. If R2 precedes W2, then R1 precedes W3, which
 * sees the change. Otherwise R2 reads what this W2 or a later one wrote. If it reads another value in answered, R3
 * follows, and W1 has been before. If it reads an equal value, the R4 of another waker stored that value. Take the last
 * W2 before this R2. The other waker read asked after it, so its R3 came after it too, and the descriptor has been
 * readable since. The watch's next W3 sees R1.
 *
 * A watch that is never cleared is rung once, because no watch asks after R4. The same holds for the watch of a dead
 * process. Any number of watches that ask cost the next waker one touch. The kernel then queues an event for each.
 *
 * If a waker dies between R1 and R4, the kernel closes registry.lock for its process. That rings each watch. If a waker
 * is stopped there, the next waker rings.
 */
#ifndef SR_RING_H
#define SR_RING_H

#include "shm/sr_region.h"

/* R2 to R4. what has flags SEGREG_WATCH_*. If a ring fails, the next waker tries again. */
void sr_ring_watches(const struct sr_region *region, unsigned what);

/* W2, for each flag of what. */
void sr_ring_ask(const struct sr_region *region, unsigned what);

/* The inotify masks with which a watch watches the region's object, and registry.lock. */
#define SR_RING_OBJECT_MASK IN_ATTRIB
#define SR_RING_LOCK_MASK IN_CLOSE_NOWRITE

#endif
