/*
 * loop.h - pinning and unpinning in a loop.
 *
 * loop.c is linked twice: into the bench with the static library, and into a shared object with the shared library. The
 * difference is the cost of a call through the linker's table. So loop.c uses nothing else of the bench.
 */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

/* Open the registry dir. Returns a handle, or NULL on failure. */
void *loop_open(const char *dir);
/* Pin and unpin `count` times. Returns 0, or -1 on failure. */
int loop_use(void *reg, const uint64_t *ids, size_t mask, size_t count);
/* Pin and unpin `count` times, where each id depends on the result of the pin before. Returns 0, or -1 on failure. */
int loop_chase(void *reg, const uint64_t *ids, size_t mask, size_t count);
int loop_close(void *reg);

#pragma GCC visibility pop
#endif
