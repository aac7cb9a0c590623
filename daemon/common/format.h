/*
 * format.h - amounts, spans and times for people. Each function returns buf.
 */
#ifndef TOOL_FORMAT_H
#define TOOL_FORMAT_H

#include <stdint.h>

#define TOOL_SPAN_SIZE 32 /* of buf, in bytes */

/* "512 B", "12.3 MiB". */
const char *tool_format_bytes(uint64_t bytes, char buf[TOOL_SPAN_SIZE]);

/* A duration in nanoseconds in its largest unit that leaves two digits: "90s", "5m", "3h", "12d". */
const char *tool_format_span(int64_t nanoseconds, char buf[TOOL_SPAN_SIZE]);

/* CLOCK_REALTIME nanoseconds as local time: "2026-01-31 12:00:00". */
const char *tool_format_time(int64_t at, char buf[TOOL_SPAN_SIZE]);

#endif /* TOOL_FORMAT_H */
