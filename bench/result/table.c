/*
 * table.c - the table that ends a run.
 */
#include "result/table.h"

#include "common/fail.h"
#include "result/result.h"

#include <libsmartcols.h>
#include <math.h>
#include <stdio.h>

/* Write v with three digits, never as a power of ten. */
static void format_number(char *buf, size_t size, double v)
{
	double digits = v == 0 ? 0 : floor(log10(fabs(v)));

	snprintf(buf, size, "%.*f", digits >= 2 ? 0 : (int)fmin(2 - digits, 9), v);
}

static void add_line(struct libscols_table *table, const struct result_row *row)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	char number[48], text[160];

	scols_line_set_data(line, 0, row->what);
	if (row->is_note) {
		scols_line_set_data(line, 1, row->note);
		return;
	}
	format_number(number, sizeof(number), row->measured);
	snprintf(text, sizeof(text), "%s %s", number, row->unit);
	scols_line_set_data(line, 1, text);
	format_number(number, sizeof(number), row->goal);
	snprintf(text, sizeof(text), "%s %s", row->is_at_least ? "at least" : "at most", number);
	scols_line_set_data(line, 2, text);
	scols_line_set_data(line, 3, result_is_met(row) ? "yes" : "no");
}

void table_print(void)
{
	static const char *const names[] = { "WHAT", "MEASURED", "GOAL", "MET" };
	struct libscols_table *table = scols_new_table();
	struct result all = result_all();
	size_t met = 0, judged = 0;

	if (!table)
		fail("scols_new_table");
	for (size_t i = 0; i < 4; i++)
		scols_table_new_column(table, names[i], 0, i == 0 ? SCOLS_FL_WRAP : 0);
	for (size_t i = 0; i < all.n_rows; i++) {
		add_line(table, &all.rows[i]);
		judged += !all.rows[i].is_note;
		met += !all.rows[i].is_note && result_is_met(&all.rows[i]);
	}
	printf("\n");
	fflush(stdout);
	if (all.n_rows)
		scols_print_table(table);
	scols_unref_table(table);
	printf("\n%zu of %zu goals met\n", met, judged);
}
