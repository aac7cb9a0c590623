/*
 * daemon.h - the real segregd, as it was built beside the bench.
 */
#ifndef BENCH_DAEMON_H
#define BENCH_DAEMON_H

#include "bench.h"

/* Start it on the registry NAME. End it with bench_end. */
pid_t daemon_start(const char *name);

/* How often a process has given up its processor to sleep. */
uint64_t daemon_wakeups(pid_t pid);

#endif
