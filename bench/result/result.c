/*
 * result.c - all that a run finds out.
 */
#include "result/result.h"

#include "common/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY(to, from) snprintf(to, sizeof(to), "%s", from)

static struct result_cost *costs;
static struct result_row *rows;
static struct result_point *points;
static size_t n_costs, n_rows, n_points;

/* Append a zeroed element to an array of *n elements. */
static void *append(void *array, size_t *n, size_t size)
{
	char *grown = reallocarray(array, *n + 1, size);

	if (!grown)
		fail("reallocarray");
	memset(grown + *n * size, 0, size);
	(*n)++;
	return grown;
}

void result_cost(const char *question, const char *unit, const char *name, const struct spread *cost,
		 const struct spread *ratio, bool is_first)
{
	struct result_cost *line;

	costs = append(costs, &n_costs, sizeof(*costs));
	line = &costs[n_costs - 1];
	COPY(line->question, question);
	COPY(line->unit, unit);
	COPY(line->name, name);
	line->cost = *cost;
	line->ratio = *ratio;
	if (is_first)
		printf("\n%s\n", question);
	printf("  %-48s %10.4g %s  (%.4g to %.4g)", line->name, cost->median, unit, cost->low, cost->high);
	if (!is_first)
		printf("   %.3g x  (%.3g to %.3g)", ratio->median, ratio->low, ratio->high);
	printf("\n");
	fflush(stdout);
}

static struct result_row *add_row(const char *what)
{
	struct result_row *row;

	rows = append(rows, &n_rows, sizeof(*rows));
	row = &rows[n_rows - 1];
	COPY(row->what, what);
	return row;
}

void result_goal(const char *what, double measured, double goal, bool is_at_least, const char *unit)
{
	struct result_row *row = add_row(what);

	COPY(row->unit, unit);
	row->measured = measured;
	row->goal = goal;
	row->is_at_least = is_at_least;
}

void result_note(const char *what, const char *format, ...)
{
	struct result_row *row = add_row(what);
	va_list args;

	va_start(args, format);
	vsnprintf(row->note, sizeof(row->note), format, args);
	va_end(args);
	row->is_note = true;
}

void result_point(const char *curve, const char *series, double x, double y)
{
	struct result_point *point;

	points = append(points, &n_points, sizeof(*points));
	point = &points[n_points - 1];
	COPY(point->curve, curve);
	COPY(point->series, series);
	point->x = x;
	point->y = y;
}

struct result result_all(void)
{
	return (struct result){
		.costs = costs,
		.rows = rows,
		.points = points,
		.n_costs = n_costs,
		.n_rows = n_rows,
		.n_points = n_points,
	};
}

bool result_is_met(const struct result_row *row)
{
	return row->is_at_least ? row->measured >= row->goal : row->measured <= row->goal;
}
