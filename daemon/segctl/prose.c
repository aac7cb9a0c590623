/*
 * prose.c - text for people: wrapped between words, to the width of the terminal.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "common/number.h"
#include "common/text.h"
#include "segctl/prose.h"

#define TEXT_MIN 30 /* columns for the text; with less it begins at INDENT in the lines below */
#define INDENT 8

size_t ctl_prose_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t number;

	if (isatty(STDOUT_FILENO))
		return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
	return columns && tool_parse_number(columns, UINT16_MAX, &number) ? (size_t)number : 0;
}

/* Returns the columns that the first n bytes of a text take. */
static size_t count_columns(const char *text, size_t n)
{
	mbstate_t state = { 0 };
	size_t columns = 0, length;
	wchar_t c;

	for (size_t i = 0; i < n; i += length) {
		int width;

		length = mbrtowc(&c, text + i, n - i, &state);
		if (!length || length > n - i) { /* no character of this locale */
			length = 1;
			state = (mbstate_t){ 0 };
			columns++;
			continue;
		}
		width = wcwidth(c);
		columns += width > 0 ? (size_t)width : 0;
	}
	return columns;
}

static void print_words(const char *text, size_t at, size_t indent, size_t width)
{
	size_t column = at;

	while (*text) {
		size_t n = strcspn(text, " "), columns = count_columns(text, n);

		if (width && column > indent && column + 1 + columns > width) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		} else if (column > at) {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)n, text);
		column += columns;
		text += n;
		text += strspn(text, " ");
	}
	putchar('\n');
}

void ctl_prose_print(const char *head, const char *format, ...)
{
	size_t width = ctl_prose_width(), at = count_columns(head, strlen(head));
	va_list args;
	char *text;

	va_start(args, format);
	text = tool_text_vformat(format, args);
	va_end(args);
	fputs(head, stdout);
	print_words(text ? text : "out of memory", at, width && at + TEXT_MIN > width ? INDENT : at, width);
	free(text);
}
