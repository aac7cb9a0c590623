/*
 * curves.c - a run's curves as tables for gnuplot.
 */
#include "result/curves.h"

#include "result/output.h"
#include "result/result.h"

#include <stdio.h>
#include <string.h>

typedef bool same_fn(const struct result_point *a, const struct result_point *b);

static bool same_curve(const struct result_point *a, const struct result_point *b)
{
	return !strcmp(a->curve, b->curve);
}

static bool same_series(const struct result_point *a, const struct result_point *b)
{
	return same_curve(a, b) && !strcmp(a->series, b->series);
}

static bool same_x(const struct result_point *a, const struct result_point *b)
{
	return same_curve(a, b) && a->x == b->x;
}

/* Whether no point before point i has the same curve, series or x. */
static bool is_first(const struct result *all, size_t i, same_fn *same)
{
	for (size_t j = 0; j < i; j++)
		if (same(&all->points[j], &all->points[i]))
			return false;
	return true;
}

/* Write one row: the x of point `at`, and the y of each series there, or "?" where a series has no such x. */
static void write_row(FILE *out, const struct result *all, size_t at)
{
	const struct result_point *points = all->points;

	fprintf(out, "%.9g", points[at].x);
	for (size_t i = 0; i < all->n_points; i++) {
		size_t found = all->n_points;

		if (!same_curve(&points[i], &points[at]) || !is_first(all, i, same_series))
			continue;
		for (size_t j = 0; j < all->n_points; j++)
			if (same_series(&points[j], &points[i]) && same_x(&points[j], &points[at]))
				found = j;
		if (found < all->n_points)
			fprintf(out, "\t%.6g", points[found].y);
		else
			fputs("\t?", out);
	}
	fputc('\n', out);
}

static void write_curve(const char *dir, const struct result *all, size_t first)
{
	const struct result_point *points = all->points;
	char name[64];
	FILE *out;

	snprintf(name, sizeof(name), "%s.tsv", points[first].curve);
	out = output_create(dir, name);
	fputc('x', out);
	for (size_t i = 0; i < all->n_points; i++)
		if (same_curve(&points[i], &points[first]) && is_first(all, i, same_series))
			fprintf(out, "\t%s", points[i].series);
	fputc('\n', out);
	for (size_t i = 0; i < all->n_points; i++)
		if (same_curve(&points[i], &points[first]) && is_first(all, i, same_x))
			write_row(out, all, i);
	output_close(out);
}

void curves_write(const char *dir)
{
	struct result all = result_all();

	for (size_t i = 0; i < all.n_points; i++)
		if (is_first(&all, i, same_curve))
			write_curve(dir, &all, i);
}
