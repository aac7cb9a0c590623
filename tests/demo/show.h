/*
 * show.h - the demo's screen: events as they happen, a status line that renews itself, and the summary.
 */
#ifndef SHOW_H
#define SHOW_H

#include <stdbool.h>
#include <stdint.h>

#define SHOW_SIZE 32

/* "1,234,567"; "12.3 MiB". Both return buf. */
const char *show_count(uint64_t count, char buf[SHOW_SIZE]);
const char *show_bytes(uint64_t bytes, char buf[SHOW_SIZE]);

/* Time is counted from here. */
void show_begin(void);
double show_seconds(void);

/* All lines from here on begin with the time. Something is done; something comes of it. */
__attribute__((format(printf, 1, 2))) void show_event(const char *format, ...);
__attribute__((format(printf, 1, 2))) void show_result(const char *format, ...);

/* How things stand. On a terminal each one replaces the last; elsewhere, one a second is printed. */
struct show_status {
	uint64_t made, deleted, bytes_freed, live, lookups, pins;
};
void show_status_head(void);
void show_status(const struct show_status *status);

/* A line of the summary: what, its figure, and what that was compared with. */
void show_verdict(bool ok, const char *what, const char *figure, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
