/*
 * number.h - numbers on the command line and in files. Each function leaves its result alone if it returns false.
 */
#ifndef TOOL_NUMBER_H
#define TOOL_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Parse a decimal number, or a hexadecimal one after 0x, of at most max. Nothing may follow it. */
bool tool_parse_number(const char *text, uint64_t max, uint64_t *value);

/*
 * Parse a duration: a number of seconds, or numbers with the units w, d, h, m or min, s and ms, the longest unit first
 * ("2", "0.25", "90s", "1h30m", "1.5 h"). A number has at most three decimals.
 */
bool tool_parse_span(const char *text, uint64_t *milliseconds);
#define TOOL_SPAN_EXAMPLES "a duration, such as 90, 90s, 5m, 1h30m or 2d"

/*
 * Parse a number of bytes ("512", "4K", "1.5 GiB", "2MB"). K, M, G, T, P and E are powers of 1024, also before "iB";
 * before a "B" alone they are powers of 1000. A number has at most three decimals. Lower case will do.
 */
bool tool_parse_bytes(const char *text, uint64_t *bytes);
#define TOOL_BYTES_EXAMPLES "a number of bytes, such as 512K, 1.5G or 2 TiB"

#endif /* TOOL_NUMBER_H */
