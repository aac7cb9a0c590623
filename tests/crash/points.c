/*
 * points.c - kill -9 at each stop point of the library, and before each call through sr_sys and each system call.
 *
 * Each act is played again and again, and its victim killed at a later place each time, until it comes through
 * unharmed.
 */
#include "acts.h"
#include "harness.h"

#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct killing {
	const struct act *act;
	const struct act *then; /* killed as well, while it repairs what the first left; NULL: nobody */
	enum harm_kind kind;
	enum company company;
};

static void furnish(struct scene *scene, const struct act *act)
{
	if (act->creates)
		scene_empty(scene);
	else
		scene_furnish(scene);
}

#define A_SAMPLE 3 /* kills before one of A_SAMPLE calls */

/* EVERY=1: kill before all of them. At stop points there is a kill at each. */
static unsigned stride(enum harm_kind kind)
{
	const char *every = getenv("EVERY");

	if (kind == KILL_AT_POINT)
		return 1;
	return every ? (unsigned)atoi(every) : A_SAMPLE;
}

static void kill_everywhere(const void *arg)
{
	const struct killing *k = arg;
	struct scene scene = scene_set(k->company);
	struct harm harm = { .kind = k->kind, .nth = 1 };
	bool harmed;

	for (;; harm.nth += stride(k->kind)) {
		furnish(&scene, k->act);
		harmed = victim_play(&scene, k->act, harm);
		scene_audit(&scene);
		if (!harmed)
			break;
	}
	T_CHECK(harm.nth > 1);
}

/* For each place to die in the first act, all places to die in the second. */
static void kill_twice_everywhere(const void *arg)
{
	const struct killing *k = arg;
	struct scene scene = scene_set(k->company);
	struct harm first = { .kind = k->kind, .nth = 1 }, second = { .kind = k->kind, .nth = 1 };

	for (;; second.nth++) {
		furnish(&scene, k->act);
		if (!victim_play(&scene, k->act, first))
			break;
		if (!victim_play(&scene, k->then, second)) {
			second.nth = 0;
			first.nth++;
		}
		scene_audit(&scene);
	}
	T_CHECK(first.nth > 1);
}

static void play(struct killing killing)
{
	scene_play(killing.then ? kill_twice_everywhere : kill_everywhere, &killing);
	tally->plays++;
}

/* ---------------------------------------------------------------- the tests */

/* X(name, text, first act, second act, kind of harm, company) */
#define KILLINGS(X)                                                                                                    \
	POINTS_AND_CALLS(X, create, ALONE, "creating a registry")                                                      \
	POINTS_AND_CALLS(X, open, ALONE, "building the shared memory")                                                 \
	POINTS_AND_CALLS(X, open, OTHERS, "joining others")                                                            \
	POINTS_AND_CALLS(X, enlist, ALONE, "registering, the last user")                                               \
	POINTS_AND_CALLS(X, enlist, OTHERS, "registering")                                                             \
	POINTS_AND_CALLS(X, edit, ALONE, "committing an edit, the last user")                                          \
	POINTS_AND_CALLS(X, edit, OTHERS, "committing an edit")                                                        \
	POINTS_AND_CALLS(X, lead, ALONE, "committing another's edit as well, the last user")                           \
	POINTS_AND_CALLS(X, lead, OTHERS, "committing another's edit as well")                                         \
	POINTS_AND_CALLS(X, retire, ALONE, "retiring, the last user")                                                  \
	POINTS_AND_CALLS(X, retire, OTHERS, "retiring")                                                                \
	POINTS_AND_CALLS(X, discard, ALONE, "discarding, the last user")                                               \
	POINTS_AND_CALLS(X, discard, OTHERS, "discarding")                                                             \
	POINTS_AND_CALLS(X, lease, OTHERS, "leasing")                                                                  \
	POINTS_AND_CALLS(X, lease, ALONE, "leasing, the last user")                                                    \
	POINTS_AND_CALLS(X, build, ALONE, "reserving and publishing, the last user")                                   \
	POINTS_AND_CALLS(X, build, OTHERS, "reserving and publishing")                                                 \
	POINTS_AND_CALLS(X, remove, ALONE, "unregistering, the last user")                                             \
	POINTS_AND_CALLS(X, remove, OTHERS, "unregistering")                                                           \
	POINTS_AND_CALLS(X, pin, OTHERS, "pinning")                                                                    \
	POINTS_AND_CALLS(X, check, OTHERS, "checking")                                                                 \
	POINTS_AND_CALLS(X, evict, OTHERS, "evicting")                                                                 \
	POINTS_AND_CALLS(X, snapshot, OTHERS, "taking snapshots")                                                      \
	POINTS_AND_CALLS(X, watch, OTHERS, "watching")                                                                 \
	POINTS_AND_CALLS(X, leave, ALONE, "closing, the last user")                                                    \
	POINTS_AND_CALLS(X, leave, OTHERS, "closing")                                                                  \
	POINTS_AND_CALLS(X, sweep, ALONE, "sweeping, the last user")                                                   \
	POINTS_AND_CALLS(X, sweep, OTHERS, "sweeping")                                                                 \
	POINTS_AND_CALLS(X, set_back, ALONE, "sweeping on a clock that was set back, the last user")                   \
	POINTS_AND_CALLS(X, set_back, OTHERS, "sweeping on a clock that was set back")                                 \
	SYSTEM_CALLS(X, create, ALONE, "creating a registry")                                                          \
	SYSTEM_CALLS(X, edit, OTHERS, "committing an edit")                                                            \
	SYSTEM_CALLS(X, sweep, OTHERS, "sweeping")                                                                     \
	TWICE(X, edit, repair, "repairing an edit")                                                                    \
	TWICE(X, edit, sweep, "sweeping after an edit")                                                                \
	TWICE(X, lead, repair, "repairing a commit of two")                                                            \
	TWICE(X, remove, repair, "repairing an unregistering")                                                         \
	TWICE(X, build, repair, "repairing a reservation")                                                             \
	TWICE(X, sweep, repair, "repairing a sweep")

#define POINTS_AND_CALLS(X, act, company, text)                                                                        \
	X(points_##act##_##company, "killed at any stop point: " text, &act_##act, NULL, KILL_AT_POINT, company)       \
	X(calls_##act##_##company, "killed before any call: " text, &act_##act, NULL, KILL_AT_CALL, company)
#define SYSTEM_CALLS(X, act, company, text)                                                                            \
	X(system_calls_##act##_##company, "killed before any system call, LMDB's too: " text, &act_##act, NULL,        \
	  KILL_AT_SYSTEM_CALL, company)
#define TWICE(X, act, then, text)                                                                                      \
	X(twice_##act##_##then, "killed at any stop point, and the next one too: " text, &act_##act, &act_##then,      \
	  KILL_AT_POINT, OTHERS)

#define DEFINE(name, text, first, second, harm, with)                                                                  \
	static void name(void)                                                                                         \
	{                                                                                                              \
		play((struct killing){ .act = (first), .then = (second), .kind = (harm), .company = (with) });         \
	}
KILLINGS(DEFINE)

/* ---------------------------------------------------------------- all of it */

#define ONE(...) +1
static const unsigned plays = 0 KILLINGS(ONE);

/* Points that no act of one process leads to. The suite that is named stops or kills a process there. */
static const struct {
	const char *point, *suite;
} elsewhere[] = {
	{ "queue.joined", "group" },      { "pin.deciding", "decisions" },     { "remove.undoing", "decisions" },
	{ "lane.found", "processes" },    { "attach.not_alone", "processes" }, { "rebase.marked", "rebase" },
	{ "rebase.committed", "rebase" }, { "create.refused", "creating" },    { "discards.moved", "relaxed_room" },
};

static bool was_killed_at(const char *point)
{
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++)
		if (strcmp(elsewhere[i].point, point) == 0)
			return true;
	for (int i = 0; i < POINTS_MAX; i++)
		if (strcmp(tally->points[i], point) == 0)
			return true;
	return false;
}

static unsigned check_points_in(const char *path)
{
	FILE *source = fopen(path, "re");
	char line[512], point[48];
	unsigned points = 0;

	while (source && fgets(line, sizeof(line), source)) {
		const char *stop = strstr(line, "SR_STOP(\"");

		if (!stop || sscanf(stop, "SR_STOP(\"%47[^\"]", point) != 1)
			continue;
		points++;
		if (!was_killed_at(point))
			T_FAIL("nobody was killed at %s (%s)", point, path);
	}
	if (source)
		fclose(source);
	return points;
}

static void every_point(void)
{
	char here[] = __FILE__, pattern[512];
	unsigned points = 0;
	glob_t sources;

	if (tally->plays != plays)
		T_SKIP("not all tests of this suite were run, or some failed");
	snprintf(pattern, sizeof(pattern), "%s/../../lib/*/*.c", dirname(here));
	if (glob(pattern, 0, NULL, &sources) != 0)
		T_SKIP("the library's source is not there: %s", pattern);
	for (size_t i = 0; i < sources.gl_pathc; i++)
		points += check_points_in(sources.gl_pathv[i]);
	globfree(&sources);
	T_CHECK(points > 20);
	printf("(%u kills, at %u stop points and elsewhere) ", tally->kills, points);
}

#define LIST(name, text, ...) { text, name },
T_SUITE(points, KILLINGS(LIST){ "all stop points of the library are among them", every_point });
