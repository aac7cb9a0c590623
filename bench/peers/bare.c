/*
 * bare.c - the limits of the machine: a count that no other thread reads, and the look-up of an id in a large table.
 *
 * In the large table an id leads to an entry of an index, and the entry leads to a slot. The arrays have the sizes of
 * segreg's index and slots for ids->n segments. They lie in shared memory, as segreg's do: in pages of 4 KiB, unless
 * the system gives larger ones. A second peer has them in private memory with huge pages. The difference is the cost of
 * the pages.
 */
#include "common/fail.h"
#include "common/measure.h"
#include "peers/peer.h"

#include <stdlib.h>
#include <sys/mman.h>

/* ---------------------------------------------------------------- counts */

static void *start_word(const struct peer_ids *ids)
{
	uint64_t *word = aligned_alloc(128, 128);

	(void)ids;
	if (word)
		*word = 0;
	return word;
}

static void use_atomic(void *state, const struct peer_ids *ids, size_t count)
{
	uint64_t *word = state;

	(void)ids;
	for (size_t i = 0; i < count; i++) {
		__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
		__atomic_fetch_sub(word, 1, __ATOMIC_SEQ_CST);
	}
}

/* volatile, so that the compiler keeps each load and store. A count that another process may read needs them. */
static void use_plain(void *state, const struct peer_ids *ids, size_t count)
{
	volatile uint64_t *word = state;

	(void)ids;
	for (size_t i = 0; i < count; i++) {
		*word = *word + 1;
		*word = *word - 1;
	}
}

/* Within a loop a processor forwards a store to a load of the same address. Across a function call it does not. */
static __attribute__((noinline)) int add_plain(volatile uint64_t *word, uint64_t n)
{
	*word = *word + n;
	return 0;
}

static void use_called(void *state, const struct peer_ids *ids, size_t count)
{
	(void)ids;
	for (size_t i = 0; i < count; i++)
		if (add_plain(state, 1) || add_plain(state, UINT64_MAX))
			return;
}

const struct peer peer_bare_atomic = { "two bare atomic adds", start_word, use_atomic, free, NULL };
const struct peer peer_bare_plain = { "two plain increments", start_word, use_plain, free, NULL };
const struct peer peer_called_plain = { "two plain increments, each in a call", start_word, use_called, free, NULL };

/* ---------------------------------------------------------------- loads */

struct slot {
	uint64_t id, word;
};

struct table {
	uint32_t *index;
	struct slot *slots;
	size_t index_size, slots_size;
	unsigned shift;
};

static void *get_memory(size_t size, bool huge)
{
	int flags = huge ? MAP_PRIVATE : MAP_SHARED;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap");
	if (huge)
		madvise(memory, size, MADV_HUGEPAGE);
	return memory;
}

static void *start_table(const struct peer_ids *ids, bool huge)
{
	struct table *table = calloc(1, sizeof(*table));
	unsigned bits = 10;
	uint64_t seed = 1;

	if (!table)
		return NULL;
	while ((size_t)1 << bits < 2 * ids->n)
		bits++;
	table->shift = 64 - bits;
	table->index_size = sizeof(*table->index) << bits;
	table->slots_size = sizeof(*table->slots) * ids->n;
	table->index = get_memory(table->index_size, huge);
	table->slots = get_memory(table->slots_size, huge);
	for (size_t i = 0; i >> bits == 0; i++)
		table->index[i] = (uint32_t)(measure_random(&seed) % ids->n);
	for (size_t i = 0; i < ids->n; i++)
		table->slots[i].id = ids->known[i];
	return table;
}

static void *start_shared_table(const struct peer_ids *ids)
{
	return start_table(ids, false);
}

static void *start_huge_table(const struct peer_ids *ids)
{
	return start_table(ids, true);
}

static inline uint64_t look_up(const struct table *table, uint64_t id)
{
	return table->slots[table->index[(id ^ id >> 32) * 0x9e3779b97f4a7c15ull >> table->shift]].word;
}

static void use_table(void *state, const struct peer_ids *ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		measure_keep(look_up(state, ids->ids[i & ids->mask]));
}

/* Every word is 0. The compiler cannot know that, so the next id waits for the word. */
static void chase_table(void *state, const struct peer_ids *ids, size_t count)
{
	uint64_t word = 0;

	for (size_t i = 0; i < count; i++)
		word = look_up(state, ids->ids[(i + word) & ids->mask]);
	measure_keep(word);
}

static void stop_table(void *state)
{
	struct table *table = state;

	munmap(table->index, table->index_size);
	munmap(table->slots, table->slots_size);
	free(table);
}

const struct peer peer_two_loads = { "two dependent random loads", start_shared_table, use_table, stop_table,
				     chase_table };
const struct peer peer_two_loads_huge = { "two such loads, private huge pages", start_huge_table, use_table, stop_table,
					  chase_table };
