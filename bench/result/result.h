/*
 * result.h - all that a run finds out. Questions add to it; the run prints and writes it at its end.
 */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include "common/spread.h"

#include <stdbool.h>
#include <stddef.h>

#define RESULT_TEXT_SIZE 200

/* What one contender cost in one contest. */
struct result_cost {
	char question[64], unit[32], name[RESULT_TEXT_SIZE];
	struct spread cost;
	struct spread ratio; /* of the first contender's cost to this cost */
};

/* A row of the final table: a measured value and its goal, or a note. */
struct result_row {
	char what[RESULT_TEXT_SIZE];
	char unit[64];               /* of a value */
	char note[RESULT_TEXT_SIZE]; /* of a note */
	double measured, goal;
	bool is_note;
	bool is_at_least; /* measured must reach the goal; otherwise it must not exceed the goal */
};

/* A point of a curve. */
struct result_point {
	char curve[48], series[RESULT_TEXT_SIZE];
	double x, y;
};

struct result {
	const struct result_cost *costs;
	const struct result_row *rows;
	const struct result_point *points;
	size_t n_costs, n_rows, n_points;
};

/* Print a contender's line, below its question if is_first; and keep it. */
void result_cost(const char *question, const char *unit, const char *name, const struct spread *cost,
		 const struct spread *ratio, bool is_first);

/* A row whose measured value has a goal. Two spaces before `what`: the row says more about the row above. */
void result_goal(const char *what, double measured, double goal, bool is_at_least, const char *unit);
/* A row without a goal, or the reason why something was not measured. */
void result_note(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A point of CURVE, for the plots. */
void result_point(const char *curve, const char *series, double x, double y);

/* All results so far. The pointers hold until the next result is added. */
struct result result_all(void);
bool result_is_met(const struct result_row *row);

#endif
