/*
 * text.h - text that may hold any byte, made fit for a terminal, a log or JSON.
 */
#ifndef TOOL_TEXT_H
#define TOOL_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * Returns a copy of text, to be freed; NULL if memory is short. Bytes that are not valid UTF-8 become \xNN. With
 * controls set, so do control characters.
 */
char *tool_text_escape(const char *text, bool controls);

/* Returns a formatted message with control characters escaped, to be freed; NULL if memory is short. */
char *tool_text_vformat(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
char *tool_text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Write prefix, a formatted message and a newline to stream, control characters escaped. */
void tool_text_say(FILE *stream, const char *prefix, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif /* TOOL_TEXT_H */
