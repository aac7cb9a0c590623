/*
 * steps.c - kill -9 after every instruction that changed the shared memory, and at both ends of every system call.
 *
 * Stop points stand where an author thought that a death might matter. This suite does not depend on that. It steps
 * through an act once, to see which instructions change the region. Then it plays the act again and again, and kills
 * the victim after each of them. Files change by system calls alone, since LMDB maps registry.mdb to read. So a kill
 * on the way in and on the way out of each call is one before and after every change of a file. All other memory that
 * an instruction changed dies with its process. So these are all the states that a dead process can leave behind.
 *
 * A double crash: for a death in the first act, the second, which recovers, is stepped and killed the same way. Most
 * deaths leave the state that others left, at another moment. Several deaths can make the second act go the same way:
 * by the same instructions to changes of the same words. Then one of these deaths stands for all.
 */
#include "steps.h"
#include "harness.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* X(name, first act, the act that recovers or NULL, company, text) */
#define STEPPINGS_IN_SHORT(X)                                                                                          \
	X(create, &act_create, NULL, ALONE, "creating a registry")                                                     \
	X(build_region, &act_open, NULL, ALONE, "building the shared memory")                                          \
	X(join, &act_open, NULL, OTHERS, "joining others")                                                             \
	X(enlist, &act_enlist, NULL, OTHERS, "registering")                                                            \
	X(edit, &act_edit, NULL, OTHERS, "committing an edit")                                                         \
	X(lead, &act_lead, NULL, OTHERS, "committing another's edit as well")                                          \
	X(retire, &act_retire, NULL, OTHERS, "retiring")                                                               \
	X(build, &act_build, NULL, OTHERS, "reserving and publishing")                                                 \
	X(remove, &act_remove, NULL, OTHERS, "unregistering")                                                          \
	X(pin, &act_pin, NULL, OTHERS, "pinning")                                                                      \
	X(check, &act_check, NULL, OTHERS, "checking")                                                                 \
	X(evict, &act_evict, NULL, OTHERS, "evicting")                                                                 \
	X(snapshot, &act_snapshot, NULL, OTHERS, "taking snapshots")                                                   \
	X(leave, &act_leave, NULL, OTHERS, "closing")                                                                  \
	X(leave_alone, &act_leave, NULL, ALONE, "closing, the last user")                                              \
	X(sweep, &act_sweep, NULL, OTHERS, "sweeping")                                                                 \
	X(edit_repair, &act_edit, &act_repair, OTHERS, "an edit, and its repair")
#define STEPPINGS_IN_LONG(X)                                                                                           \
	X(lease, &act_lease, NULL, OTHERS, "leasing")                                                                  \
	X(edit_alone, &act_edit, NULL, ALONE, "committing an edit, the last user")                                     \
	X(sweep_alone, &act_sweep, NULL, ALONE, "sweeping, the last user")                                             \
	X(create_open, &act_create, &act_open, ALONE, "a creation, and opening what that left")                        \
	X(open_open, &act_open, &act_open, ALONE, "building the shared memory, and building it anew")                  \
	X(sweep_open, &act_sweep, &act_open, ALONE, "a sweep, and building the shared memory anew")                    \
	X(edit_open, &act_edit, &act_open, OTHERS, "an edit, and joining those who are left")                          \
	X(edit_sweep, &act_edit, &act_sweep, OTHERS, "an edit, and a sweep that repairs first")                        \
	X(lead_repair, &act_lead, &act_repair, OTHERS, "a commit of two, and its repair")                              \
	X(build_repair, &act_build, &act_repair, OTHERS, "a reservation, and its repair")                              \
	X(remove_repair, &act_remove, &act_repair, OTHERS, "an unregistering, and its repair")                         \
	X(evict_sweep, &act_evict, &act_sweep, OTHERS, "an eviction, and a sweep that reclaims")                       \
	X(leave_sweep, &act_leave, &act_sweep, OTHERS, "a close, and a sweep that reclaims")                           \
	X(sweep_repair, &act_sweep, &act_repair, OTHERS, "a sweep, and its repair")                                    \
	X(sweep_sweep, &act_sweep, &act_sweep, OTHERS, "a sweep, and the next")

#define STEPPING(first, second, with, words)                                                                           \
	{                                                                                                              \
		.text = words, .act = (first), .then = (second), .company = (with)                                     \
	}
#define ROW(name, ...) STEPPING(__VA_ARGS__),
const struct stepping steppings[] = { STEPPINGS_IN_SHORT(ROW) STEPPINGS_IN_LONG(ROW) };
const unsigned steppings_count = sizeof(steppings) / sizeof(steppings[0]);

struct steps_tally *steps_tally;

static void __attribute__((constructor)) make_tally(void)
{
	void *shared = mmap(NULL, sizeof(*steps_tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	steps_tally = shared == MAP_FAILED ? NULL : shared;
}

/* ---------------------------------------------------------------- one stepping */

struct run {
	const struct stepping *stepping;
	const struct steps_bound *bound;
};

/*
 * Places to die in an act: first after its changes, then at its system calls. Of two victims only the state that they
 * leave counts. As a call begins, that state is the one after the change or the call before. So in a double crash a
 * call has one place, its end.
 */
struct places {
	struct trail trail;
	unsigned count, stride;
	bool ends_only;
};

/* The ways that second ones went. */
struct ways {
	uint64_t *way;
	unsigned count;
};

static struct harm harm_at(const struct places *p, unsigned place)
{
	unsigned call = place - p->trail.changes + 1;

	if (place < p->trail.changes)
		return (struct harm){ .kind = KILL_AFTER_CHANGE, .change = &p->trail.change[place] };
	return (struct harm){ .kind = KILL_AT_CALL_STOP, .nth = p->ends_only ? call * 2 : call };
}

static void count_places(struct places *p, unsigned wanted)
{
	p->count = p->trail.changes + p->trail.call_stops / (p->ends_only ? 2 : 1);
	p->stride = wanted && wanted < p->count ? (p->count + wanted - 1) / wanted : 1;
	steps_tally->acts++;
	steps_tally->places += p->count;
	steps_tally->steps += p->trail.steps;
	steps_tally->changes += p->trail.changes;
	steps_tally->calls += p->trail.call_stops / 2;
}

static void show(const struct run *run, unsigned done, unsigned all)
{
	if (run->bound->shows)
		fprintf(stderr, "\r\033[K%s: %u of %u places; %u kills, %u double", run->stepping->text, done, all,
			steps_tally->kills, steps_tally->double_kills);
}

static void furnish(struct scene *scene, const struct run *run)
{
	if (run->stepping->act->creates)
		scene_empty(scene);
	else
		scene_furnish(scene);
}

/* Furnish, and let a first one die if there is one. */
static bool prepare(struct scene *scene, const struct run *run, const struct harm *first)
{
	furnish(scene, run);
	return !first || victim_play(scene, run->stepping->act, *first);
}

/* Play an act, the first or what comes after it, and look. False: the first one does not come to its place again. */
static bool watch(struct scene *scene, const struct run *run, const struct harm *first, struct harm look)
{
	bool came = prepare(scene, run, first);

	if (came)
		victim_play(scene, first ? run->stepping->then : run->stepping->act, look);
	scene_audit(scene);
	return came;
}

/* Find the places of the first act. In a new region the first sweep has more to do than the others. */
static void survey(struct scene *scene, const struct run *run, struct places *p, unsigned wanted)
{
	p->ends_only = run->stepping->then;
	watch(scene, run, NULL, (struct harm){ .kind = UNHARMED });
	watch(scene, run, NULL, (struct harm){ .kind = run->bound->everything ? STEP_ALL : STEP, .trail = &p->trail });
	watch(scene, run, NULL, (struct harm){ .kind = COUNT_CALLS, .trail = &p->trail });
	count_places(p, wanted);
}

static bool is_new(struct ways *ways, uint64_t way)
{
	for (unsigned i = 0; i < ways->count; i++)
		if (ways->way[i] == way)
			return false;
	ways->way = realloc(ways->way, (ways->count + 1) * sizeof(*ways->way));
	T_CHECK(ways->way);
	ways->way[ways->count++] = way;
	return true;
}

/* It did not come to its place. Of a system call that only means that this time there were fewer. */
static void note_stray(const struct harm *harm)
{
	steps_tally->strays += harm->kind == KILL_AFTER_CHANGE;
}

static void kill_everywhere(struct scene *scene, const struct run *run)
{
	struct places p = { .count = 0 };
	bool harmed = true;

	survey(scene, run, &p, run->bound->kills);
	T_CHECK(p.trail.changes > 0 && p.trail.call_stops > 0);
	/* If all are wanted, also what this time comes after the last system call that was counted. */
	for (unsigned place = 0; place < p.count || (p.stride == 1 && harmed); place += p.stride) {
		const struct harm harm = harm_at(&p, place);

		harmed = prepare(scene, run, &harm);
		steps_tally->kills += harmed;
		steps_tally->places += harmed && place >= p.count;
		if (!harmed)
			note_stray(&harm);
		scene_audit(scene);
		show(run, place + 1, p.count);
	}
}

/* nth: so that a sample begins elsewhere for each first one. */
static void kill_second(struct scene *scene, const struct run *run, const struct harm *first, struct ways *ways,
			unsigned wanted, unsigned nth)
{
	static struct places p = { .ends_only = true };

	if (!watch(scene, run, first, (struct harm){ .kind = STEP, .trail = &p.trail })) {
		note_stray(first);
		return;
	}
	steps_tally->first_deaths++;
	if (!is_new(ways, p.trail.way))
		return;
	watch(scene, run, first, (struct harm){ .kind = COUNT_CALLS, .trail = &p.trail });
	count_places(&p, wanted);
	steps_tally->ways++;
	for (unsigned place = nth % p.stride; place < p.count; place += p.stride) {
		const struct harm second = harm_at(&p, place);

		if (prepare(scene, run, first) && victim_play(scene, run->stepping->then, second))
			steps_tally->double_kills++;
		else
			note_stray(&second);
		scene_audit(scene);
	}
}

static unsigned root(unsigned n)
{
	unsigned r = 0;

	while ((r + 1) * (r + 1) <= n)
		r++;
	return r;
}

static void kill_twice_everywhere(struct scene *scene, const struct run *run)
{
	struct places p = { .count = 0 };
	struct ways ways = { .count = 0 };
	unsigned wanted = root(run->bound->kills);

	survey(scene, run, &p, wanted);
	for (unsigned place = 0; place < p.count; place += p.stride) {
		const struct harm first = harm_at(&p, place);

		kill_second(scene, run, &first, &ways, wanted, place / p.stride);
		show(run, place + 1, p.count);
	}
	free(ways.way);
}

/* A step is three times as fast if the tracer and the victim do not wake each other across processors. */
static void stay_here(void)
{
	cpu_set_t here;
	int cpu = sched_getcpu();

	CPU_ZERO(&here);
	if (cpu != -1)
		CPU_SET((unsigned)cpu, &here);
	if (cpu != -1)
		sched_setaffinity(0, sizeof(here), &here);
}

static void play(const void *arg)
{
	const struct steps_tally before = *steps_tally;
	const struct run *run = arg;
	struct scene scene;

	stay_here();
	scene = scene_set(run->stepping->company);
	if (run->stepping->then)
		kill_twice_everywhere(&scene, run);
	else
		kill_everywhere(&scene, run);
	printf("(%u places of %u) ",
	       steps_tally->kills + steps_tally->double_kills - before.kills - before.double_kills,
	       steps_tally->places - before.places);
}

void steps_play(const struct stepping *stepping, const struct steps_bound *bound)
{
	const struct run run = { .stepping = stepping, .bound = bound };

#ifdef INSTRUMENTED
	T_SKIP("what a sanitizer adds is not worth stepping through");
#endif
	stepper_probe();
	scene_play(play, &run);
}

/* ---------------------------------------------------------------- the short version */

static void play_short(const struct stepping *stepping)
{
	const struct steps_bound bound = { .kills = 14 };

	steps_play(stepping, &bound);
}

static void how_many(void)
{
	const struct steps_tally *t = steps_tally;

	if (t->kills + t->double_kills == 0)
		T_SKIP("no other test of this suite was run");
	printf("(%" PRIu64 " instructions in %u acts; %u changes, %u system calls; killed at %u places, twice at %u) ",
	       t->steps, t->acts, t->changes, t->calls, t->kills, t->double_kills);
	T_CHECK(t->strays <= (t->kills + t->double_kills) / 20); /* beside another thread some differ */
}

#define DEFINE(name, ...)                                                                                              \
	static void steps_##name(void)                                                                                 \
	{                                                                                                              \
		static const struct stepping stepping = STEPPING(__VA_ARGS__);                                         \
                                                                                                                       \
		play_short(&stepping);                                                                                 \
	}
STEPPINGS_IN_SHORT(DEFINE)

#define LIST(name, first, second, with, words) { "killed after a change, at a system call: " words, steps_##name },
T_SUITE(steps, STEPPINGS_IN_SHORT(LIST){ "places were found and came again", how_many });
