/*
 * stream.h - rows that are printed as they come, however many there are.
 */
#ifndef CTL_STREAM_H
#define CTL_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum ctl_stream_form { CTL_STREAM_ALIGNED, CTL_STREAM_RAW, CTL_STREAM_JSON };

struct ctl_stream;

struct ctl_stream_column {
	const char *name;
	bool right;      /* aligned to the right */
	bool is_literal; /* in JSON a number, or 1 or 0 with is_flag */
	bool is_flag;
};

/* Begin to print to file; array is the name of the rows in JSON. Copies columns. Returns NULL if memory is short. */
struct ctl_stream *ctl_stream_new(FILE *file, enum ctl_stream_form form, const char *array, bool no_headings,
				  const struct ctl_stream_column *columns, size_t n);

/* Begin a row; set its cell in column i. A cell that is not set is empty, in JSON null. False: memory is short. */
void ctl_stream_begin_row(struct ctl_stream *stream);
bool ctl_stream_set(struct ctl_stream *stream, size_t i, const char *text);

/* Print what is left. */
void ctl_stream_end(struct ctl_stream *stream);
void ctl_stream_free(struct ctl_stream *stream);

#endif /* CTL_STREAM_H */
