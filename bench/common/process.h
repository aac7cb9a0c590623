/*
 * process.h - child processes: several that start together, or one that works in the background.
 */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <sys/types.h>

/*
 * Run fn in n child processes, which start together when all of them are ready. results[i] is what fn returned in child
 * i. A child that fails ends the run.
 */
void process_run_together(unsigned n, double (*fn)(void *arg, unsigned number), void *arg, double *results);
/* In such a child: wait until all n children are here. So each can prepare what is not measured. */
void process_meet(void);

/*
 * Start fn in one child process. Returns when fn has called process_report_ready. The child ends when fn returns,
 * by process_kill, or with this process.
 */
pid_t process_start(void (*fn)(void *arg), void *arg);
void process_report_ready(void);
/* End the child with SIGKILL, and wait for its death. */
void process_kill(pid_t pid);

#endif
