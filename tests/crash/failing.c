/*
 * failing.c - system calls fail, one at a time, with each error that they can have.
 * They are the calls through sr_sys, and those that LMDB and the C library make themselves.
 *
 * A library call either copes with the failure or returns an error with a text. In the second case it changes nothing
 * and holds nothing back, and the next try succeeds. Other processes go on all the time.
 */
#include "acts.h"
#include "faulter.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

struct failing {
	const struct act *act;
	enum company company;
	enum harm_kind kind;
	unsigned stride; /* from call to call */
};

static void fail_everywhere(const void *arg)
{
	const struct failing *f = arg;
	struct scene scene = scene_set(f->company);
	struct harm harm = { .kind = f->kind, .nth = 1 };

	if (f->act->creates)
		scene.prober = NULL; /* the keeper would create what the victim is to create */
	for (;; harm.choice++) {
		if (f->act->creates)
			scene_empty(&scene);
		else
			scene_furnish(&scene);
		if (!victim_play(&scene, f->act, harm)) {
			if (!scene.ledger->was_reached)
				break;
			harm = (struct harm){ .kind = f->kind, .nth = harm.nth + f->stride, .choice = UINT32_MAX };
		}
		scene_audit(&scene);
	}
	T_CHECK(harm.nth > 1);
}

/* X(act, company, text) */
#define FAILINGS(X)                                                                                                    \
	X(create, ALONE, "creating a registry")                                                                        \
	X(open, ALONE, "building the shared memory")                                                                   \
	X(open, OTHERS, "joining others")                                                                              \
	X(enlist, OTHERS, "registering")                                                                               \
	X(edit, OTHERS, "committing an edit")                                                                          \
	X(retire, OTHERS, "retiring")                                                                                  \
	X(discard, OTHERS, "discarding")                                                                               \
	X(lease, OTHERS, "leasing")                                                                                    \
	X(build, OTHERS, "reserving and publishing")                                                                   \
	X(remove, OTHERS, "unregistering")                                                                             \
	X(pin, OTHERS, "pinning")                                                                                      \
	X(check, OTHERS, "checking")                                                                                   \
	X(evict, OTHERS, "evicting")                                                                                   \
	X(snapshot, OTHERS, "taking snapshots")                                                                        \
	X(watch, OTHERS, "watching")                                                                                   \
	X(leave, OTHERS, "closing")                                                                                    \
	X(sweep, OTHERS, "sweeping")

/* From one call that fails to the next, of those through sr_sys and of the others. */
#define CALLS 3
#define SYSTEM_CALLS 29

/* EVERY=1: all of them, which takes minutes. */
static unsigned stride(unsigned otherwise)
{
	const char *every = getenv("EVERY");

	return every ? (unsigned)atoi(every) : otherwise;
}

#define DEFINE(which, with, text)                                                                                      \
	static void failing_##which##_##with(void)                                                                     \
	{                                                                                                              \
		const struct failing failing = { &act_##which, (with), FAIL_CALL, stride(CALLS) };                     \
                                                                                                                       \
		scene_play(fail_everywhere, &failing);                                                                 \
	}                                                                                                              \
	static void failing_below_##which##_##with(void)                                                               \
	{                                                                                                              \
		const struct failing failing = { &act_##which, (with), FAIL_SYSTEM_CALL, stride(SYSTEM_CALLS) };       \
                                                                                                                       \
		faulter_need();                                                                                        \
		scene_play(fail_everywhere, &failing);                                                                 \
	}
FAILINGS(DEFINE)

static void how_many(void)
{
	printf("(%u) ", tally->failures);
	T_CHECK(tally->failures > 0);
}

#define LIST(act, company, text) { "any one call fails: " text, failing_##act##_##company },
#define LIST_BELOW(act, company, text) { "any one system call fails: " text, failing_below_##act##_##company },
T_SUITE(failing, FAILINGS(LIST) FAILINGS(LIST_BELOW){ "calls have failed", how_many });
