/*
 * spans.c - the versions of all snapshots, or of all horizons, in order: which handles have one in a range.
 *
 * The sorted items are cut into blocks. For each block there is the set of handles in it, in it and the next, in it and
 * the next three, and so on. A range consists of two such runs of blocks, which may overlap, and of less than two
 * blocks of single items at its ends. A block has at least four items for each word of a set. So the sets
 * of one level have a quarter as many words as there are items.
 */
#include <stdlib.h>
#include <string.h>

#include "segctl/sets.h"
#include "segctl/spans.h"

#define BLOCK_MIN 64

bool ctl_spans_add(struct ctl_spans *spans, struct ctl_span span)
{
	if (spans->n == spans->room) {
		size_t room = spans->room ? 2 * spans->room : 64;
		void *more = reallocarray(spans->items, room, sizeof *spans->items);

		if (!more)
			return false;
		spans->items = more;
		spans->room = room;
	}
	spans->items[spans->n++] = span;
	return true;
}

static int by_version(const void *a, const void *b)
{
	const struct ctl_span *x = a, *y = b;

	return (x->version > y->version) - (x->version < y->version);
}

static uint64_t *level(const struct ctl_spans *spans, unsigned number, size_t block)
{
	return spans->levels + (number * spans->n_blocks + block) * spans->words;
}

static void fill_level(struct ctl_spans *spans, unsigned number)
{
	size_t half = (size_t)1 << (number - 1);

	for (size_t block = 0; block + 2 * half <= spans->n_blocks; block++)
		for (size_t i = 0; i < spans->words; i++)
			level(spans, number, block)[i] =
				level(spans, number - 1, block)[i] | level(spans, number - 1, block + half)[i];
}

bool ctl_spans_sort(struct ctl_spans *spans, size_t n)
{
	if (spans->n)
		qsort(spans->items, spans->n, sizeof *spans->items, by_version);
	spans->words = n / 64 + 1;
	spans->block = 4 * spans->words > BLOCK_MIN ? 4 * spans->words : BLOCK_MIN;
	spans->n_blocks = spans->n / spans->block;
	while (spans->n_blocks >> spans->n_levels)
		spans->n_levels++;
	if (!spans->n_levels)
		return true;
	spans->levels = calloc(spans->n_levels * spans->n_blocks, spans->words * sizeof *spans->levels);
	if (!spans->levels)
		return false;
	for (size_t i = 0; i < spans->n_blocks * spans->block; i++)
		ctl_set_add(level(spans, 0, i / spans->block), spans->items[i].handle);
	for (unsigned number = 1; number < spans->n_levels; number++)
		fill_level(spans, number);
	return true;
}

void ctl_spans_free(struct ctl_spans *spans)
{
	free(spans->items);
	free(spans->levels);
}

size_t ctl_spans_find(const struct ctl_spans *spans, uint64_t version)
{
	size_t low = 0, high = spans->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (spans->items[middle].version < version)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void collect_items(const struct ctl_spans *spans, size_t begin, size_t end, uint64_t *set)
{
	for (; begin < end; begin++)
		ctl_set_add(set, spans->items[begin].handle);
}

void ctl_spans_collect(const struct ctl_spans *spans, size_t begin, size_t end, uint64_t *set)
{
	size_t first = (begin + spans->block - 1) / spans->block, last = end / spans->block;
	unsigned number = 0;
	const uint64_t *left, *right;

	if (first >= last) {
		collect_items(spans, begin, end, set);
		return;
	}
	collect_items(spans, begin, first * spans->block, set);
	collect_items(spans, last * spans->block, end, set);
	while ((size_t)2 << number <= last - first)
		number++;
	left = level(spans, number, first);
	right = level(spans, number, last - ((size_t)1 << number));
	for (size_t i = 0; i < spans->words; i++)
		set[i] |= left[i] | right[i];
}
