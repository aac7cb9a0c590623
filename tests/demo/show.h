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

/* Something happened: a line that begins with the time. */
__attribute__((format(printf, 1, 2))) void show_event(const char *format, ...);
/* More about it. */
__attribute__((format(printf, 1, 2))) void show_more(const char *format, ...);

/* How things stand. On a terminal each one replaces the last; elsewhere, one a second is printed. */
__attribute__((format(printf, 1, 2))) void show_status(const char *format, ...);

/* A line of the summary: what, its figure, and what that was compared with. A remark is not a verdict. */
__attribute__((format(printf, 4, 5))) void show_verdict(bool ok, const char *what, const char *figure, const char *format, ...);
__attribute__((format(printf, 3, 4))) void show_remark(const char *what, const char *figure, const char *format, ...);

#endif
