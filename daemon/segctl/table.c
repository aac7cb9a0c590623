/*
 * table.c - the tables, records and JSON of libsmartcols, from a verb's table of columns.
 *
 * libsmartcols escapes control characters on a terminal (\x1b) and in JSON strings (\u001b). It passes bytes that are
 * not UTF-8, which JSON does not allow. So such bytes become \xNN in JSON, too.
 */
#include <ctype.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/format.h"
#include "common/now.h"
#include "common/text.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/stream.h"
#include "segctl/suggest.h"
#include "segctl/table.h"

#define COLUMNS_MAX 32
#define TIME_SIZE 64

struct ctl_table {
	const struct ctl *ctl;
	struct libscols_table *scols;
	struct ctl_stream *stream;                    /* instead of scols */
	unsigned shown[COLUMNS_MAX];                  /* the verb's columns, in the order of the table */
	struct libscols_column *columns[COLUMNS_MAX]; /* by the verb's number; NULL: not shown, or a stream */
	size_t places[COLUMNS_MAX]; /* of a stream, by the verb's number; 0: not shown, else from 1 on */
	size_t n_shown;
	bool json, raw, bytes;
	bool failed; /* out of memory */
};

/* ------------------------------------------------------------------ choosing columns */

static bool show_column(struct ctl_table *table, const char *name, size_t length)
{
	const struct ctl_column *columns = table->ctl->verb->columns;
	struct ctl_suggest suggest;

	for (unsigned i = 0; columns[i].name; i++) {
		if (strlen(columns[i].name) != length || strncasecmp(columns[i].name, name, length))
			continue;
		for (size_t n = 0; n < table->n_shown; n++)
			if (table->shown[n] == i)
				return true;
		table->shown[table->n_shown++] = i;
		return true;
	}
	ctl_suggest_begin(&suggest, name, length);
	for (unsigned i = 0; columns[i].name; i++)
		ctl_suggest_add(&suggest, columns[i].name);
	ctl_usage(table->ctl, "unknown column '%.*s'%s", (int)length, name, ctl_suggest_end(&suggest, ""));
	return false;
}

static bool show_columns(struct ctl_table *table, const char *list)
{
	for (;;) {
		size_t length = strcspn(list, ",");

		if (!show_column(table, list, length))
			return false;
		if (!list[length])
			return true;
		list += length + 1;
	}
}

static void show_all(struct ctl_table *table)
{
	while (table->ctl->verb->columns[table->n_shown].name) {
		table->shown[table->n_shown] = (unsigned)table->n_shown;
		table->n_shown++;
	}
}

static bool choose_columns(struct ctl_table *table, const char *standard)
{
	const char *output = table->ctl->option['o'];
	bool more = output && *output == '+';

	if (output && !more)
		return show_columns(table, output);
	if (!standard)
		show_all(table);
	else if (!show_columns(table, standard))
		return false;
	return !more || show_columns(table, output + 1);
}

/* ------------------------------------------------------------------ making */

static int json_type(enum ctl_type type)
{
	switch (type) {
	case CTL_NUMBER:
	case CTL_BYTES:
	case CTL_AGE:
	case CTL_NS:
		return SCOLS_JSON_NUMBER;
	case CTL_FLAG:
		return SCOLS_JSON_BOOLEAN;
	case CTL_TEXT:
	case CTL_TIME:
	case CTL_CLOCK:
	case CTL_TREE:
		break;
	}
	return SCOLS_JSON_STRING;
}

static bool add_column(struct ctl_table *table, unsigned number)
{
	const struct ctl_column *column = &table->ctl->verb->columns[number];
	bool right = json_type(column->type) == SCOLS_JSON_NUMBER;
	int flags = (right ? SCOLS_FL_RIGHT : 0) | (column->type == CTL_TREE && !table->raw ? SCOLS_FL_TREE : 0);
	struct libscols_column *made = scols_table_new_column(table->scols, column->name, column->width, flags);

	table->columns[number] = made;
	return made && !scols_column_set_json_type(made, json_type(column->type));
}

static bool make_scols(struct ctl_table *table)
{
	table->scols = scols_new_table();
	if (!table->scols || scols_table_set_name(table->scols, table->ctl->verb->array))
		return false;
	scols_table_enable_json(table->scols, table->json);
	scols_table_enable_raw(table->scols, table->raw);
	scols_table_enable_noheadings(table->scols, table->ctl->option['n'] != NULL);
	for (size_t i = 0; i < table->n_shown; i++)
		if (!add_column(table, table->shown[i]))
			return false;
	return true;
}

static bool make_stream(struct ctl_table *table)
{
	struct ctl_stream_column columns[COLUMNS_MAX];

	for (size_t i = 0; i < table->n_shown; i++) {
		const struct ctl_column *column = &table->ctl->verb->columns[table->shown[i]];
		int type = json_type(column->type);

		columns[i] = (struct ctl_stream_column){
			.name = column->name,
			.right = type == SCOLS_JSON_NUMBER,
			.is_literal = type == SCOLS_JSON_NUMBER,
			.is_flag = type == SCOLS_JSON_BOOLEAN,
		};
		table->places[table->shown[i]] = i + 1;
	}
	table->stream =
		ctl_stream_new(stdout,
			       table->json  ? CTL_STREAM_JSON
			       : table->raw ? CTL_STREAM_RAW
					    : CTL_STREAM_ALIGNED,
			       table->ctl->verb->array, table->ctl->option['n'] != NULL, columns, table->n_shown);
	return table->stream;
}

static struct ctl_table *make(const struct ctl *ctl, const char *standard, bool (*fill)(struct ctl_table *table))
{
	struct ctl_table *table = calloc(1, sizeof *table);

	if (!table)
		goto no_memory;
	table->ctl = ctl;
	table->json = ctl->option['J'] != NULL;
	table->raw = ctl->option['R'] && !table->json;
	table->bytes = ctl->option['b'] || table->raw || table->json;
	if (!choose_columns(table, standard)) {
		ctl_table_free(table);
		return NULL;
	}
	if (fill(table))
		return table;
no_memory:
	ctl_table_free(table);
	ctl_error(ctl, EX_UNAVAILABLE, "no memory for a table");
	return NULL;
}

struct ctl_table *ctl_table_new(const struct ctl *ctl, const char *standard)
{
	return make(ctl, standard, make_scols);
}

struct ctl_table *ctl_table_new_stream(const struct ctl *ctl, const char *standard)
{
	return make(ctl, standard, make_stream);
}

/* A full disk, or a reader that has gone: main reports it. */
bool ctl_table_is_broken(const struct ctl_table *table)
{
	return table->failed || ferror(stdout);
}

void ctl_table_free(struct ctl_table *table)
{
	if (table) {
		scols_unref_table(table->scols);
		ctl_stream_free(table->stream);
	}
	free(table);
}

/* ------------------------------------------------------------------ filling */

bool ctl_table_shows(const struct ctl_table *table, unsigned column)
{
	return table->columns[column] || table->places[column];
}

struct libscols_line *ctl_table_add_row(struct ctl_table *table, struct libscols_line *parent)
{
	struct libscols_line *row;

	if (table->stream) { /* a stream has one row, the last */
		ctl_stream_begin_row(table->stream);
		return (struct libscols_line *)table->stream;
	}
	row = scols_table_new_line(table->scols, table->raw ? NULL : parent);
	table->failed |= !row;
	return row;
}

void ctl_table_set_text(struct ctl_table *table, struct libscols_line *row, unsigned column, const char *text)
{
	char *copy;

	if (table->places[column] && !ctl_stream_set(table->stream, table->places[column] - 1, text))
		table->failed = true;
	if (!row || !table->columns[column])
		return;
	copy = table->json ? tool_text_escape(text, false) : strdup(text);
	if (copy && !scols_line_refer_column_data(row, table->columns[column], copy))
		return;
	free(copy);
	table->failed = true;
}

static void format_time(const struct ctl_table *table, int64_t at, bool spans, char text[TIME_SIZE])
{
	int64_t ago = tool_now_real() - at;
	time_t seconds = at / 1000000000;
	char span[TOOL_SPAN_SIZE];
	struct tm tm;
	size_t length;

	localtime_r(&seconds, &tm);
	if (!table->json && !table->raw) {
		length = strftime(text, TIME_SIZE, "%F %T", &tm);
		if (!spans)
			return;
		snprintf(text + length, TIME_SIZE - length, ago < 0 ? " (in %s)" : " (%s ago)",
			 tool_format_span(ago < 0 ? -ago + 999999999 : ago, span));
		return;
	}
	length = strftime(text, TIME_SIZE, "%FT%T%z", &tm);
	memmove(text + length - 1, text + length - 2, 3); /* +0100 is +01:00 in ISO 8601's long form */
	text[length - 2] = ':';
}

static void format_age(const struct ctl_table *table, int64_t at, char text[TIME_SIZE])
{
	int64_t span = tool_now_real() - at;

	if (table->json || table->raw)
		snprintf(text, TIME_SIZE, "%" PRId64, span > 0 ? span / 1000000000 : 0);
	else
		tool_format_span(span, text);
}

void ctl_table_set(struct ctl_table *table, struct libscols_line *row, unsigned column, uint64_t value)
{
	char text[TIME_SIZE];

	if (!ctl_table_shows(table, column))
		return;
	switch (table->ctl->verb->columns[column].type) {
	case CTL_TEXT:
	case CTL_TREE:
	case CTL_NUMBER:
		snprintf(text, sizeof text, "%" PRIu64, value);
		break;
	case CTL_BYTES:
		if (table->bytes)
			snprintf(text, sizeof text, "%" PRIu64, value);
		else
			tool_format_bytes(value, text);
		break;
	case CTL_NS:
		if (table->json || table->raw)
			snprintf(text, sizeof text, "%" PRIu64, value);
		else
			tool_format_short_span(value, text);
		break;
	case CTL_AGE:
		if (!value)
			return;
		format_age(table, (int64_t)value, text);
		break;
	case CTL_TIME:
	case CTL_CLOCK:
		if (!value)
			return;
		format_time(table, (int64_t)value, table->ctl->verb->columns[column].type == CTL_TIME, text);
		break;
	case CTL_FLAG:
		snprintf(text, sizeof text, "%s", table->json ? (value ? "1" : "0") : value ? "yes" : "no");
		break;
	}
	ctl_table_set_text(table, row, column, text);
}

/* ------------------------------------------------------------------ printing */

int ctl_table_print(struct ctl_table *table)
{
	if (table->stream)
		ctl_stream_end(table->stream);
	if (table->failed || (!table->stream && scols_print_table(table->scols) < 0))
		return ctl_error(table->ctl, EX_UNAVAILABLE, "no memory for a table");
	return EX_OK;
}

/* "RETIRED_AT" as "Retired at:", "ID" as "ID:", "COMMIT_NS_MAX" as "Commit time max:" */
static void make_label(const struct ctl_column *column, char label[TIME_SIZE])
{
	const char *ns = column->type == CTL_NS ? strstr(column->name, "_NS") : NULL;
	bool is_word = strlen(column->name) > 2;

	snprintf(label, TIME_SIZE, "%.*s%s%s:", (int)(ns ? ns - column->name : TIME_SIZE), column->name,
		 ns ? "_TIME" : "", ns ? ns + strlen("_NS") : "");
	for (size_t i = 0; label[i]; i++) {
		if (label[i] == '_')
			label[i] = ' ';
		else if (i && is_word)
			label[i] = (char)tolower((unsigned char)label[i]);
	}
}

/* With --noheadings a value stands alone. Its line is its place in --output, so it is there if it is empty. */
static bool fill_record(const struct ctl_table *table, struct libscols_table *record)
{
	struct libscols_line *from = scols_table_get_line(table->scols, 0);
	size_t names = table->ctl->option['n'] ? 0 : 1;

	if (!from || (names && !scols_table_new_column(record, "NAME", 0, 0)) ||
	    !scols_table_new_column(record, "VALUE", 0, 0))
		return false;
	scols_table_enable_noheadings(record, 1);
	scols_table_enable_raw(record, table->raw);
	for (size_t i = 0; i < table->n_shown; i++) {
		const struct ctl_column *column = &table->ctl->verb->columns[table->shown[i]];
		const char *value = scols_line_get_column_data(from, table->columns[table->shown[i]]);
		struct libscols_line *to;
		char label[TIME_SIZE];

		if (!value && names)
			continue;
		make_label(column, label);
		to = scols_table_new_line(record, NULL);
		if (!to || (names && scols_line_set_data(to, 0, table->raw ? column->name : label)) ||
		    scols_line_set_data(to, names, value ? value : ""))
			return false;
	}
	return true;
}

int ctl_table_print_record(struct ctl_table *table)
{
	struct libscols_table *record;
	bool printed;

	if (table->json)
		return ctl_table_print(table);
	record = table->failed ? NULL : scols_new_table();
	printed = record && fill_record(table, record) && scols_print_table(record) >= 0;
	scols_unref_table(record);
	return printed ? EX_OK : ctl_error(table->ctl, EX_UNAVAILABLE, "no memory for a table");
}
