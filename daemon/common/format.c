/*
 * format.c - amounts, spans and times for people.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "common/format.h"

#define SECOND INT64_C(1000000000)

const char *tool_format_bytes(uint64_t bytes, char buf[TOOL_SPAN_SIZE])
{
	static const char units[] = "KMGTPE";
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(buf, TOOL_SPAN_SIZE, "%u B", (unsigned)bytes);
		return buf;
	}
	while (value >= 1023.5) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, TOOL_SPAN_SIZE, value < 99.95 ? "%.1f %ciB" : "%.0f %ciB", value, units[unit]);
	return buf;
}

const char *tool_format_short_span(uint64_t nanoseconds, char buf[TOOL_SPAN_SIZE])
{
	double ms = (double)nanoseconds / 1e6;

	if (ms < 9999.5)
		snprintf(buf, TOOL_SPAN_SIZE, "%.*f ms", ms < 9.995 ? 2 : ms < 99.95 ? 1 : 0, ms);
	else
		snprintf(buf, TOOL_SPAN_SIZE, "%.1f s", ms / 1000);
	return buf;
}

const char *tool_format_count(uint64_t n, char buf[TOOL_SPAN_SIZE])
{
	char digits[TOOL_SPAN_SIZE], *to = buf;
	size_t length = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n);

	for (size_t i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return buf;
}

const char *tool_format_span(int64_t nanoseconds, char buf[TOOL_SPAN_SIZE])
{
	int64_t seconds = nanoseconds > 0 ? nanoseconds / SECOND : 0;

	if (seconds < 120)
		snprintf(buf, TOOL_SPAN_SIZE, "%" PRId64 "s", seconds);
	else if (seconds < 120 * 60)
		snprintf(buf, TOOL_SPAN_SIZE, "%" PRId64 "m", seconds / 60);
	else if (seconds < 48 * 3600)
		snprintf(buf, TOOL_SPAN_SIZE, "%" PRId64 "h", seconds / 3600);
	else
		snprintf(buf, TOOL_SPAN_SIZE, "%" PRId64 "d", seconds / 86400);
	return buf;
}

const char *tool_format_time(int64_t at, char buf[TOOL_SPAN_SIZE])
{
	time_t seconds = at / SECOND;
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(buf, TOOL_SPAN_SIZE, "%F %T", &tm);
	return buf;
}
