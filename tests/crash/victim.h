/*
 * victim.h - a process to which something happens while it uses the registry.
 *
 * A victim plays an act on a furnished scene. Somewhere in it, counted from 1, harm comes. The victim is killed at its
 * nth stop point, before its nth call through sr_sys, or before its nth system call of any kind. (Its tracer sees the
 * system calls of LMDB as well.) Or its nth call through sr_sys fails. A test that counts up until no harm comes any
 * more has tried every place there is, without a list. Or the victim is stepped once, instruction by instruction, and
 * then killed after each change of the shared memory that was seen (stepper.h).
 */
#ifndef VICTIM_H
#define VICTIM_H

#include "stepper.h"

enum harm_kind {
	UNHARMED,
	KILL_AT_POINT,
	KILL_AT_CALL,
	FAIL_CALL,
	/* From here on the victim is traced. */
	KILL_AT_SYSTEM_CALL, /* on the way in */
	KILL_AT_CALL_STOP,   /* on the way in (odd) or out (even) of a system call */
	KILL_AFTER_CHANGE,
	FAIL_SYSTEM_CALL, /* of the library, LMDB or the C library (faulter.h) */
	/* No harm: what is there to be killed at? */
	COUNT_CALLS,
	STEP,
	STEP_ALL, /* stepper_record: everything */
};

struct harm {
	enum harm_kind kind;
	unsigned nth;
	unsigned choice; /* FAIL_CALL, FAIL_SYSTEM_CALL: which of the errors that the call can have, from 0 */
	const struct change *change; /* KILL_AFTER_CHANGE */
	struct trail *trail;         /* COUNT_CALLS, STEP, STEP_ALL: filled */
};

struct actor {
	struct scene *scene;
	struct segreg *reg;
	uint64_t held; /* pins of reg */
	bool intends;  /* a change is under way */
	bool fails;    /* a call fails at some time */
	bool reopened; /* after an unknown outcome: what the first handle had reserved or held is lost */
};

struct act {
	void (*play)(struct actor *actor);
	bool opens;   /* it begins without a handle */
	bool creates; /* and without a registry */
};

/* Was the victim harmed? */
bool victim_play(struct scene *scene, const struct act *act, struct harm harm);

/* Once in a victim: call fn at each of its stop points until it returns true; before the victim may be killed there. */
void victim_at_points(bool (*fn)(void *arg, const char *point), void *arg);
/* How many points its threads have passed. */
unsigned victim_passed(void);

/* ---------------------------------------------------------------- in acts */

/* The change that is tried next, if it is made: id becomes that; there is another version. */
void intend(struct actor *actor, uint64_t id, enum fate fate);
void intend_version(struct actor *actor);

/*
 * Make a library call until it returns the expected result. Any other result must be an error that a test brought
 * about. Such an error must have changed nothing, and must leave nothing over.
 */
#define TRY(actor, call) TRY_FOR(0, actor, call)
#define TRY_FOR(code, actor, call)                                                                                     \
	do                                                                                                             \
		t_forget_text();                                                                                       \
	while (!settled(T_HERE, (actor), #call, (code), (victim_enters(), (call))))

/* Like TRY, for a call that cannot be tried again with another handle. */
#define TRY_IN_THIS_HANDLE(actor, call)                                                                                \
	do                                                                                                             \
		t_forget_text();                                                                                       \
	while (!settled(T_HERE, (actor), #call, 0, (victim_enters(), (call))) && !(actor)->reopened)

/* From here on system calls are the library's, until settled. */
void victim_enters(void);
bool settled(const char *file, int line, struct actor *actor, const char *call, int expected, int rc);

/* ---------------------------------------------------------------- what was done so far, in all tests together */

#define POINTS_MAX 128

struct tally {
	unsigned kills, failures;
	unsigned plays;              /* tests that ran to their end */
	char points[POINTS_MAX][64]; /* at which a process was killed */
};

extern struct tally *tally;

#endif
