/*
 * loop.h - pinning and unpinning over and over, in a file of its own: it is linked into the bench with the static library, and
 * once more into a shared object with the shared library, to measure what a call through the linker's table costs.
 */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

/* A handle of the registry in dir; NULL on failure. */
void *loop_open(const char *dir, unsigned flags);
/* Pin and unpin count times. 0, or -1. */
int loop_use(void *reg, const uint64_t *ids, size_t mask, size_t count);
/* The same, where each id is known only when the pin before has been made. */
int loop_chase(void *reg, const uint64_t *ids, size_t mask, size_t count);
int loop_close(void *reg);

#pragma GCC visibility pop
#endif
