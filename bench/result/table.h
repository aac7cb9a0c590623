/*
 * table.h - the table that ends a run: every row, and how many goals were met.
 */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

void table_print(void);

#endif
