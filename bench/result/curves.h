/*
 * curves.h - a run's curves as tables for gnuplot.
 */
#ifndef BENCH_CURVES_H
#define BENCH_CURVES_H

/* Write DIR/CURVE.tsv for each curve: a column x, and one column for each series. */
void curves_write(const char *dir);

#endif
