/*
 * number.h - numbers on the command line and in files. Each function leaves its result alone if it returns false.
 */
#ifndef TOOL_NUMBER_H
#define TOOL_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Parse a decimal number, or a hexadecimal one after 0x, of at most max. Nothing may follow it. */
bool tool_parse_number(const char *text, uint64_t max, uint64_t *value);

/* Parse seconds with an optional fraction ("2", "0.25"). */
bool tool_parse_seconds(const char *text, uint64_t *milliseconds);

/* Parse a number of bytes with an optional K, M, G or T (powers of 1024) behind it. */
bool tool_parse_bytes(const char *text, uint64_t *bytes);

#endif /* TOOL_NUMBER_H */
