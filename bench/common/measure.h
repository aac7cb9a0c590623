/*
 * measure.h - clocks, random numbers, and what keeps a compiler from dropping the work that is measured.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

/* Seconds of CLOCK_MONOTONIC_RAW. */
double measure_now(void);
/* Seconds of CPU time of this thread. Other programs on the machine disturb them less. */
double measure_cpu(void);
/* Whether the environment has QUICK=1: fewer rounds, smaller sizes. */
bool measure_is_quick(void);
/* Make the compiler compute v. */
void measure_keep(uint64_t v);
/* The next number of a random sequence. *state may start with any value. */
uint64_t measure_random(uint64_t *state);

#endif
