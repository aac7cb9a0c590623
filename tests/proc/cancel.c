/*
 * cancel.c - a thread is cancelled at each stop point of each call: the call ends, and no lock stays taken.
 * Other threads and processes go on.
 */
#include "harness.h"
#include "peer.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct victim {
	const struct act *act;
	struct t_world world;
	struct segreg *reg;
	struct segreg_edit *edit;
	struct segreg_pin pin;
	struct segreg_snapshot snapshot;
	uint64_t id;  /* of a segment of its own */
	unsigned nth; /* arrival at a stop point at which the thread is cancelled */
	int type;
	bool was_cancelled, has_ended;
	char point[48];
	int rc;
};

struct act {
	const char *name;
	const char *must_meet;             /* a stop point of this call */
	void (*prepare)(struct victim *v); /* by the test's own thread */
	int (*call)(struct victim *v);
	enum {
		HAS_HANDLE,
		OPENS,
		BUILDS,
		CLOSES
	} life; /* of the handle; BUILDS: and nobody else has the registry open */
};

/* ---------------------------------------------------------------- the calls */

static int must_not_be_cancelled(void)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	T_EQ(state, PTHREAD_CANCEL_DISABLE);
	pthread_testcancel();
	return 0;
}

static int on_entry(void *arg, const struct segreg_info *info)
{
	(void)arg;
	(void)info;
	return must_not_be_cancelled();
}

static int on_holder(void *arg, const struct segreg_holder *holder)
{
	(void)arg;
	(void)holder;
	return must_not_be_cancelled();
}

static int on_finding(void *arg, const struct segreg_finding *finding)
{
	(void)arg;
	(void)finding;
	return must_not_be_cancelled();
}

static int on_log(void *arg, const struct segreg_log_entry *entry)
{
	(void)arg;
	(void)entry;
	return must_not_be_cancelled();
}

static void make_own(struct victim *v)
{
	t_make_segment(&v->world, v->id);
}

static void add_own(struct victim *v)
{
	t_add(&v->world, v->reg, v->id);
}

static void retire_own(struct victim *v)
{
	add_own(v);
	T_OK(segreg_retire(v->reg, v->id));
}

static void make_edit(struct victim *v)
{
	make_own(v);
	T_OK(segreg_edit_begin(v->reg, &v->edit));
	T_OK(segreg_edit_add(v->edit, v->id, t_segment(v->id)));
}

static void take_snapshot(struct victim *v)
{
	T_OK(segreg_snapshot_take(v->reg, SEGREG_SNAPSHOT, &v->snapshot));
}

static void reserve_own(struct victim *v)
{
	T_OK(segreg_reserve(v->reg, v->id, t_segment(v->id)));
}

static int call_open(struct victim *v)
{
	const struct segreg_open_options options = { .size = sizeof(options), .flags = SEGREG_CREATE };

	return segreg_open(v->world.dir, &options, &v->reg);
}

static int call_close(struct victim *v)
{
	return segreg_close(v->reg, NULL);
}

static int call_register(struct victim *v)
{
	return segreg_register(v->reg, v->id, t_segment(v->id));
}

static int call_reserve(struct victim *v)
{
	return segreg_reserve(v->reg, v->id, t_segment(v->id));
}

static int call_unreserve(struct victim *v)
{
	return segreg_unreserve(v->reg, v->id);
}

static int call_retire(struct victim *v)
{
	return segreg_retire(v->reg, v->id);
}

static int call_remove(struct victim *v)
{
	return segreg_force_remove(v->reg, v->id, 0);
}

static int call_commit(struct victim *v)
{
	return segreg_edit_commit(v->edit, NULL);
}

static int call_pin(struct victim *v)
{
	return segreg_pin(v->reg, 1, 0, &v->pin);
}

static int call_receive(struct victim *v)
{
	struct segreg_snapshot ours;

	return segreg_snapshot_receive(v->reg, &v->snapshot, &ours);
}

static int call_sweep(struct victim *v)
{
	return segreg_sweep(v->reg, NULL, NULL);
}

static int call_check(struct victim *v)
{
	return segreg_check(v->reg, SEGREG_CHECK_REPAIR, on_finding, NULL);
}

static int call_evict(struct victim *v)
{
	uint64_t released;

	return segreg_evict(v->reg, (uint32_t)v->pin.owner, (uint32_t)(v->pin.owner >> 32), &released);
}

static int call_ask(struct victim *v)
{
	int rc = segreg_list(v->reg, on_entry, NULL);

	if (!rc)
		rc = segreg_holders(v->reg, 1, on_holder, NULL);
	if (!rc)
		rc = segreg_log(v->reg, 0, on_log, NULL);
	return rc;
}

static int call_discard(struct victim *v)
{
	const char *path = t_segment(v->id);

	return segreg_discard(v->reg, &path, 1, 0);
}

static int call_relaxed(struct victim *v)
{
	const char *path = t_segment(v->id);

	return segreg_discard(v->reg, &path, 1, SEGREG_DISCARD_RELAXED);
}

static int call_vacate(struct victim *v)
{
	return segreg_vacate(v->reg, t_segment(v->id));
}

static int call_retire_path(struct victim *v)
{
	return segreg_retire_path(v->reg, t_segment(v->id));
}

static int call_find(struct victim *v)
{
	return segreg_find(v->reg, t_segment(v->id), NULL, NULL);
}

static void pin_one(struct victim *v)
{
	T_OK(segreg_pin(v->reg, 1, 0, &v->pin));
}

static const struct act acts[] = {
	{ "build", "attach.building", NULL, call_open, BUILDS },
	{ "open", "lane.publishing", NULL, call_open, OPENS },
	{ "close", "lane.emptying", pin_one, call_close, CLOSES },
	{ "register", "change.committing", make_own, call_register, HAS_HANDLE },
	{ "reserve", "change.durable", NULL, call_reserve, HAS_HANDLE },
	{ "unreserve", "change.applied", reserve_own, call_unreserve, HAS_HANDLE },
	{ "retire", "change.committing", add_own, call_retire, HAS_HANDLE },
	{ "remove", "remove.deciding", add_own, call_remove, HAS_HANDLE },
	{ "commit", "change.committing", make_edit, call_commit, HAS_HANDLE },
	{ "pin", "lane.page_added", NULL, call_pin, HAS_HANDLE },
	{ "receive", "snapshot.received", take_snapshot, call_receive, HAS_HANDLE },
	{ "sweep", "sweep.removed", retire_own, call_sweep, HAS_HANDLE },
	{ "check", "check.compared", NULL, call_check, HAS_HANDLE },
	{ "evict", "lane.evicting", pin_one, call_evict, HAS_HANDLE },
	{ "ask", NULL, pin_one, call_ask, HAS_HANDLE },
	{ "discard", "group.planned", make_own, call_discard, HAS_HANDLE },
	{ "discard, relaxed", "discards.added", make_own, call_relaxed, HAS_HANDLE },
	{ "vacate", "vacate.unlinked", retire_own, call_vacate, HAS_HANDLE },
	{ "retire by path", "change.committing", add_own, call_retire_path, HAS_HANDLE },
	{ "find", NULL, add_own, call_find, HAS_HANDLE },
};

/* ---------------------------------------------------------------- the cancelling */

/* Where nothing is held and no system call is made, a pin or a snapshot takes no time to keep cancellation off. */
static bool is_hot(const char *point)
{
	return !strncmp(point, "pin.", 4) || !strcmp(point, "snapshot.read") || !strcmp(point, "snapshot.published");
}

static void cancel_here(void *arg, const char *point)
{
	struct victim *v = arg;
	int state;

	snprintf(v->point, sizeof(v->point), "%s", point);
	if (is_hot(point))
		return;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (state != PTHREAD_CANCEL_DISABLE)
		T_FAIL("a thread can be cancelled at %s in the call \"%s\"", point, v->act->name);
	v->was_cancelled = true;
	pthread_cancel(pthread_self());
	pthread_testcancel();
}

static void *run_victim(void *arg)
{
	struct victim *v = arg;

	pthread_setcanceltype(v->type, NULL);
	t_at_point(NULL, v->nth, cancel_here, v);
	v->rc = v->act->call(v);
	t_at_point(NULL, 0, NULL, NULL);
	v->has_ended = true;
	pthread_testcancel();
	return NULL;
}

/* Another handle of this process, and another process, change the registry. */
static void check_others(const struct victim *v, struct peer *other, struct segreg *watch)
{
	uint64_t id = v->id + 1;

	t_add(&v->world, watch, id);
	T_OK(peer_retire(other, id));
}

/* False: there is no nth stop point. */
static bool play(const struct act *act, const struct t_world *world, struct peer *other, unsigned nth, int type,
		 bool *has_met)
{
	static uint64_t ids = 100;
	struct victim v = { .act = act, .world = *world, .nth = nth, .type = type, .id = ids += 2 };
	struct segreg *watch = act->life == BUILDS ? NULL : t_open(world);
	pthread_t thread;
	void *end;

	if (act->life == BUILDS)
		T_OK(peer_close(other, NULL));
	if (act->life == HAS_HANDLE || act->life == CLOSES)
		v.reg = t_open(world);
	if (act->prepare)
		act->prepare(&v);
	T_EQ(pthread_create(&thread, NULL, run_victim, &v), 0);
	T_EQ(pthread_join(thread, &end), 0);
	/* (This C library forgets PTHREAD_CANCELED when pthread_setcancelstate itself cancels.) */
	if (type == PTHREAD_CANCEL_DEFERRED)
		T_EQ(end == PTHREAD_CANCELED, v.was_cancelled);
	T_EQ(v.has_ended, !v.was_cancelled || type == PTHREAD_CANCEL_DEFERRED);
	if (v.has_ended)
		T_OK(v.rc);
	if (act->must_meet && !strcmp(v.point, act->must_meet))
		*has_met = true;
	if (!watch)
		watch = t_open(world);
	if (act->life == BUILDS)
		T_OK(peer_open(other));
	check_others(&v, other, watch);
	if (act->life != CLOSES)
		t_close(v.reg);
	t_close(watch);
	return *v.point;
}

static void cancel_everywhere(int type)
{
	struct t_world world = t_world(T_MEMORY);
	struct peer *other = peer_start(&world, PEER_PROCESS);
	struct segreg *reg = t_open(&world);

	t_add(&world, reg, 1);
	t_close(reg);
	T_OK(peer_open(other));
	for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
		bool has_met = !acts[i].must_meet;

		for (unsigned nth = 1; play(&acts[i], &world, other, nth, type, &has_met); nth++)
			;
		if (!has_met)
			T_FAIL("the call \"%s\" does not come to %s", acts[i].name, acts[i].must_meet);
	}
}

static void is_cancelled_after_a_call(void)
{
	cancel_everywhere(PTHREAD_CANCEL_DEFERRED);
}

static void is_cancelled_at_any_instruction(void)
{
#if defined(__SANITIZE_ADDRESS__)
	T_SKIP("AddressSanitizer takes the stack that a cancelled thread leaves for one in use");
#endif
	cancel_everywhere(PTHREAD_CANCEL_ASYNCHRONOUS);
}

/* ---------------------------------------------------------------- a wait */

static void *wait_for_versions(void *arg)
{
	struct victim *v = arg;
	uint64_t version;

	if (segreg_version(v->reg, &version) != 0)
		return NULL;
	pthread_cancel(pthread_self());
	v->rc = segreg_wait(v->reg, version, 1, NULL);
	v->has_ended = true;
	pthread_testcancel();
	return NULL;
}

static void waits_to_its_end(void)
{
	struct victim v = { .world = t_world(T_MEMORY) };
	pthread_t thread;
	void *end;

	v.reg = t_open(&v.world);
	T_EQ(pthread_create(&thread, NULL, wait_for_versions, &v), 0);
	T_EQ(pthread_join(thread, &end), 0);
	T_CHECK(end == PTHREAD_CANCELED);
	T_CHECK(v.has_ended);
	T_EQ(v.rc, SEGREG_E_TIMEDOUT);
	t_close(v.reg);
}

T_SUITE(cancel,
	{ "a cancelled thread ends its call, whatever the call, and leaves no lock taken", is_cancelled_after_a_call },
	{ "a thread that may be cancelled at any instruction ends its call too", is_cancelled_at_any_instruction },
	{ "a wait is no cancellation point and ends by its timeout", waits_to_its_end });
