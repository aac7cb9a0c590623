/*
 * number.c - numbers on the command line and in files.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
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

/* ------------------------------------------------------------------ with a unit */

struct decimal {
	uint64_t whole;
	unsigned thousandths;
};

/* Take "12" or "12.345" from the beginning of *text. False: there is no such number, or it has more decimals. */
static bool take_decimal(const char **text, struct decimal *number)
{
	size_t digits = strspn(*text, "0123456789");
	const char *fraction = (*text)[digits] == '.' ? *text + digits + 1 : NULL;
	size_t decimals = fraction ? strspn(fraction, "0123456789") : 0;

	if (!digits || (fraction && (!decimals || decimals > 3)))
		return false;
	*number = (struct decimal){ .whole = 0 };
	for (const char *c = *text; c < *text + digits; c++)
		if (__builtin_mul_overflow(number->whole, 10, &number->whole) ||
		    __builtin_add_overflow(number->whole, *c - '0', &number->whole))
			return false;
	for (unsigned i = 0, place = 100; i < decimals; i++, place /= 10)
		number->thousandths += (unsigned)(fraction[i] - '0') * place;
	*text += fraction ? digits + 1 + decimals : digits;
	return true;
}

/* Add number times factor to *sum. False: the sum is too large, or the smallest unit has a fraction. */
static bool add_scaled(struct decimal number, uint64_t factor, uint64_t *sum)
{
	uint64_t whole, part = factor / 1000 * number.thousandths + factor % 1000 * number.thousandths / 1000;

	return !(factor == 1 && number.thousandths) && !__builtin_mul_overflow(number.whole, factor, &whole) &&
	       !__builtin_add_overflow(*sum, whole, sum) && !__builtin_add_overflow(*sum, part, sum);
}

static const char *skip_spaces(const char *text)
{
	return text + strspn(text, " ");
}

/* Take a unit of time. Returns it in milliseconds, 0 if there is none. */
static uint64_t take_time_unit(const char **text)
{
	static const struct {
		const char *name;
		uint64_t milliseconds;
	} units[] = {
		{ "ms", 1 },      { "s", 1000 },     { "min", 60000 },   { "m", 60000 },
		{ "h", 3600000 }, { "d", 86400000 }, { "w", 604800000 },
	};
	size_t length = strspn(*text, "abcdefghijklmnopqrstuvwxyz");

	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strlen(units[i].name) == length && !strncmp(units[i].name, *text, length)) {
			*text += length;
			return units[i].milliseconds;
		}
	return 0;
}

bool tool_parse_span(const char *text, uint64_t *milliseconds)
{
	uint64_t sum = 0, smaller_than = UINT64_MAX;

	do {
		struct decimal number;
		uint64_t unit;

		if (!take_decimal(&text, &number))
			return false;
		text = skip_spaces(text);
		unit = *text || smaller_than < UINT64_MAX ? take_time_unit(&text) : 1000;
		if (!unit || unit >= smaller_than || !add_scaled(number, unit, &sum))
			return false;
		smaller_than = unit;
		text = skip_spaces(text);
	} while (*text);
	*milliseconds = sum;
	return true;
}

/* Returns what a unit of bytes stands for, 0 if it is none. */
static uint64_t find_byte_unit(const char *unit)
{
	static const char letters[] = "KMGTPE";
	const char *letter = *unit ? strchr(letters, toupper((unsigned char)*unit)) : NULL;
	const char *rest = letter ? unit + 1 : unit;
	bool is_binary = !strcasecmp(rest, "iB") || !strcasecmp(rest, "i") || !*rest;
	uint64_t factor = 1;

	if (!letter)
		return !*unit || !strcasecmp(unit, "B");
	if (!is_binary && strcasecmp(rest, "B"))
		return 0;
	for (const char *l = letters; l <= letter; l++)
		factor *= is_binary ? 1024 : 1000;
	return factor;
}

bool tool_parse_bytes(const char *text, uint64_t *bytes)
{
	struct decimal number;
	uint64_t unit, sum = 0;

	if (tool_parse_number(text, UINT64_MAX, bytes))
		return true;
	if (!take_decimal(&text, &number))
		return false;
	unit = find_byte_unit(skip_spaces(text));
	if (!unit || !add_scaled(number, unit, &sum))
		return false;
	*bytes = sum;
	return true;
}
