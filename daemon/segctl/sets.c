/*
 * sets.c - sets of small numbers, each kept once, in a hash table that is at most half full.
 */
#include <stdlib.h>
#include <string.h>

#include "segctl/sets.h"

#define FIRST_BITS 6

static uint64_t hash(const uint64_t *set, size_t words)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < words; i++) {
		sum = (sum ^ set[i]) * UINT64_C(0x9e3779b97f4a7c15);
		sum ^= sum >> 32;
	}
	return sum;
}

/* Returns where the set is, or where it belongs. */
static uint32_t *place(const struct ctl_sets *sets, const uint64_t *set)
{
	size_t mask = ((size_t)1 << sets->bits) - 1, at = hash(set, sets->words) & mask;

	while (sets->table[at] && memcmp(ctl_sets_get(sets, sets->table[at] - 1), set, sets->words * sizeof *set) != 0)
		at = (at + 1) & mask;
	return &sets->table[at];
}

static bool enlarge(struct ctl_sets *sets)
{
	uint32_t *old = sets->table;

	sets->table = calloc((size_t)2 << sets->bits, sizeof *sets->table);
	if (!sets->table) {
		sets->table = old;
		return false;
	}
	sets->bits++;
	for (uint32_t i = 0; i < sets->n; i++)
		*place(sets, ctl_sets_get(sets, i)) = i + 1;
	free(old);
	return true;
}

static bool make_room(struct ctl_sets *sets)
{
	size_t room = sets->room ? 2 * sets->room : 16;
	void *more;

	if (sets->n < sets->room)
		return true;
	more = reallocarray(sets->items, room, sets->words * sizeof *sets->items);
	if (!more)
		return false;
	sets->items = more;
	sets->room = room;
	return true;
}

uint32_t ctl_sets_find(struct ctl_sets *sets, const uint64_t *set)
{
	uint32_t *found = place(sets, set);

	if (*found)
		return *found - 1;
	if (sets->n == CTL_SETS_NONE - 1 || !make_room(sets))
		return CTL_SETS_NONE;
	memcpy(sets->items + sets->n * sets->words, set, sets->words * sizeof *set);
	*found = (uint32_t)++sets->n;
	if (2 * sets->n > (size_t)1 << sets->bits && !enlarge(sets))
		return CTL_SETS_NONE;
	return (uint32_t)sets->n - 1;
}

bool ctl_sets_begin(struct ctl_sets *sets, size_t n)
{
	uint64_t *empty;

	*sets = (struct ctl_sets){ .words = n / 64 + 1, .bits = FIRST_BITS };
	sets->table = calloc((size_t)1 << FIRST_BITS, sizeof *sets->table);
	empty = calloc(sets->words, sizeof *empty);
	n = sets->table && empty ? ctl_sets_find(sets, empty) : CTL_SETS_NONE;
	free(empty);
	return n == 0;
}

void ctl_sets_free(struct ctl_sets *sets)
{
	free(sets->items);
	free(sets->table);
}

size_t ctl_set_next(const uint64_t *set, size_t words, size_t from)
{
	while (from < words * 64) {
		uint64_t rest = set[from / 64] >> from % 64;

		if (rest)
			return from + (size_t)__builtin_ctzll(rest);
		from = (from / 64 + 1) * 64;
	}
	return words * 64;
}
