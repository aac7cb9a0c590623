/*
 * spans.h - the versions of all snapshots, or of all horizons, in order: which handles have one in a range.
 */
#ifndef CTL_SPANS_H
#define CTL_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl_span {
	uint64_t version;
	uint32_t handle; /* a number that ctl_spans_sort replaces */
	uint32_t epoch;
};

struct ctl_spans {
	struct ctl_span *items;
	size_t n, room;
	size_t block, words, n_blocks;
	unsigned n_levels;
	uint64_t *levels; /* level l, block b: the handles in blocks b to b + 2^l - 1 */
};

/* Add one. False: memory is short. */
bool ctl_spans_add(struct ctl_spans *spans, struct ctl_span span);

/*
 * Sort them, after the last one was added, and prepare the answers. Handles are numbers below n. False: memory is
 * short.
 */
bool ctl_spans_sort(struct ctl_spans *spans, size_t n);
void ctl_spans_free(struct ctl_spans *spans);

/* Returns how many have a version below version. */
size_t ctl_spans_find(const struct ctl_spans *spans, uint64_t version);

/* Add to set the handles of the items from begin on and before end. */
void ctl_spans_collect(const struct ctl_spans *spans, size_t begin, size_t end, uint64_t *set);

#endif /* CTL_SPANS_H */
