/*
 * result.c - contests, bounds, notes and curves: printed for people, and written as JSON and as tables for gnuplot.
 */
#include "result.h"

#include <libsmartcols.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SIZE 200

struct contest_line {
	char question[64], unit[32], name[TEXT_SIZE];
	struct bench_stat cost, ratio;
};

struct bound_line {
	char what[TEXT_SIZE], text[TEXT_SIZE], unit[64]; /* text: of a note */
	double measured, bound;
	bool is_note, at_least;
};

struct point {
	char curve[48], series[TEXT_SIZE];
	double x, y;
};

static struct contest_line *contests;
static struct bound_line *bounds;
static struct point *points;
static size_t n_contests, n_bounds, n_points;

/* One more element at the end of an array of *n; zeroed. */
static void *append(void *array, size_t *n, size_t size)
{
	char *grown = reallocarray(array, *n + 1, size);

	if (!grown)
		bench_fail("reallocarray");
	memset(grown + *n * size, 0, size);
	(*n)++;
	return grown;
}

#define COPY(to, from) snprintf(to, sizeof(to), "%s", from)

void result_contender(const char *question, const char *unit, const struct bench_contender *contender, bool first)
{
	struct contest_line *line;

	contests = append(contests, &n_contests, sizeof(*contests));
	line = &contests[n_contests - 1];
	COPY(line->question, question);
	COPY(line->unit, unit);
	COPY(line->name, contender->name);
	line->cost = contender->cost;
	line->ratio = contender->ratio;
	if (first)
		printf("\n%s\n", question);
	printf("  %-48s %10.4g %s  (%.4g to %.4g)", line->name, line->cost.median, unit, line->cost.low, line->cost.high);
	if (!first)
		printf("   %.3g x  (%.3g to %.3g)", line->ratio.median, line->ratio.low, line->ratio.high);
	printf("\n");
	fflush(stdout);
}

void bench_bound(const char *what, double measured, double bound, bool at_least, const char *unit_or_peer)
{
	struct bound_line *line;

	bounds = append(bounds, &n_bounds, sizeof(*bounds));
	line = &bounds[n_bounds - 1];
	COPY(line->what, what);
	COPY(line->unit, unit_or_peer);
	line->measured = measured;
	line->bound = bound;
	line->at_least = at_least;
}

void bench_note(const char *what, const char *format, ...)
{
	struct bound_line *line;
	va_list args;

	bounds = append(bounds, &n_bounds, sizeof(*bounds));
	line = &bounds[n_bounds - 1];
	COPY(line->what, what);
	va_start(args, format);
	vsnprintf(line->text, sizeof(line->text), format, args);
	va_end(args);
	line->is_note = true;
}

void bench_point(const char *curve, const char *series, double x, double y)
{
	struct point *point;

	points = append(points, &n_points, sizeof(*points));
	point = &points[n_points - 1];
	COPY(point->curve, curve);
	COPY(point->series, series);
	point->x = x;
	point->y = y;
}

static bool is_met(const struct bound_line *line)
{
	return line->at_least ? line->measured >= line->bound : line->measured <= line->bound;
}

/* ---------------------------------------------------------------- the table */

/* Three digits, never as a power of ten. */
static void format_number(char *buf, size_t size, double v)
{
	double digits = v == 0 ? 0 : floor(log10(fabs(v)));

	snprintf(buf, size, "%.*f", digits >= 2 ? 0 : (int)fmin(2 - digits, 9), v);
}

static void print_table(void)
{
	static const char *const names[] = { "WHAT", "MEASURED", "BOUND", "MET" };
	struct libscols_table *table = scols_new_table();
	size_t met = 0, judged = 0;

	if (!table)
		bench_fail("scols_new_table");
	for (size_t i = 0; i < 4; i++)
		scols_table_new_column(table, names[i], 0, i == 0 ? SCOLS_FL_WRAP : 0);
	for (size_t i = 0; i < n_bounds; i++) {
		const struct bound_line *b = &bounds[i];
		struct libscols_line *line = scols_table_new_line(table, NULL);
		char number[48], text[160];

		scols_line_set_data(line, 0, b->what);
		if (b->is_note) {
			scols_line_set_data(line, 1, b->text);
			continue;
		}
		format_number(number, sizeof(number), b->measured);
		snprintf(text, sizeof(text), "%s %s", number, b->unit);
		scols_line_set_data(line, 1, text);
		format_number(number, sizeof(number), b->bound);
		snprintf(text, sizeof(text), "%s %s", b->at_least ? "at least" : "at most", number);
		scols_line_set_data(line, 2, text);
		scols_line_set_data(line, 3, is_met(b) ? "yes" : "no");
		met += is_met(b);
		judged++;
	}
	printf("\n");
	fflush(stdout);
	if (n_bounds)
		scols_print_table(table);
	scols_unref_table(table);
	printf("\n%zu of %zu bounds met\n", met, judged);
}

/* ---------------------------------------------------------------- files */

static void json_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (const unsigned char *at = (const unsigned char *)text; *at; at++)
		if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else if (*at < 0x20)
			fprintf(out, "\\u%04x", *at);
		else
			fputc(*at, out);
	fputc('"', out);
}

static void json_member(FILE *out, const char *name, const char *value)
{
	json_string(out, name);
	fputs(": ", out);
	json_string(out, value);
}

/* JSON has neither infinity nor "not a number". */
static void json_number(FILE *out, const char *name, double v)
{
	json_string(out, name);
	if (isfinite(v))
		fprintf(out, ": %.6g", v);
	else
		fputs(": null", out);
}

static void json_stat(FILE *out, const char *name, const struct bench_stat *stat)
{
	fprintf(out, "\"%s\": { ", name);
	json_number(out, "median", stat->median);
	fputs(", ", out);
	json_number(out, "low", stat->low);
	fputs(", ", out);
	json_number(out, "high", stat->high);
	fputs(" }", out);
}

static void json_contests(FILE *out)
{
	fputs("  \"contests\": [", out);
	for (size_t i = 0; i < n_contests; i++) {
		const struct contest_line *line = &contests[i];

		fprintf(out, "%s\n    { ", i ? "," : "");
		json_member(out, "question", line->question);
		fputs(", ", out);
		json_member(out, "contender", line->name);
		fputs(", ", out);
		json_member(out, "unit", line->unit);
		fputs(", ", out);
		json_stat(out, "cost", &line->cost);
		fputs(", ", out);
		json_stat(out, "ratio", &line->ratio);
		fputs(" }", out);
	}
	fputs("\n  ],\n", out);
}

static void json_bounds(FILE *out)
{
	fputs("  \"bounds\": [", out);
	for (size_t i = 0; i < n_bounds; i++) {
		const struct bound_line *line = &bounds[i];

		fprintf(out, "%s\n    { ", i ? "," : "");
		json_member(out, "what", line->what);
		fputs(", ", out);
		if (line->is_note) {
			json_member(out, "note", line->text);
		} else {
			json_number(out, "measured", line->measured);
			fputs(", ", out);
			json_number(out, line->at_least ? "at_least" : "at_most", line->bound);
			fputs(", ", out);
			json_member(out, "unit", line->unit);
			fprintf(out, ", \"met\": %s", is_met(line) ? "true" : "false");
		}
		fputs(" }", out);
	}
	fputs("\n  ],\n", out);
}

static void json_points(FILE *out)
{
	fputs("  \"curves\": [", out);
	for (size_t i = 0; i < n_points; i++) {
		fprintf(out, "%s\n    { ", i ? "," : "");
		json_member(out, "curve", points[i].curve);
		fputs(", ", out);
		json_member(out, "series", points[i].series);
		fputs(", ", out);
		json_number(out, "x", points[i].x);
		fputs(", ", out);
		json_number(out, "y", points[i].y);
		fputs(" }", out);
	}
	fputs("\n  ]\n", out);
}

static FILE *create(const char *dir, const char *name)
{
	char path[SEGREG_PATH_SIZE];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = fopen(path, "we");
	if (!out)
		bench_fail(path);
	return out;
}

static void finish(FILE *out)
{
	if (ferror(out) || fclose(out))
		bench_fail("writing the results");
}

static void write_json(const char *dir)
{
	FILE *out = create(dir, "bench.json");

	fputs("{\n  \"machine\": { ", out);
	for (const struct result_fact *fact = result_machine(); fact->name; fact++) {
		json_member(out, fact->name, fact->value);
		if (fact[1].name)
			fputs(", ", out);
	}
	fprintf(out, " },\n  \"quick\": %s,\n", bench_quick() ? "true" : "false");
	json_contests(out);
	json_bounds(out);
	json_points(out);
	fputs("}\n", out);
	finish(out);
}

/* Whether no point before i has its curve, or its series or x within the curve. */
static bool is_first(size_t i, bool (*same)(const struct point *a, const struct point *b))
{
	for (size_t j = 0; j < i; j++)
		if (same(&points[j], &points[i]))
			return false;
	return true;
}

static bool same_curve(const struct point *a, const struct point *b)
{
	return !strcmp(a->curve, b->curve);
}

static bool same_series(const struct point *a, const struct point *b)
{
	return same_curve(a, b) && !strcmp(a->series, b->series);
}

static bool same_x(const struct point *a, const struct point *b)
{
	return same_curve(a, b) && a->x == b->x;
}

/* A row: x, and what each series has there; "?" where it has nothing. */
static void write_row(FILE *out, size_t at)
{
	fprintf(out, "%.9g", points[at].x);
	for (size_t i = 0; i < n_points; i++) {
		size_t found = n_points;

		if (!same_curve(&points[i], &points[at]) || !is_first(i, same_series))
			continue;
		for (size_t j = 0; j < n_points; j++)
			if (same_series(&points[j], &points[i]) && same_x(&points[j], &points[at]))
				found = j;
		if (found < n_points)
			fprintf(out, "\t%.6g", points[found].y);
		else
			fputs("\t?", out);
	}
	fputc('\n', out);
}

static void write_curve(const char *dir, size_t first)
{
	char name[64];
	FILE *out;

	snprintf(name, sizeof(name), "%s.tsv", points[first].curve);
	out = create(dir, name);
	fputc('x', out);
	for (size_t i = 0; i < n_points; i++)
		if (same_curve(&points[i], &points[first]) && is_first(i, same_series))
			fprintf(out, "\t%s", points[i].series);
	fputc('\n', out);
	for (size_t i = 0; i < n_points; i++)
		if (same_curve(&points[i], &points[first]) && is_first(i, same_x))
			write_row(out, i);
	finish(out);
}

void bench_results(const char *dir)
{
	print_table();
	write_json(dir);
	for (size_t i = 0; i < n_points; i++)
		if (is_first(i, same_curve))
			write_curve(dir, i);
}
