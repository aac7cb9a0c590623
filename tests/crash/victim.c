/*
 * victim.c - a process to which something happens while it uses the registry.
 */
#include "victim.h"
#include "faulter.h"
#include "harness.h"
#include "sys/sr_sys.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

struct tally *tally;

static void __attribute__((constructor)) make_tally(void)
{
	void *shared = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	tally = shared == MAP_FAILED ? NULL : shared;
}

static void count_kill(const char *point)
{
	tally->kills++;
	for (int i = 0; point && i < POINTS_MAX; i++) {
		if (!*tally->points[i])
			snprintf(tally->points[i], sizeof(tally->points[i]), "%s", point);
		if (strcmp(tally->points[i], point) == 0)
			return;
	}
}

/* ---------------------------------------------------------------- harm, in the victim */

static struct harm harm;
static struct scene *victim_scene;
static struct ledger *ledger;
static bool (*at_points)(void *arg, const char *point);
static void *at_points_arg;

void victim_at_points(bool (*fn)(void *arg, const char *point), void *arg)
{
	at_points = fn;
	at_points_arg = arg;
}

static void note(const char *where)
{
	snprintf(ledger->where, sizeof(ledger->where), "%s", where);
}

static void die(void)
{
	tracer_note_region(victim_scene, getpid());
	ledger->was_reached = ledger->was_harmed = true;
	kill(getpid(), SIGKILL);
}

static unsigned passed; /* points, by all threads */

unsigned victim_passed(void)
{
	return __atomic_load_n(&passed, __ATOMIC_SEQ_CST);
}

static void come_to_point(const char *point)
{
	bool (*fn)(void *arg, const char *point) = at_points;

	at_points = NULL; /* not while it runs */
	if (fn && !fn(at_points_arg, point))
		at_points = fn;
	if (harm.kind == KILL_AT_POINT && __atomic_sub_fetch(&harm.nth, 1, __ATOMIC_SEQ_CST) == 0) {
		note(point);
		die();
	}
	__atomic_add_fetch(&passed, 1, __ATOMIC_SEQ_CST);
}

/* The errors that a call can have, 0 at the end. (None: fstat of a local file, and letting a lock go.) */
static const int *errors_of(const char *call)
{
	static const int file[] = { EMFILE, EACCES, EIO, 0 }, memory[] = { ENOMEM, 0 }, disk[] = { EIO, 0 },
			 space[] = { ENOSPC, EIO, 0 }, directory[] = { EACCES, EIO, 0 }, lock[] = { ENOLCK, 0 },
			 object[] = { EMFILE, EACCES, ENOSPC, 0 }, random[] = { ENOSYS, 0 },
			 unsupported[] = { EOPNOTSUPP, 0 }, rights[] = { EPERM, 0 }, none[] = { 0 };
	static const struct {
		const char *call;
		const int *errors;
	} table[] = {
		{ "openat", file },
		{ "openat2", file },
		{ "fstat", none },
		{ "statx", directory },
		{ "fstatfs", disk },
		{ "pread", disk },
		{ "pwrite", space },
		{ "fsync", space },
		{ "fallocate", space },
		{ "ftruncate", space },
		{ "mkdirat", space },
		{ "linkat", space },
		{ "renameat", space },
		{ "renameat2", directory },
		{ "unlinkat", directory },
		{ "lock", lock },
		{ "getlock", lock },
		{ "faccessat", directory },
		{ "shm_open", object },
		{ "mmap", memory },
		{ "madvise", memory },
		{ "malloc", memory },
		{ "getrandom", random },
		{ "shm_unlink", none },
		{ "nocow", unsupported },
		{ "name_to_handle_at", unsupported },
		{ "openat2.forbidden", unsupported },
		{ "statx.forbidden", unsupported },
		{ "renameat2.forbidden", unsupported },
		{ "unlock", none },
		{ "fchown", rights },
		{ "fchmod", rights },
		{ "fgetxattr", unsupported },
		{ "inotify_init1", object },
		{ "inotify_add_watch", object },
		{ "utimensat", rights },
		{ "read", disk },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(call, table[i].call) == 0)
			return table[i].errors;
	T_FAIL("%s: which errors can it have?", call);
}

static int fail_call(const char *call)
{
	const int *errors = errors_of(call);

	ledger->was_reached = true;
	for (unsigned i = 0; i < harm.choice && *errors; i++)
		errors++;
	if (!*errors)
		return 0;
	ledger->was_harmed = true;
	snprintf(ledger->where, sizeof(ledger->where), "%s: %s", call, strerror(*errors));
	return *errors;
}

static int come_to_call(const char *call)
{
	if (harm.nth == 0 || --harm.nth > 0)
		return 0;
	if (harm.kind == FAIL_CALL)
		return fail_call(call);
	note(call);
	die();
	return 0;
}

static bool is_traced(struct harm wanted)
{
	return wanted.kind >= KILL_AT_SYSTEM_CALL;
}

/* From here on the victim can be harmed. */
static void expose(struct harm wanted)
{
	harm = wanted;
	sr_stop_hook = come_to_point;
	if (harm.kind == KILL_AT_CALL || harm.kind == FAIL_CALL)
		sr_sys_hook = come_to_call;
	if (is_traced(harm))
		raise(SIGSTOP); /* the tracer counts from here */
}

static void shelter(void)
{
	sr_stop_hook = NULL;
	sr_sys_hook = NULL;
}

/* ---------------------------------------------------------------- what may be left over */

struct holdings {
	unsigned descriptors;
	unsigned maps; /* of registry files and of shared memory */
};

static struct holdings at_first;

static struct holdings count_holdings(void)
{
	struct holdings held = { 0 };
	DIR *fds = opendir("/proc/self/fd");
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];

	T_CHECK(fds && maps);
	while (readdir(fds))
		held.descriptors++;
	while (fgets(line, sizeof(line), maps))
		held.maps += strstr(line, "/registry.") || strstr(line, "/dev/shm/segreg-");
	closedir(fds);
	fclose(maps);
	return held;
}

static void check_nothing_is_held(void)
{
	struct holdings now = count_holdings();

	T_EQ(now.descriptors, at_first.descriptors);
	T_EQ(now.maps, at_first.maps);
}

static int count_own_pins(void *arg, const struct segreg_holder *holder)
{
	uint64_t *pins = arg;

	*pins += holder->pid == getpid() ? holder->pins : 0;
	return 0;
}

static void check_own_pins(const struct actor *actor)
{
	uint64_t pins = 0;

	T_OK(segreg_lanes(actor->reg, count_own_pins, &pins));
	T_EQ(pins, actor->held);
}

/* ---------------------------------------------------------------- acting */

void intend(struct actor *actor, uint64_t id, enum fate fate)
{
	struct truth *next = &actor->scene->ledger->next;

	actor->intends = true;
	next->fate[id] = fate;
	next->has_files[id] = fate == STRANGER; /* unregistered: they are the caller's again */
}

void intend_version(struct actor *actor)
{
	actor->intends = true;
	actor->scene->ledger->next.version++;
}

static void acknowledge(struct actor *actor)
{
	if (actor->intends) /* and not an earlier process that died of it */
		ledger->now = ledger->next;
	actor->intends = false;
}

/* The outcome is unknown: open again and look. True: it was made. */
static bool look_again(struct actor *actor)
{
	const char *fault;

	segreg_close(actor->reg, NULL);
	T_OK(scene_open(actor->scene, &actor->reg));
	actor->held = 0;
	actor->reopened = true;
	T_ERR(SEGREG_E_NOENT, segreg_retire(actor->reg, NOBODY));
	if (!scene_fault(actor->scene, actor->reg, &ledger->next))
		return true;
	fault = scene_fault(actor->scene, actor->reg, &ledger->now);
	if (fault)
		T_FAIL("done by half: %s", fault);
	return false;
}

static void check_nothing_changed(struct actor *actor)
{
	const char *fault;

	if (!actor->reg) {
		check_nothing_is_held();
		return;
	}
	check_own_pins(actor);
	fault = scene_fault(actor->scene, actor->reg, &ledger->now);
	if (fault)
		T_FAIL("it failed, but %s", fault);
}

static bool is_clean(int rc)
{
	return rc == SEGREG_E_NOMEM || rc == SEGREG_E_NOSPC || rc == SEGREG_E_PERM || rc == SEGREG_E_IO ||
	       rc == SEGREG_E_REOPEN || rc == SEGREG_E_MISMATCH || rc == SEGREG_E_UNSUPPORTED;
}

void victim_enters(void)
{
	ledger->inside = true;
}

bool settled(const char *file, int line, struct actor *actor, const char *call, int expected, int rc)
{
	bool done = false;

	ledger->inside = false;
	if (rc == expected) {
		acknowledge(actor);
		return true;
	}
	if (!actor->fails || !ledger->was_harmed || !is_clean(rc))
		t_result(file, line, call, expected, rc);
	if (!*segreg_last_error())
		t_fail(file, line, "%s fails without a text", call);
	actor->fails = false; /* once */
	shelter();
	if (rc == SEGREG_E_REOPEN)
		done = look_again(actor);
	else
		check_nothing_changed(actor);
	if (actor->scene->prober)
		scene_probe(actor->scene);
	if (done)
		acknowledge(actor);
	return done;
}

static void be_victim(struct scene *scene, const struct act *act, struct harm wanted)
{
	struct actor actor = { .scene = scene, .fails = wanted.kind == FAIL_CALL || wanted.kind == FAIL_SYSTEM_CALL };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	victim_scene = scene;
	ledger = scene->ledger;
	at_first = count_holdings();
	if (!act->opens)
		T_OK(scene_open(scene, &actor.reg));
	expose(wanted);
	act->play(&actor);
	shelter();
	if (actor.reg)
		check_own_pins(&actor);
	T_OK(segreg_close(actor.reg, NULL));
	if (is_traced(wanted))
		raise(SIGSTOP); /* and to here */
	check_nothing_is_held();
	exit(0); /* where a sanitizer looks for leaks */
}

/* ---------------------------------------------------------------- from outside */

static void wait_for_victim(struct scene *scene, pid_t pid)
{
	int status;

	T_EQ(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status))
		_exit(WEXITSTATUS(status)); /* it has said why */
	if (WIFSIGNALED(status) && (WTERMSIG(status) != SIGKILL || !scene->ledger->was_harmed))
		T_FAIL("the victim is killed by signal %d", WTERMSIG(status));
}

static void trace(struct scene *scene, pid_t pid, struct harm wanted)
{
	switch (wanted.kind) {
	case KILL_AT_SYSTEM_CALL:
		tracer_kill_at_call(scene, pid, wanted.nth * 2 - 1);
		break;
	case KILL_AT_CALL_STOP:
		tracer_kill_at_call(scene, pid, wanted.nth);
		break;
	case KILL_AFTER_CHANGE:
		stepper_kill_after(scene, pid, wanted.change);
		break;
	case FAIL_SYSTEM_CALL:
		faulter_fail(scene, pid, wanted.nth, wanted.choice);
		break;
	case COUNT_CALLS:
		wanted.trail->call_stops = tracer_kill_at_call(scene, pid, 0);
		break;
	default:
		stepper_record(pid, wanted.trail, wanted.kind == STEP_ALL);
	}
}

bool victim_play(struct scene *scene, const struct act *act, struct harm wanted)
{
	pid_t pid;

	scene->ledger->was_reached = scene->ledger->was_harmed = scene->ledger->inside = false;
	pid = T_SYS(fork());
	if (pid == 0) {
		if (is_traced(wanted) && ptrace(PTRACE_TRACEME, 0, 0, 0) == -1)
			T_SKIP("cannot trace a process: %s", strerror(errno));
		be_victim(scene, act, wanted);
	}
	if (is_traced(wanted))
		trace(scene, pid, wanted);
	wait_for_victim(scene, pid);
	if (!scene->ledger->was_harmed)
		return false;
	if (wanted.kind == FAIL_CALL || wanted.kind == FAIL_SYSTEM_CALL)
		tally->failures++;
	else
		count_kill(wanted.kind == KILL_AT_POINT ? scene->ledger->where : NULL);
	return true;
}
