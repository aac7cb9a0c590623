/*
 * tool.h - what segctl and segregd have in common: exit statuses, numbers on the command line, text for people.
 */
#ifndef TOOL_H
#define TOOL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "segreg.h"

/* In the registry's directory: segregd holds an OFD lock on it for as long as it runs. */
#define TOOL_SWEEPER_LOCK "segregd.lock"

#define TOOL_SPAN_SIZE 32  /* of what tool_format_bytes and tool_format_span write */

/* The sysexits(3) status that stands for a SEGREG_E_* code. */
int tool_exit_status(int code);

/* What helps against a SEGREG_E_* code whose text names no way out; "" if that has one, or nothing is known. */
const char *tool_way_out(int code, const char *text);

/* Strict: decimal, or hexadecimal after 0x, and nothing else. False leaves *value alone. */
bool tool_parse_number(const char *text, uint64_t max, uint64_t *value);

/* Seconds with an optional fraction ("2", "0.25") as milliseconds. */
bool tool_parse_seconds(const char *text, uint64_t *milliseconds);

/* A number of bytes with an optional K, M, G or T (powers of 1024) behind it. */
bool tool_parse_bytes(const char *text, uint64_t *bytes);

/* "512 B", "12.3 MiB". Returns buf. */
const char *tool_format_bytes(uint64_t bytes, char buf[TOOL_SPAN_SIZE]);

/* A duration in nanoseconds in its largest unit that leaves two digits: "90s", "5m", "3h", "12d". Returns buf. */
const char *tool_format_span(int64_t nanoseconds, char buf[TOOL_SPAN_SIZE]);

/* CLOCK_REALTIME nanoseconds as local time: "2026-01-31 12:00:00". Returns buf. */
const char *tool_format_time(int64_t at, char buf[TOOL_SPAN_SIZE]);

/*
 * Occupy standard descriptors that are closed, so that no file of ours becomes stdout. Reads and writes there go on
 * failing.
 */
void tool_guard_descriptors(void);

/* CLOCK_REALTIME, in nanoseconds. */
int64_t tool_now(void);

/*
 * A copy of text, to be freed, in which bytes that are not valid UTF-8 stand as \xNN, and with controls set control
 * characters as well. NULL: out of memory.
 */
char *tool_escape(const char *text, bool controls);

/* A formatted message with control characters escaped, to be freed. NULL: out of memory. */
char *tool_vformat(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* Write prefix, a formatted message and a newline to stream, control characters escaped. */
void tool_say(FILE *stream, const char *prefix, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What a sweep did: in a word, "deleted"; in a line, to be freed. */
const char *tool_event_name(const struct segreg_sweep_event *event);
char *tool_describe_event(const struct segreg_sweep_event *event, bool dry_run);

/* Say what a sweep did, in one line: "deleted 42 2026/seg-42: 12.3 MiB freed". */
void tool_say_event(FILE *stream, const char *prefix, const struct segreg_sweep_event *event, bool dry_run);

/* "2 segments wait for another try until 2026-01-31 12:00:00: segctl sweep --retry-now", to be freed, in *line: the deletions that have
 * failed, and are not done yet; NULL if there are none. Returns 0 or a SEGREG_E_* code. */
int tool_describe_failed(struct segreg *reg, char **line);

/* path becomes where the segment below base lies: at its path, or in the trash (true) while it is being deleted. (measure.c) */
#define TOOL_PLACE_SIZE (SEGREG_PATH_SIZE + 64)
bool tool_place(const char *base, const struct segreg_info *info, char path[TOOL_PLACE_SIZE]);

/* *bytes becomes what deleting the segment below base would give back. False if that cannot be told. (measure.c) */
bool tool_measure(const char *base, const struct segreg_info *info, uint64_t *bytes);

/* mount becomes a mount point that is path, or lies below it. False if none is found. (mounts.c) */
bool tool_find_mount(const char *path, char mount[TOOL_PLACE_SIZE]);

/* ------------------------------------------------------------------ served.c */

#define TOOL_SERVED_ERROR 768 /* bytes of an error, with its NUL */
#define TOOL_SERVED_TEXT (TOOL_SERVED_ERROR + 160)

/* What segregd.lock says of the segregd that runs, or ran. */
struct tool_served {
	bool is_running;
	int64_t pid;                   /* 0: not known */
	uint64_t pid_namespace;        /* in which that is its number */
	int64_t since;                 /* when the error came, in CLOCK_REALTIME nanoseconds */
	char error[TOOL_SERVED_ERROR]; /* of its last sweep; "" for none */
};

/* Write this process into the locked file, with the error of its last sweep (NULL: none). Where the disk takes nothing, the file
 * says nothing. */
void tool_served_write(int fd, const char *error);

void tool_served_read(const char *dir, struct tool_served *served);

/* "segregd (pid 4711) runs, but its last sweep failed, since TIME: ERROR". Returns text. Control characters are not escaped. */
const char *tool_served_describe(const struct tool_served *served, char text[TOOL_SERVED_TEXT]);

/* The PID namespace of this process; 0: not known. */
uint64_t tool_pid_namespace(void);

/* ------------------------------------------------------------------ out.c */

struct tool_out {
	int fd;
	bool is_own;    /* opened once more, not to block */
	bool is_socket;
	bool is_shared; /* a pipe or terminal that could not be opened once more */
};

/* Write to the file behind fd, and never wait for its reader. */
void tool_out_open(struct tool_out *out, int fd);
void tool_out_close(struct tool_out *out);

/* Like write(2). EAGAIN: the reader has not read what was written before. */
ssize_t tool_out_write(const struct tool_out *out, const char *text, size_t length);

#endif /* TOOL_H */
