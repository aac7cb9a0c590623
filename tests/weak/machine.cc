/*
 * machine.cc - explores all runs of a scenario under C11's orderings, then again with each ordering weakened.
 *
 *      PROGRAM             the scenario as it is; then prints each use of an ordering that it met, and each weaker
 * ordering of that PROGRAM USE ORDER   the scenario with that use weakened to that ordering
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
 *
 * Runs are replayed from the start. Choices are which thread steps next and which entry a load takes. What a thread
 * does next depends only on what its steps have returned. So these results, the lists and the views are the whole
 * state. A state that was met before is not entered again, which makes the search complete and short. Of each state the
 * search keeps a hash of 128 bits. That two of some million states have equal hashes is less likely than a fault of the
 * machine's memory.
 *
 * A use of an ordering is named by the C that makes it: function, operation, word. It is found by the return address.
 */
#include "machine.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <ucontext.h>
#include <unistd.h>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace
{

const unsigned LOCATIONS = 32, THREADS = 3;
const size_t STACK = 256 * 1024;

/* What was hashed so far. append adds to it; two chains with different constants make 128 bits. */
struct hash {
	uint64_t a = 0x9e3779b97f4a7c15, b = 0xc2b2ae3d27d4eb4f;

	bool operator==(const hash &other) const
	{
		return a == other.a && b == other.b;
	}
};

struct hash_is_random {
	size_t operator()(const hash &h) const
	{
		return h.a;
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

struct word {
	unsigned size;
	std::string name;
};

struct choice {
	unsigned taken, of;
};

struct area {
	uintptr_t from, to;
};

/* Where an operation is made, on which word, and which of a read-modify-write's two orderings it is. */
struct place {
	uintptr_t pc;
	unsigned location;
	const char *kind;

	bool operator==(const place &other) const
	{
		return pc == other.pc && location == other.location && kind == other.kind;
	}
};

struct place_hash {
	size_t operator()(const place &p) const
	{
		return (p.pc * 64 + p.location) * 0x9e3779b97f4a7c15 >> 16 ^ reinterpret_cast<uintptr_t>(p.kind);
	}
};

/* Of the search. */
std::map<uintptr_t, unsigned> numbers;
std::map<uintptr_t, word> words;
std::vector<area> privates;
std::vector<choice> path;
std::unordered_set<hash, hash_is_random> met;
std::map<uintptr_t, std::string> callers;
std::map<std::string, enum m_order> uses;
std::unordered_map<place, bool, place_hash> places; /* whether a place is a use that is weakened */
std::string weakened, violation;
enum m_order weakened_to;

/* Of the run. */
location memory[LOCATIONS];
thread threads[THREADS];
jmp_buf home;
char stacks[THREADS][STACK];
unsigned running, depth;
int holder[M_LOCKS];
view fenced, locked[M_LOCKS];
bool inside, pruned;

[[noreturn]] void stop(const char *why)
{
	fprintf(stderr, "%s: %s\n", scenario.name, why);
	exit(2);
}

unsigned choose(unsigned of)
{
	if (depth == path.size())
		path.push_back({ 0, of });
	if (path[depth].of != of)
		stop("a run cannot be replayed");
	return path[depth++].taken;
}

void append_word(hash &to, uint64_t word)
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

hash state()
{
	hash key;

	for (unsigned i = 0; i < scenario.n_threads; i++) {
		const thread &t = threads[i];

		append(key, t.log);
		append(key, t.now);
		append(key, t.acquired);
		append(key, t.released);
	}
	for (unsigned i = 0; i < numbers.size(); i++)
		append(key, memory[i].history);
	append(key, fenced);
	append(key, holder);
	append(key, locked);
	return key;
}

/* Have a thread run until its next step. */
__attribute__((noinline)) void resume(jmp_buf &at)
{
	if (!_setjmp(home))
		_longjmp(at, 1);
}

/*
 * Let any thread go on; returns when this one may. No other thread goes on between taking M_TABLE and the first
 * operation under it. What others do there they can as well do before, since they only wait for that lock.
 */
void step()
{
	if (inside && threads[running].has_just_locked)
		threads[running].has_just_locked = false;
	else if (inside && !_setjmp(threads[running].at))
		_longjmp(home, 1);
}

bool is_private(uintptr_t at)
{
	if (!inside)
		return true;
	for (const area &a : privates)
		if (at >= a.from && at < a.to)
			return true;
	return false;
}

uint64_t peek(const volatile void *at, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, const_cast<const void *>(at), size);
	return value;
}

void poke(volatile void *at, unsigned size, uint64_t value)
{
	memcpy(const_cast<void *>(at), &value, size);
}

void write(unsigned n, const entry &e)
{
	memory[n].entries.push_back(e);
	append(memory[n].history, e);
}

unsigned number_of(const volatile void *at, unsigned size)
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

/* "FILE FUNCTION: OPERATION", from the frames that were inlined there. */
std::string caller(void *pc)
{
	uintptr_t at = reinterpret_cast<uintptr_t>(pc) - 1;
	char command[128], function[256], place[1024];
	std::string operation, result;
	FILE *pipe;

	if (callers.count(at))
		return callers[at];
	snprintf(command, sizeof(command), "addr2line -i -f -e /proc/%d/exe %#lx", static_cast<int>(getpid()), at);
	pipe = popen(command, "r");
	if (!pipe)
		stop("no addr2line");
	while (result.empty() && fscanf(pipe, "%255s %1023[^\n]", function, place) == 2) {
		char *file = strrchr(place, '/'), *colon = strrchr(place, ':');

		if (!file || !colon)
			stop("a program without line numbers");
		*colon = '\0';
		if (!strcmp(file, "/sr_atomic.h"))
			operation = function;
		else if (strcmp(file, "/atomic_ops.h"))
			result = std::string(file + 1) + " " + function + ": " + operation;
	}
	while (fgets(place, sizeof(place), pipe))
		;
	pclose(pipe);
	return callers[at] = result;
}

const unsigned NO_LOCATION = LOCATIONS;

/* The ordering that this use has in this search. kind: "load", "fence" and so on; a string is not copied. */
enum m_order order_of(void *pc, unsigned location, const char *kind, enum m_order order)
{
	place here = { reinterpret_cast<uintptr_t>(pc), location, kind };
	auto found = places.find(here);

	if (found == places.end()) {
		std::string use =
			caller(pc) + (location == NO_LOCATION ? "" : " " + memory[location].name) + " " + kind;

		uses[use] = order;
		found = places.insert({ here, use == weakened }).first;
	}
	return found->second ? weakened_to : order;
}

uint64_t take(thread &t, unsigned n, unsigned at, enum m_order order)
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

void put(thread &t, unsigned n, uint64_t value, enum m_order order, const view *handed_on)
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

void end_of(unsigned n)
{
	threads[n].ended = true;
	append(threads[n].log, n);
	for (unsigned i = 0; i < M_LOCKS && scenario.mortal >> n & 1; i++)
		if (holder[i] == static_cast<int>(n))
			give(i);
}

/* Its frame stays at the bottom of its stack, so that each run can begin there again. */
void enter(unsigned n)
{
	_setjmp(threads[n].start);
	scenario.thread[n]();
	end_of(n);
	for (;;)
		step();
}

/* Let one thread take a step, or die. False if none can. */
bool advance()
{
	unsigned ready[2 * THREADS], n = 0, left = 0;

	for (unsigned i = 0; i < scenario.n_threads; i++) {
		left += !threads[i].ended;
		if (!threads[i].ended && (threads[i].wants < 0 || holder[threads[i].wants] < 0))
			ready[n++] = i;
	}
	if (!n && left)
		violation = "all wait for a lock";
	if (!n)
		return false;
	if (depth == path.size() && !met.insert(state()).second) {
		pruned = true;
		return false;
	}
	for (unsigned i = 0; i < scenario.n_threads; i++)
		if (!threads[i].ended && scenario.mortal >> i & 1 && holder[M_TABLE] != static_cast<int>(i))
			ready[n++] = THREADS + i;
	running = ready[n == 1 ? 0 : choose(n)];
	if (running >= THREADS)
		end_of(running - THREADS);
	else
		resume(threads[running].at);
	return true;
}

/* Give a thread its stack and let it go as far as to its first step. */
void begin(unsigned n)
{
	static bool has_stack[THREADS];
	static ucontext_t context;

	if (has_stack[n]) {
		resume(threads[n].start);
		return;
	}
	has_stack[n] = true;
	getcontext(&context);
	context.uc_stack.ss_sp = stacks[n];
	context.uc_stack.ss_size = STACK;
	context.uc_link = nullptr;
	makecontext(&context, reinterpret_cast<void (*)()>(enter), 1, n);
	if (!_setjmp(home))
		setcontext(&context);
}

/* One run along path, and on with first choices. */
void run()
{
	fenced = view();
	for (unsigned i = 0; i < M_LOCKS; i++) {
		holder[i] = -1;
		locked[i] = view();
	}
	depth = 0;
	pruned = false;
	for (location &l : memory) {
		l.entries.clear();
		l.history = hash();
	}
	scenario.reset();
	for (unsigned i = 0; i < scenario.n_threads; i++) {
		thread &t = threads[i];

		t.ended = false;
		t.wants = -1;
		t.has_just_locked = false;
		t.now = t.acquired = t.released = view();
		t.log = hash();
	}
	inside = true;
	for (running = 0; running < scenario.n_threads; running++)
		begin(running);
	while (violation.empty() && advance())
		;
	inside = false;
	if (violation.empty() && !pruned && scenario.end)
		scenario.end();
}

/* All runs, until one is a violation. */
void explore()
{
	path.clear();
	met.clear();
	places.clear();
	violation.clear();
	for (;;) {
		run();
		if (!violation.empty())
			return;
		while (!path.empty() && path.back().taken + 1 == path.back().of)
			path.pop_back();
		if (path.empty())
			return;
		path.back().taken++;
	}
}

const char *const order_names[] = { "relaxed", "acquire", "release", "acq_rel", "full" };

/* The next weaker ones. */
std::vector<enum m_order> weaker(const std::string &use, enum m_order order)
{
	bool is_fence = use.compare(use.size() - 5, 5, "fence") == 0;

	if (order == M_FULL && is_fence)
		return { M_ACQ_REL, M_RELAXED };
	if (order == M_ACQ_REL)
		return { M_ACQUIRE, M_RELEASE, M_RELAXED };
	if (order == M_RELAXED)
		return {};
	return { M_RELAXED };
}

void try_weaker(const std::string &use, enum m_order order)
{
	weakened = use;
	weakened_to = order;
	explore();
	printf("%s\t%s\t%s\t%s\t%s\n", scenario.name, use.c_str(), order_names[order],
	       violation.empty() ? "holds" : "found", violation.empty() ? "" : violation.c_str());
	fflush(stdout);
}

/* pc: of the use that this is; NULL: a plain one. */
uint64_t load(const volatile void *at, unsigned size, enum m_order order, void *pc)
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

void store(volatile void *at, unsigned size, uint64_t value, enum m_order order, void *pc)
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
void get(unsigned lock)
{
	thread &t = threads[running];

	holder[lock] = static_cast<int>(running);
	t.now.join(locked[lock]);
	t.acquired.join(t.now);
	append(t.log, lock);
}

} // namespace

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

int main(int argc, char **argv)
{
	if (argc == 3) {
		for (unsigned order = 0; order <= M_FULL; order++)
			if (!strcmp(argv[2], order_names[order]))
				try_weaker(argv[1], static_cast<enum m_order>(order));
		return 0;
	}
	explore();
	printf("%s\tas it is\t-\t%s\t%zu states %s\n", scenario.name, violation.empty() ? "holds" : "found", met.size(),
	       violation.c_str());
	for (auto &use : uses)
		for (enum m_order order : weaker(use.first, use.second))
			printf("%s\t%s\t%s\n", scenario.name, use.first.c_str(), order_names[order]);
	return 0;
}
