/*
 * format.h - amounts, spans, times and nouns for people. A function that takes buf returns it.
 */
#ifndef TOOL_FORMAT_H
#define TOOL_FORMAT_H

#include <stdint.h>

/* The noun for that number of things. */
static inline const char *tool_plural(uint64_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

#define TOOL_SPAN_SIZE 32 /* of buf, in bytes */

/* "512 B", "12.3 MiB". */
const char *tool_format_bytes(uint64_t bytes, char buf[TOOL_SPAN_SIZE]);

/* A short duration in nanoseconds: "0.31 ms", "12.3 ms", "2.5 s". */
const char *tool_format_short_span(uint64_t nanoseconds, char buf[TOOL_SPAN_SIZE]);
/* "1,234,567". */
const char *tool_format_count(uint64_t n, char buf[TOOL_SPAN_SIZE]);

/* A duration in nanoseconds in its largest unit that leaves two digits: "90s", "5m", "3h", "12d". */
const char *tool_format_span(int64_t nanoseconds, char buf[TOOL_SPAN_SIZE]);

/* CLOCK_REALTIME nanoseconds as local time: "2026-01-31 12:00:00". */
const char *tool_format_time(int64_t at, char buf[TOOL_SPAN_SIZE]);

#endif /* TOOL_FORMAT_H */
