/*
 * grown.h - one registry that several questions share, because filling a million segments takes long.
 */
#ifndef BENCH_GROWN_H
#define BENCH_GROWN_H

#include "segreg.h"

#include <stdint.h>

#define GROWN_NAME "grown"

/*
 * Open the registry GROWN_NAME and fill it up to n segments; it keeps what it has beyond n. Files are empty, and base
 * lies in memory. Ids are grown_id(0) to grown_id(n - 1). The caller closes the handle.
 */
struct segreg *grown_open(uint64_t n);
/* Random, and the same in each call. */
uint64_t grown_id(uint64_t i);

#endif
