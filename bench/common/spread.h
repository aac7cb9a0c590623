/*
 * spread.h - median and quartiles of the values of several rounds.
 */
#ifndef BENCH_SPREAD_H
#define BENCH_SPREAD_H

#include <stddef.h>

struct spread {
	double median;
	double low, high; /* the quartiles */
};

/* Sorts the n values; n is at least 1. */
struct spread spread_of(double *values, size_t n);

#endif
