/*
 * text.c - text that may hold any byte, made fit for a terminal, a log or JSON.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

/* Returns the number of bytes of the well-formed UTF-8 character at s; 0 if there is none. */
static size_t utf8_length(const unsigned char *s)
{
	size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < length; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90))
		return 0; /* longer than necessary */
	if ((s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf4 && s[1] >= 0x90))
		return 0; /* a surrogate; beyond Unicode */
	return length;
}

static bool is_control(const unsigned char *s)
{
	return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

char *tool_text_escape(const char *text, bool controls)
{
	const unsigned char *from = (const unsigned char *)text;
	char *copy = malloc(4 * strlen(text) + 1);
	char *to = copy;

	if (!copy)
		return NULL;
	while (*from) {
		size_t length = utf8_length(from);

		if (length && !(controls && is_control(from))) {
			to = mempcpy(to, from, length);
			from += length;
			continue;
		}
		for (length += !length; length; length--)
			to += sprintf(to, "\\x%02x", *from++);
	}
	*to = '\0';
	return copy;
}

char *tool_text_vformat(const char *format, va_list args)
{
	char *message = NULL, *line;

	if (vasprintf(&message, format, args) < 0)
		return NULL;
	line = tool_text_escape(message, true);
	free(message);
	return line;
}

char *tool_text_format(const char *format, ...)
{
	va_list args;
	char *line;

	va_start(args, format);
	line = tool_text_vformat(format, args);
	va_end(args);
	return line;
}

void tool_text_say(FILE *stream, const char *prefix, const char *format, ...)
{
	va_list args;
	char *line;

	va_start(args, format);
	line = tool_text_vformat(format, args);
	va_end(args);
	fprintf(stream, "%s%s\n", prefix, line ? line : "out of memory");
	free(line);
}
