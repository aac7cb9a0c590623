/*
 * fail.h - the end of a run whose call failed: a figure without that call would be wrong.
 */
#ifndef BENCH_FAIL_H
#define BENCH_FAIL_H

/* Print what failed, errno and the library's last error; end this process with status 1. */
void fail(const char *what) __attribute__((noreturn));
#define MUST(call) ((call) < 0 ? fail(#call) : (void)0)

/* Call this first in a child process: fail() then runs no exit handlers, which would remove the run's directories. */
void fail_set_child(void);

#endif
