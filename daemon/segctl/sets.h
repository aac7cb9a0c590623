/*
 * sets.h - sets of small numbers, each kept once.
 *
 * Segments that the same handles hold are one group, and a group is found by its set. The time of a look-up grows with
 * the size of a set, and not with the number of sets.
 */
#ifndef CTL_SETS_H
#define CTL_SETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl_sets {
	size_t words;    /* of 64 bits, of each set */
	uint64_t *items; /* the sets, one after the other */
	size_t n, room;
	uint32_t *table; /* of 2^bits numbers: a set, counted from 1; 0: free */
	unsigned bits;
};

#define CTL_SETS_NONE UINT32_MAX

/* Begin with the empty set, number 0, of sets of n numbers from 0. False: memory is short. */
bool ctl_sets_begin(struct ctl_sets *sets, size_t n);
void ctl_sets_free(struct ctl_sets *sets);

/* Returns the number of a set, which is added if it is new; CTL_SETS_NONE: memory is short. */
uint32_t ctl_sets_find(struct ctl_sets *sets, const uint64_t *set);

static inline const uint64_t *ctl_sets_get(const struct ctl_sets *sets, uint32_t number)
{
	return sets->items + number * sets->words;
}

static inline void ctl_set_add(uint64_t *set, size_t member)
{
	set[member / 64] |= UINT64_C(1) << member % 64;
}

static inline bool ctl_set_has(const uint64_t *set, size_t member)
{
	return set[member / 64] >> member % 64 & 1;
}

/* Returns the first member at or after from; words * 64 if there is none. */
size_t ctl_set_next(const uint64_t *set, size_t words, size_t from);

/* For each member of a set; member is a size_t. */
#define CTL_SET_EACH(member, set, words)                                                                               \
	for (member = ctl_set_next(set, words, 0); member < (words)*64; member = ctl_set_next(set, words, member + 1))

#endif /* CTL_SETS_H */
