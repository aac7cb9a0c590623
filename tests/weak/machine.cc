/*
 * machine.cc - memory as C11 allows it to be, and the operations on it.
 *
 * Memory is what the promise-free part of the "promising" semantics defines (Kang, Hur, Lahav, Vafeiadis, Dreyer: A
 * promising semantics for relaxed-memory concurrency, POPL 2017). Each word is the list of all that was ever written to
 * it. Each thread has a view: how far into each list it must have seen. A load takes any entry from there on. A release
 * writes the thread's view beside the value, and an acquire that reads the value takes the view over. A full fence
 * exchanges views with all full fences before it. A read-modify-write takes the last entry, and hands on the view of
 * what it replaced.
 *
 * Two things are not in it. First, a load that sees a store which its own thread makes possible only later. No ordering
 * that is in use allows that: each store that others act on is a release or follows an acquire. Second, a store that
 * gets a place in the list before an older one. Each word has one writer at a time, or is changed by read-modify-writes
 * alone.
 */
#include "machine_inside.h"

namespace machine
{

struct word {
	unsigned size;
	std::string name;
};

struct area {
	uintptr_t from, to;
};

std::map<uintptr_t, unsigned> numbers;
location memory[LOCATIONS];
view fenced, locked[M_LOCKS];
int holder[M_LOCKS];

static std::map<uintptr_t, word> words;
static std::vector<area> privates;

static bool is_private(uintptr_t at)
{
	if (!inside)
		return true;
	for (const area &a : privates)
		if (at >= a.from && at < a.to)
			return true;
	return false;
}

static uint64_t peek(const volatile void *at, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, const_cast<const void *>(at), size);
	return value;
}

static void poke(volatile void *at, unsigned size, uint64_t value)
{
	memcpy(const_cast<void *>(at), &value, size);
}

static void write(unsigned n, const entry &e)
{
	memory[n].entries.push_back(e);
	append(memory[n].history, e);
}

static unsigned number_of(const volatile void *at, unsigned size)
{
	uintptr_t key = reinterpret_cast<uintptr_t>(at);
	auto found = numbers.find(key);
	unsigned n = found != numbers.end() ? found->second : static_cast<unsigned>(numbers.size());

	if (n == LOCATIONS)
		stop("too many words");
	if (found == numbers.end())
		numbers[key] = n;
	if (memory[n].entries.empty()) {
		memory[n].name = words.count(key) ? words[key].name : "word";
		write(n, { peek(at, size), view() });
	}
	return n;
}

static uint64_t take(thread &t, unsigned n, unsigned at, enum m_order order)
{
	const entry &e = memory[n].entries[at];

	if (t.now.seen[n] < at)
		t.now.seen[n] = static_cast<uint8_t>(at);
	t.acquired.join(t.now);
	t.acquired.join(e.released);
	if (order & M_ACQUIRE)
		t.now.join(e.released);
	append(t.log, e.value);
	return e.value;
}

static void put(thread &t, unsigned n, uint64_t value, enum m_order order, const view *handed_on)
{
	uint8_t at = static_cast<uint8_t>(memory[n].entries.size());
	entry e = { value, t.released };

	t.now.seen[n] = t.acquired.seen[n] = at;
	if (order & M_RELEASE)
		e.released = t.now;
	if (handed_on)
		e.released.join(*handed_on);
	e.released.seen[n] = at;
	write(n, e);
}

void give(unsigned lock)
{
	locked[lock] = threads[holder[lock]].now;
	holder[lock] = -1;
}

/* pc: of the use that this is; NULL: a plain one. */
static uint64_t load(const volatile void *at, unsigned size, enum m_order order, void *pc)
{
	if (is_private(reinterpret_cast<uintptr_t>(at)))
		return peek(at, size);
	step();
	unsigned n = number_of(at, size);
	thread &t = threads[running];
	unsigned last = static_cast<unsigned>(memory[n].entries.size()) - 1, first = t.now.seen[n];

	if (pc)
		order = order_of(pc, n, "load", order);
	return take(t, n, last - (last > first ? choose(last - first + 1) : 0), order);
}

static void store(volatile void *at, unsigned size, uint64_t value, enum m_order order, void *pc)
{
	if (!is_private(reinterpret_cast<uintptr_t>(at))) {
		step();
		unsigned n = number_of(at, size);

		if (pc)
			order = order_of(pc, n, "store", order);
		put(threads[running], n, value, order, nullptr);
		append(threads[running].log, n);
	}
	poke(at, size, value);
}

/* With lock free. */
static void get(unsigned lock)
{
	thread &t = threads[running];

	holder[lock] = static_cast<int>(running);
	t.now.join(locked[lock]);
	t.acquired.join(t.now);
	append(t.log, lock);
}

} // namespace machine

using namespace machine;

extern "C" {

__attribute__((noinline)) uint64_t m_load(const volatile void *at, unsigned size, enum m_order order)
{
	return load(at, size, order, __builtin_return_address(0));
}

__attribute__((noinline)) void m_store(volatile void *at, unsigned size, uint64_t value, enum m_order order)
{
	store(at, size, value, order, __builtin_return_address(0));
}

__attribute__((noinline)) uint64_t m_add(volatile void *at, unsigned size, uint64_t value, enum m_order order)
{
	if (!is_private(reinterpret_cast<uintptr_t>(at))) {
		step();
		unsigned n = number_of(at, size), last = static_cast<unsigned>(memory[n].entries.size()) - 1;
		view handed_on = memory[n].entries[last].released;
		uint64_t before;

		order = order_of(__builtin_return_address(0), n, "add", order);
		before = take(threads[running], n, last, order);
		put(threads[running], n, size == 4 ? static_cast<uint32_t>(before + value) : before + value, order,
		    &handed_on);
	}
	uint64_t before = peek(at, size);

	poke(at, size, before + value);
	return before;
}

__attribute__((noinline)) bool m_cas(volatile void *at, unsigned size, uint64_t expected, uint64_t value,
				     enum m_order order)
{
	if (!is_private(reinterpret_cast<uintptr_t>(at))) {
		step();
		unsigned n = number_of(at, size), last = static_cast<unsigned>(memory[n].entries.size()) - 1;
		view handed_on = memory[n].entries[last].released;

		order = order_of(__builtin_return_address(0), n, "cas", order);
		if (take(threads[running], n, last, order) != expected)
			return false;
		put(threads[running], n, value, order, &handed_on);
		poke(at, size, value);
		return true;
	}
	if (peek(at, size) != expected)
		return false;
	poke(at, size, value);
	return true;
}

__attribute__((noinline)) void m_fence(enum m_order order)
{
	if (!inside)
		return;
	order = order_of(__builtin_return_address(0), NO_LOCATION, "fence", order);
	if (order == M_FULL) /* others change this thread's views alone */
		step();
	thread &t = threads[running];

	append(t.log, order);
	if (order & M_ACQUIRE || order == M_FULL)
		t.now = t.acquired;
	if (order == M_FULL) {
		t.now.join(fenced);
		fenced = t.acquired = t.now;
	}
	if (order & M_RELEASE || order == M_FULL)
		t.released = t.now;
}

void m_lock(unsigned lock)
{
	if (!inside)
		return;
	threads[running].wants = static_cast<int>(lock);
	step();
	threads[running].wants = -1;
	get(lock);
	threads[running].has_just_locked = true;
}

bool m_try(unsigned lock)
{
	if (m_is_locked(lock))
		return false;
	if (inside)
		get(lock);
	return true;
}

bool m_is_locked(unsigned lock)
{
	step();
	bool is_locked = holder[lock] != -1;

	if (inside)
		append(threads[running].log, is_locked);
	return is_locked;
}

void m_unlock(unsigned lock)
{
	if (!inside)
		return;
	if (lock != M_TABLE) /* what others do before this they can as well do after */
		step();
	threads[running].has_just_locked = false;
	give(lock);
	append(threads[running].log, lock);
}

void m_hold(unsigned lock, unsigned thread)
{
	holder[lock] = static_cast<int>(thread);
}

void *m_copy(void *to, const void *from, unsigned long size)
{
	char *out = static_cast<char *>(to);
	const char *in = static_cast<const char *>(from);
	unsigned n;

	for (unsigned long i = 0; i < size; i += n) {
		auto source = words.find(reinterpret_cast<uintptr_t>(in + i)),
		     target = words.find(reinterpret_cast<uintptr_t>(out + i));

		n = source != words.end() ? source->second.size : target != words.end() ? target->second.size : 1;
		uint64_t value = source != words.end() ? load(in + i, n, M_RELAXED, nullptr) : peek(in + i, n);

		if (target != words.end())
			store(out + i, n, value, M_RELAXED, nullptr);
		else
			poke(out + i, n, value);
	}
	return to;
}

void *m_fill(void *to, int byte, unsigned long size)
{
	uintptr_t at = reinterpret_cast<uintptr_t>(to), end = at + size;

	for (auto w = words.lower_bound(at); w != words.end() && w->first < end; w++) {
		memset(reinterpret_cast<void *>(at), byte, w->first - at);
		store(reinterpret_cast<void *>(w->first), w->second.size,
		      0x0101010101010101 * static_cast<uint8_t>(byte), M_RELAXED, nullptr);
		at = w->first + w->second.size;
	}
	memset(reinterpret_cast<void *>(at), byte, end - at);
	return to;
}

uint64_t m_latest(const volatile void *at, unsigned size)
{
	if (!inside)
		return peek(at, size);
	step();
	uint64_t value = memory[number_of(at, size)].entries.back().value;

	append(threads[running].log, value);
	return value;
}

bool m_knows(const volatile void *at, unsigned size)
{
	if (!inside)
		return true;
	step();
	unsigned n = number_of(at, size);
	bool knows = threads[running].now.seen[n] + 1u == memory[n].entries.size();

	append(threads[running].log, knows);
	return knows;
}

void m_check(bool condition, const char *what)
{
	if (condition)
		return;
	violation = what;
	if (inside)
		step();
}

void m_name(const volatile void *at, unsigned size, const char *name)
{
	words[reinterpret_cast<uintptr_t>(at)] = { size, name };
}

void m_private(const volatile void *at, unsigned long size)
{
	uintptr_t from = reinterpret_cast<uintptr_t>(at);

	for (const area &a : privates)
		if (a.from == from)
			return;
	privates.push_back({ from, from + size });
}
}
