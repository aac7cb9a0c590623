/*
 * machine_inside.h - what the machine's memory (machine.cc) and the search through all runs (search.cc) share.
 */
#ifndef MACHINE_INSIDE_H
#define MACHINE_INSIDE_H

#include "machine.h"

#include <csetjmp>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace machine
{

const unsigned LOCATIONS = 32, THREADS = 3;
const unsigned NO_LOCATION = LOCATIONS;

/* What was hashed so far. append adds to it; two chains with different constants make 128 bits. */
struct hash {
	uint64_t a = 0x9e3779b97f4a7c15, b = 0xc2b2ae3d27d4eb4f;

	bool operator==(const hash &other) const
	{
		return a == other.a && b == other.b;
	}
};

struct view {
	uint8_t seen[LOCATIONS];

	void join(const view &other)
	{
		for (unsigned i = 0; i < LOCATIONS; i++)
			if (other.seen[i] > seen[i])
				seen[i] = other.seen[i];
	}
};

struct entry {
	uint64_t value;
	view released;
};

struct location {
	std::string name;
	std::vector<entry> entries;
	hash history; /* of entries */
};

struct thread {
	jmp_buf at, start; /* where it stands; where it begins in each run */
	bool ended;
	int wants; /* a lock; -1 */
	bool has_just_locked;
	view now, acquired, released;
	hash log; /* of what its steps returned */
};

extern std::map<uintptr_t, unsigned> numbers; /* of words that were met; the same in all runs */
extern std::string violation;                 /* empty: none */

/* Of the run. */
extern location memory[LOCATIONS];
extern thread threads[THREADS];
extern unsigned running;
extern int holder[M_LOCKS];
extern view fenced, locked[M_LOCKS];
extern bool inside;

[[noreturn]] void stop(const char *why);
/* Below of: the next choice of this run. */
unsigned choose(unsigned of);
/*
 * Let any thread go on; returns when this one may. No other thread goes on between taking M_TABLE and the first
 * operation under it. What others do there they can as well do before, since they only wait for that lock.
 */
void step();
/* The ordering that this use has in this search. kind: "load", "fence" and so on; a string is not copied. */
enum m_order order_of(void *pc, unsigned location, const char *kind, enum m_order order);
/* Free a lock; its next holder gets the view of the last. */
void give(unsigned lock);

inline void append_word(hash &to, uint64_t word)
{
	unsigned __int128 a = static_cast<unsigned __int128>(to.a ^ word) * 0xa0761d6478bd642f;
	unsigned __int128 b = static_cast<unsigned __int128>(to.b ^ word) * 0xe7037ed1a0b428db;

	to.a = static_cast<uint64_t>(a) ^ static_cast<uint64_t>(a >> 64) ^ to.b;
	to.b = static_cast<uint64_t>(b) + static_cast<uint64_t>(b >> 64) + 0x8ebc6af09c88c6e3;
}

template <typename T> void append(hash &to, const T &what)
{
	uint64_t all[(sizeof(what) + 7) / 8] = {};

	memcpy(all, &what, sizeof(what));
	for (uint64_t word : all)
		append_word(to, word);
}

} // namespace machine

#endif
