/*
 * daemon.h - the real segregd, built beside the bench.
 */
#ifndef BENCH_DAEMON_H
#define BENCH_DAEMON_H

#include <stdint.h>
#include <sys/types.h>

/* Start segregd on the registry NAME. The caller ends it with process_kill. */
pid_t daemon_start(const char *name);

/* How often the threads of a process have given up the processor to sleep. */
uint64_t daemon_wakeups(pid_t pid);

#endif
