/*
 * search.cc - explores all runs of a scenario under C11's orderings, then again with each ordering weakened.
 *
 * PROGRAM
 *      explores the scenario as it is; then prints each use of an ordering that it met, and each weaker ordering of it
 * PROGRAM USE ORDER
 *      explores the scenario with that use weakened to that ordering
 *
 * Runs are replayed from the start. Choices are which thread steps next and which entry a load takes. What a thread
 * does next depends only on what its steps have returned. So these results, the lists and the views are the whole
 * state. A state that was met before is not entered again, which makes the search complete and short. Of each state the
 * search keeps a hash of 128 bits. That two of some million states have equal hashes is less likely than a fault of the
 * machine's memory.
 *
 * A use of an ordering is named by the C that makes it: function, operation, word. It is found by the return address.
 */
#include "machine_inside.h"

#include <cstdio>
#include <cstdlib>
#include <ucontext.h>
#include <unistd.h>
#include <unordered_map>
#include <unordered_set>

namespace machine
{

static const size_t STACK = 256 * 1024;

struct hash_is_random {
	size_t operator()(const hash &h) const
	{
		return h.a;
	}
};

struct choice {
	unsigned taken, of;
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
static std::vector<choice> path;
static std::unordered_set<hash, hash_is_random> met;
static std::map<uintptr_t, std::string> callers;
static std::map<std::string, enum m_order> uses;
static std::unordered_map<place, bool, place_hash> places; /* whether a place is a use that is weakened */
static std::string weakened;
static enum m_order weakened_to;
std::string violation;

/* Of the run. */
static jmp_buf home;
static char stacks[THREADS][STACK];
static unsigned depth;
static bool pruned;
thread threads[THREADS];
unsigned running;
bool inside;

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

static hash state()
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
__attribute__((noinline)) static void resume(jmp_buf &at)
{
	if (!_setjmp(home))
		_longjmp(at, 1);
}

void step()
{
	if (inside && threads[running].has_just_locked)
		threads[running].has_just_locked = false;
	else if (inside && !_setjmp(threads[running].at))
		_longjmp(home, 1);
}

/* "FILE FUNCTION: OPERATION", from the frames that were inlined there. */
static std::string caller(void *pc)
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

static void end_of(unsigned n)
{
	threads[n].ended = true;
	append(threads[n].log, n);
	for (unsigned i = 0; i < M_LOCKS && scenario.mortal >> n & 1; i++)
		if (holder[i] == static_cast<int>(n))
			give(i);
}

/* Its frame stays at the bottom of its stack, so that each run can begin there again. */
static void enter(unsigned n)
{
	_setjmp(threads[n].start);
	scenario.thread[n]();
	end_of(n);
	for (;;)
		step();
}

/* Let one thread take a step, or die. False if none can. */
static bool advance()
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
static void begin(unsigned n)
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
static void run()
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
static void explore()
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

static const char *const order_names[] = { "relaxed", "acquire", "release", "acq_rel", "full" };

/* The next weaker ones. */
static std::vector<enum m_order> weaker(const std::string &use, enum m_order order)
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

static void try_weaker(const std::string &use, enum m_order order)
{
	weakened = use;
	weakened_to = order;
	explore();
	printf("%s\t%s\t%s\t%s\t%s\n", scenario.name, use.c_str(), order_names[order],
	       violation.empty() ? "holds" : "found", violation.empty() ? "" : violation.c_str());
	fflush(stdout);
}

} // namespace machine

using namespace machine;

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
