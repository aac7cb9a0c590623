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

void show_event(const char *format, ...)
{
	va_list args;

	erase_status();
	printf("%5.1f s  %s", show_seconds(), screen.colours ? "\033[1m" : "");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	puts(screen.colours ? "\033[m" : "");
}

void show_more(const char *format, ...)
{
	va_list args;

	erase_status();
	printf("         ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void show_status(const char *format, ...)
{
	double now = show_seconds();
	va_list args;

	if (now < screen.next_status)
		return;
	screen.next_status = now + (screen.terminal ? 0.2 : 1);
	erase_status();
	printf("%5.1f s  ", now);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	screen.has_status = screen.terminal;
	if (!screen.terminal)
		putchar('\n');
	fflush(stdout);
}

__attribute__((format(printf, 5, 0))) static void summary_line(const char *mark, const char *colour, const char *what,
								const char *figure, const char *format, va_list args)
{
	erase_status();
	printf("  %s%-5s%s  %-28s %13s   ", screen.colours ? colour : "", mark, screen.colours ? "\033[m" : "", what, figure);
	vprintf(format, args);
	putchar('\n');
}

void show_verdict(bool ok, const char *what, const char *figure, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	summary_line(ok ? "ok" : "WRONG", ok ? "\033[32m" : "\033[1;31m", what, figure, format, args);
	va_end(args);
}

void show_remark(const char *what, const char *figure, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	summary_line("", "", what, figure, format, args);
	va_end(args);
}
