/*
 * number.c - numbers on the command line and in files.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/number.h"

bool tool_parse_number(const char *text, uint64_t max, uint64_t *value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	const char *allowed = hex ? "0123456789abcdefABCDEF" : "0123456789";
	unsigned base = hex ? 16 : 10;
	uint64_t sum = 0;

	if (!*digits || digits[strspn(digits, allowed)])
		return false;
	for (; *digits; digits++) {
		int digit = isdigit((unsigned char)*digits) ? *digits - '0' : (*digits | 0x20) - 'a' + 10;

		if (__builtin_mul_overflow(sum, base, &sum) || __builtin_add_overflow(sum, digit, &sum) || sum > max)
			return false;
	}
	*value = sum;
	return true;
}

bool tool_parse_seconds(const char *text, uint64_t *milliseconds)
{
	size_t whole = strspn(text, "0123456789");
	const char *fraction = text[whole] == '.' ? text + whole + 1 : "";
	size_t decimals = strlen(fraction);
	char digits[32];

	if (!whole || whole > 10 || decimals > 3 || text[whole + (decimals ? decimals + 1 : 0)])
		return false;
	snprintf(digits, sizeof digits, "%.*s%s%.*s", (int)whole, text, fraction, (int)(3 - decimals), "000");
	return tool_parse_number(digits, UINT64_MAX, milliseconds);
}

bool tool_parse_bytes(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	size_t length = strlen(text);
	const char *unit = length > 1 ? strchr(units, text[length - 1]) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	char digits[32];

	length -= unit != NULL;
	if (length >= sizeof digits)
		return false;
	memcpy(digits, text, length);
	digits[length] = '\0';
	if (!tool_parse_number(digits, UINT64_MAX >> shift, bytes))
		return false;
	*bytes <<= shift;
	return true;
}
