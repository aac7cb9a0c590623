/*
 * output.h - files of results.
 */
#ifndef BENCH_OUTPUT_H
#define BENCH_OUTPUT_H

#include <stdio.h>

/* Create or empty DIR/NAME. */
FILE *output_create(const char *dir, const char *name);
/* Close a file of output_create. A failed write ends the run. */
void output_close(FILE *out);

#endif
