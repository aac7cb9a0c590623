/*
 * stream.c - rows that are printed as they come, however many there are.
 *
 * libsmartcols keeps all rows before it prints the first, which takes a kilobyte for each and seconds for a million. A
 * stream keeps the first SAMPLE rows, aligns the columns by these, and prints the others at once. A later cell that is
 * wider widens its column from there on. The form is that of libsmartcols.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "common/text.h"
#include "segctl/stream.h"

#define SAMPLE 1000

struct cell {
	char *text;
	size_t room;
	bool is_set;
};

struct ctl_stream {
	FILE *file;
	enum ctl_stream_form form;
	const char *array;
	bool has_headings, has_begun;
	struct ctl_stream_column *columns;
	size_t *widths;
	size_t n_columns;
	struct cell *cells; /* of the rows that are kept, n_columns each */
	size_t n_rows, room;
};

/* ------------------------------------------------------------------ text */

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
			return false;
	return true;
}

/* The columns that a text takes on a terminal. */
static size_t width_of(const char *text)
{
	size_t width = 0, length;
	mbstate_t state = { 0 };
	wchar_t c;

	if (is_plain(text))
		return strlen(text);
	while (*text) {
		length = mbrtowc(&c, text, strlen(text), &state);
		if (length == (size_t)-1 || length == (size_t)-2)
			return width + strlen(text);
		width += wcwidth(c) > 0 ? (size_t)wcwidth(c) : 0;
		text += length;
	}
	return width;
}

static void put_padding(FILE *file, size_t n)
{
	while (n--)
		putc(' ', file);
}

static void put_raw(FILE *file, const char *text)
{
	for (; *text; text++)
		if (isgraph((unsigned char)*text) && *text != '\\')
			putc(*text, file);
		else
			fprintf(file, "\\x%02x", (unsigned char)*text);
}

static void put_json_string(FILE *file, const char *text)
{
	putc('"', file);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(file, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(file, "\\u%04x", c);
		else
			putc(c, file);
	}
	putc('"', file);
}

static void put_lower(FILE *file, const char *text)
{
	for (; *text; text++)
		putc(tolower((unsigned char)*text), file);
}

/* ------------------------------------------------------------------ rows */

static void put_json_row(const struct ctl_stream *s, const struct cell *cells)
{
	for (size_t i = 0; i < s->n_columns; i++) {
		const struct ctl_stream_column *column = &s->columns[i];

		fputs("         \"", s->file);
		put_lower(s->file, column->name);
		fputs("\": ", s->file);
		if (!cells[i].is_set)
			fputs("null", s->file);
		else if (column->is_flag)
			fputs(*cells[i].text == '1' ? "true" : "false", s->file);
		else if (column->is_literal)
			fputs(cells[i].text, s->file);
		else
			put_json_string(s->file, cells[i].text);
		fputs(i + 1 < s->n_columns ? ",\n" : "\n", s->file);
	}
}

static void put_raw_row(const struct ctl_stream *s, const struct cell *cells)
{
	for (size_t i = 0; i < s->n_columns; i++) {
		if (i)
			putc(' ', s->file);
		if (cells[i].is_set)
			put_raw(s->file, cells[i].text);
	}
	putc('\n', s->file);
}

static void put_aligned(const struct ctl_stream *s, size_t i, const char *text)
{
	size_t width = width_of(text), padding = s->widths[i] > width ? s->widths[i] - width : 0;
	bool is_last = i + 1 == s->n_columns;

	if (s->columns[i].right && (*text || !is_last))
		put_padding(s->file, padding);
	fputs(text, s->file);
	if (!s->columns[i].right && !is_last)
		put_padding(s->file, padding);
	putc(is_last ? '\n' : ' ', s->file);
}

static void put_row(struct ctl_stream *s, const struct cell *cells)
{
	if (s->form == CTL_STREAM_JSON) {
		fputs(s->has_begun ? "      },{\n" : "      {\n", s->file);
		put_json_row(s, cells);
	} else if (s->form == CTL_STREAM_RAW) {
		put_raw_row(s, cells);
	} else {
		for (size_t i = 0; i < s->n_columns; i++)
			put_aligned(s, i, cells[i].is_set ? cells[i].text : "");
	}
	s->has_begun = true;
}

static void put_headings(const struct ctl_stream *s)
{
	for (size_t i = 0; i < s->n_columns && s->form == CTL_STREAM_ALIGNED; i++)
		put_aligned(s, i, s->columns[i].name);
	for (size_t i = 0; i < s->n_columns && s->form == CTL_STREAM_RAW; i++)
		fprintf(s->file, "%s%c", s->columns[i].name, i + 1 < s->n_columns ? ' ' : '\n');
}

static void widen(struct ctl_stream *s)
{
	if (s->form != CTL_STREAM_ALIGNED)
		return;
	for (size_t i = 0; i < s->n_rows * s->n_columns; i++) {
		size_t width = s->cells[i].is_set ? width_of(s->cells[i].text) : 0;

		if (width > s->widths[i % s->n_columns])
			s->widths[i % s->n_columns] = width;
	}
}

/* Print the rows that are kept. From then on one row is kept: the one that is being filled. */
static void flush(struct ctl_stream *s)
{
	widen(s);
	if (!s->has_begun && s->n_rows && s->has_headings)
		put_headings(s);
	for (size_t row = 0; row < s->n_rows; row++)
		put_row(s, &s->cells[row * s->n_columns]);
	s->n_rows = 0;
}

/* ------------------------------------------------------------------ from outside */

struct ctl_stream *ctl_stream_new(FILE *file, enum ctl_stream_form form, const char *array, bool no_headings,
				  const struct ctl_stream_column *columns, size_t n)
{
	struct ctl_stream *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	*s = (struct ctl_stream){
		.file = file,
		.form = form,
		.array = array,
		.has_headings = !no_headings,
		.columns = calloc(n, sizeof *columns),
		.widths = calloc(n, sizeof *s->widths),
		.n_columns = n,
		.room = form == CTL_STREAM_ALIGNED ? SAMPLE : 1,
	};
	s->cells = calloc(s->room * n, sizeof *s->cells);
	if (!s->columns || !s->widths || !s->cells) {
		ctl_stream_free(s);
		return NULL;
	}
	memcpy(s->columns, columns, n * sizeof *columns);
	for (size_t i = 0; i < n; i++)
		s->widths[i] = no_headings ? 0 : strlen(columns[i].name);
	if (form == CTL_STREAM_JSON)
		fprintf(file, "{\n   \"%s\": [\n", array);
	return s;
}

void ctl_stream_begin_row(struct ctl_stream *s)
{
	size_t kept = s->has_begun ? 1 : s->room;

	if (s->n_rows == kept)
		flush(s);
	for (size_t i = 0; i < s->n_columns; i++)
		s->cells[s->n_rows * s->n_columns + i].is_set = false;
	s->n_rows++;
}

static bool store(struct cell *cell, const char *text)
{
	size_t size = strlen(text) + 1;

	if (size > cell->room) {
		char *more = realloc(cell->text, 2 * size);

		if (!more)
			return false;
		cell->text = more;
		cell->room = 2 * size;
	}
	memcpy(cell->text, text, size);
	cell->is_set = true;
	return true;
}

bool ctl_stream_set(struct ctl_stream *s, size_t i, const char *text)
{
	struct cell *cell = &s->cells[(s->n_rows - 1) * s->n_columns + i];
	char *clean;
	bool stored;

	/* Raw text is escaped byte by byte when it is printed. */
	if (s->form == CTL_STREAM_RAW || is_plain(text))
		return store(cell, text);
	clean = tool_text_escape(text, s->form == CTL_STREAM_ALIGNED);
	stored = clean && store(cell, clean);
	free(clean);
	return stored;
}

void ctl_stream_end(struct ctl_stream *s)
{
	flush(s);
	if (s->form == CTL_STREAM_JSON)
		fputs(s->has_begun ? "      }\n   ]\n}\n" : "\n   ]\n}\n", s->file);
}

void ctl_stream_free(struct ctl_stream *s)
{
	if (!s)
		return;
	for (size_t i = 0; s->cells && i < s->room * s->n_columns; i++)
		free(s->cells[i].text);
	free(s->cells);
	free(s->widths);
	free(s->columns);
	free(s);
}
