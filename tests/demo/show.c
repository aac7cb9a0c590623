/*
 * show.c - the demo's screen.
 */
#include "show.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
	struct timespec began;
	bool terminal;
	bool colours;
	bool has_status; /* the cursor stands behind a status line */
	double next_status;
} screen;

const char *show_count(uint64_t count, char buf[SHOW_SIZE])
{
	char digits[SHOW_SIZE];
	size_t length = (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
	char *to = buf;

	for (size_t i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return buf;
}

const char *show_bytes(uint64_t bytes, char buf[SHOW_SIZE])
{
	static const char units[] = "KMGT";
	double value = (double)bytes / 1024;
	size_t unit = 0;

	while (value >= 1023.5 && units[unit + 1]) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, SHOW_SIZE, "%.1f %ciB", value, units[unit]);
	return buf;
}

void show_begin(void)
{
	const char *term = getenv("TERM");

	clock_gettime(CLOCK_MONOTONIC, &screen.began);
	screen.terminal = isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
	screen.colours = screen.terminal && !getenv("NO_COLOR");
	setvbuf(stdout, NULL, _IOLBF, 0);
}

double show_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - screen.began.tv_sec) + (double)(now.tv_nsec - screen.began.tv_nsec) / 1e9;
}

static void erase_status(void)
{
	if (screen.has_status)
		fputs("\r\033[K", stdout);
	screen.has_status = false;
}

__attribute__((format(printf, 2, 0))) static void timed_line(const char *colour, const char *format, va_list args)
{
	erase_status();
	printf("%5.1f s  %s", show_seconds(), screen.colours ? colour : "");
	vprintf(format, args);
	puts(screen.colours ? "\033[m" : "");
}

void show_event(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	timed_line("\033[1m", format, args);
	va_end(args);
}

void show_result(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	timed_line("", format, args);
	va_end(args);
}

void show_status_head(void)
{
	printf("   time %8s %8s %12s %6s %11s %6s\n", "made", "deleted", "freed", "live", "lookups", "pins");
}

void show_status(const struct show_status *status)
{
	char made[SHOW_SIZE], deleted[SHOW_SIZE], freed[SHOW_SIZE];
	char live[SHOW_SIZE], lookups[SHOW_SIZE], pins[SHOW_SIZE];
	double now = show_seconds();

	if (now < screen.next_status)
		return;
	screen.next_status = now + (screen.terminal ? 0.2 : 1);
	erase_status();
	printf("%5.1f s %8s %8s %12s %6s %11s %6s%s", now, show_count(status->made, made),
	       show_count(status->deleted, deleted), show_bytes(status->bytes_freed, freed),
	       show_count(status->live, live), show_count(status->lookups, lookups), show_count(status->pins, pins),
	       screen.terminal ? "" : "\n");
	screen.has_status = screen.terminal;
	fflush(stdout);
}

void show_verdict(bool ok, const char *what, const char *figure, const char *format, ...)
{
	const char *colour = ok ? "\033[32m" : "\033[1;31m";
	va_list args;

	erase_status();
	printf("  %s%-5s%s  %-24s %13s   ", screen.colours ? colour : "", ok ? "ok" : "WRONG",
	       screen.colours ? "\033[m" : "", what, figure);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}
