/*
 * bare.c - the limits: what a count costs that nobody else ever looks at.
 */
#include "peer.h"

#include <stdlib.h>

static void *start(const uint64_t *ids, size_t n)
{
	uint64_t *word = aligned_alloc(128, 128);

	(void)ids;
	(void)n;
	if (word)
		*word = 0;
	return word;
}

static void use_atomic(void *state, const uint64_t *ids, size_t mask, size_t count)
{
	uint64_t *word = state;

	(void)ids;
	(void)mask;
	for (size_t i = 0; i < count; i++) {
		__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
		__atomic_fetch_sub(word, 1, __ATOMIC_SEQ_CST);
	}
}

/* volatile: loads and stores that are really made, as a count needs that another process may read at any time. */
static void use_plain(void *state, const uint64_t *ids, size_t mask, size_t count)
{
	volatile uint64_t *word = state;

	(void)ids;
	(void)mask;
	for (size_t i = 0; i < count; i++) {
		*word = *word + 1;
		*word = *word - 1;
	}
}

const struct peer peer_bare_atomic = { .name = "two bare atomic adds", .start = start, .use = use_atomic, .stop = free };
const struct peer peer_bare_plain = { .name = "two plain increments", .start = start, .use = use_plain, .stop = free };
