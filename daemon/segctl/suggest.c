/*
 * suggest.c - "did you mean": the known word that is nearest to a mistyped one.
 *
 * The distance is the number of letters to insert, drop, change or swap with a neighbour (optimal string alignment).
 * A word with a wrong letter in three is near. Case does not matter.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "segctl/suggest.h"

#define LENGTH_MAX 32 /* of words that are compared */

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int lower(const char *text, size_t i)
{
	return tolower((unsigned char)text[i]);
}

static size_t find_distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t rows[3][LENGTH_MAX + 1], *before = rows[0], *last = rows[1], *now = rows[2], *spare;

	for (size_t j = 0; j <= nb; j++)
		last[j] = j;
	for (size_t i = 1; i <= na; i++) {
		now[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t change = lower(a, i - 1) != lower(b, j - 1);

			now[j] = smaller(last[j - 1] + change, smaller(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && lower(a, i - 1) == lower(b, j - 2) && lower(a, i - 2) == lower(b, j - 1))
				now[j] = smaller(now[j], before[j - 2] + 1);
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[nb];
}

void ctl_suggest_begin(struct ctl_suggest *suggest, const char *word, size_t length)
{
	*suggest = (struct ctl_suggest){ .word = word, .length = length };
}

void ctl_suggest_add(struct ctl_suggest *suggest, const char *known)
{
	size_t length = strlen(known), distance;

	if (!suggest->length || suggest->length > LENGTH_MAX || length > LENGTH_MAX)
		return;
	distance = find_distance(suggest->word, suggest->length, known, length);
	if (distance * 3 > length + 1 || distance >= length || (suggest->best && distance >= suggest->distance))
		return;
	suggest->best = known;
	suggest->distance = distance;
}

const char *ctl_suggest_end(struct ctl_suggest *suggest, const char *prefix)
{
	if (suggest->best)
		snprintf(suggest->text, sizeof suggest->text, "; did you mean '%s%s'?", prefix, suggest->best);
	return suggest->text;
}
