/*
 * json.c - a run's results as JSON.
 */
#include "result/json.h"

#include "common/measure.h"
#include "result/output.h"
#include "result/result.h"

#include <math.h>
#include <stdio.h>

/* ---------------------------------------------------------------- values */

static void put_string(FILE *out, const char *text)
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

/* The name of a member; a comma before it, unless it is the first of its object. */
static void put_name(FILE *out, bool is_first, const char *name)
{
	fputs(is_first ? "" : ", ", out);
	put_string(out, name);
	fputs(": ", out);
}

static void put_text(FILE *out, bool is_first, const char *name, const char *value)
{
	put_name(out, is_first, name);
	put_string(out, value);
}

/* JSON has neither infinity nor "not a number". */
static void put_number(FILE *out, bool is_first, const char *name, double v)
{
	put_name(out, is_first, name);
	if (isfinite(v))
		fprintf(out, "%.6g", v);
	else
		fputs("null", out);
}

static void put_bool(FILE *out, bool is_first, const char *name, bool v)
{
	put_name(out, is_first, name);
	fputs(v ? "true" : "false", out);
}

static void put_spread(FILE *out, const char *name, const struct spread *spread)
{
	put_name(out, false, name);
	fputs("{ ", out);
	put_number(out, true, "median", spread->median);
	put_number(out, false, "low", spread->low);
	put_number(out, false, "high", spread->high);
	fputs(" }", out);
}

/* ---------------------------------------------------------------- results */

static void put_cost(FILE *out, const struct result_cost *cost)
{
	put_text(out, true, "question", cost->question);
	put_text(out, false, "contender", cost->name);
	put_text(out, false, "unit", cost->unit);
	put_spread(out, "cost", &cost->cost);
	put_spread(out, "ratio", &cost->ratio);
}

static void put_row(FILE *out, const struct result_row *row)
{
	put_text(out, true, "what", row->what);
	if (row->is_note) {
		put_text(out, false, "note", row->note);
		return;
	}
	put_number(out, false, "measured", row->measured);
	put_number(out, false, row->is_at_least ? "at_least" : "at_most", row->goal);
	put_text(out, false, "unit", row->unit);
	put_bool(out, false, "met", result_is_met(row));
}

static void put_point(FILE *out, const struct result_point *point)
{
	put_text(out, true, "curve", point->curve);
	put_text(out, false, "series", point->series);
	put_number(out, false, "x", point->x);
	put_number(out, false, "y", point->y);
}

#define PUT_LIST(out, name, put, values, n)                                                                            \
	do {                                                                                                           \
		fputs(",\n  \"" name "\": [", out);                                                                    \
		for (size_t i = 0; i < (n); i++) {                                                                     \
			fputs(i ? ",\n    { " : "\n    { ", out);                                                      \
			put(out, &(values)[i]);                                                                        \
			fputs(" }", out);                                                                              \
		}                                                                                                      \
		fputs("\n  ]", out);                                                                                   \
	} while (0)

void json_write(const char *dir, const struct machine_fact *facts, bool is_whole)
{
	FILE *out = output_create(dir, "bench.json");
	struct result all = result_all();

	fputs("{\n  \"machine\": { ", out);
	for (const struct machine_fact *fact = facts; fact->name; fact++)
		put_text(out, fact == facts, fact->name, fact->value);
	fputs(" },\n  ", out);
	put_bool(out, true, "quick", measure_is_quick());
	fputs(",\n  ", out);
	put_bool(out, true, "whole", is_whole);
	PUT_LIST(out, "contests", put_cost, all.costs, all.n_costs);
	PUT_LIST(out, "rows", put_row, all.rows, all.n_rows);
	PUT_LIST(out, "curves", put_point, all.points, all.n_points);
	fputs("\n}\n", out);
	output_close(out);
}
