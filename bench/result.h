/*
 * result.h - what a run has found out, until it is printed and written at the end.
 */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include "bench.h"

/* Print a contender's line, and keep it for the JSON. */
void result_contender(const char *question, const char *unit, const struct bench_contender *contender, bool first);

/* The machine, in pieces: "cpu", "cores", ... NULL name at the end. */
struct result_fact {
	const char *name;
	char value[160];
};
const struct result_fact *result_machine(void);
void result_print_machine(void);

#endif
