/*
 * acts.c - what victims do: each operation of the library that changes something, in a way that comes to all its
 * branches.
 */
#include "acts.h"
#include "fault.h"
#include "harness.h"
#include "registry/sr_registry.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

static void play_create(struct actor *a)
{
	TRY(a, scene_open(a->scene, &a->reg));
}

static void play_open(struct actor *a)
{
	TRY(a, scene_open(a->scene, &a->reg));
}

static void play_enlist(struct actor *a)
{
	intend(a, 10, LIVE);
	intend_version(a);
	TRY(a, segreg_register(a->reg, 10, scene_path(10)));
	TRY(a, segreg_register(a->reg, 10, scene_path(10))); /* again */
	TRY_FOR(SEGREG_E_EXISTS, a, segreg_register(a->reg, 11, scene_path(10)));
}

static int commit_edit(const struct actor *a)
{
	unsigned char token[16] = "turn";
	struct segreg_edit *edit;
	int rc = segreg_edit_begin(a->reg, &edit);

	memcpy(token + 8, &a->scene->ledger->turn, sizeof(unsigned));
	if (rc)
		return rc;
	rc = segreg_edit_add(edit, 10, scene_path(10));
	rc = rc ? rc : segreg_edit_retire(edit, 2);
	rc = rc ? rc : segreg_edit_add(edit, 11, scene_path(11));
	rc = rc ? rc : segreg_edit_add(edit, 12, scene_path(12));
	rc = rc ? rc : segreg_edit_retire(edit, 3);
	rc = rc ? rc : segreg_edit_sync(edit);
	rc = rc ? rc : segreg_edit_token(edit, token);
	if (!rc)
		return segreg_edit_commit(edit, NULL);
	segreg_edit_abort(edit);
	return rc;
}

static void play_edit(struct actor *a)
{
	for (uint64_t id = 10; id <= 12; id++)
		intend(a, id, LIVE);
	intend(a, 2, RETIRED);
	intend(a, 3, RETIRED);
	intend_version(a);
	TRY(a, commit_edit(a));
	TRY(a, commit_edit(a)); /* the token is known */
}

/* Another thread with a handle of its own, whose edit travels with the actor's. */
struct rider {
	struct actor *actor;
	struct segreg *reg;
	pthread_t thread;
};

static void *register_11(void *arg)
{
	struct rider *rider = arg;

	T_OK(segreg_register(rider->reg, 11, scene_path(11)));
	return NULL;
}

static bool board(void *arg, const char *point)
{
	struct rider *rider = arg;
	const struct segreg *reg = rider->reg;
	unsigned passed;

	if (strcmp(point, "group.leading") != 0)
		return false;
	passed = victim_passed();
	T_EQ(pthread_create(&rider->thread, NULL, register_11, rider), 0);
	/* It has put its letter, and has passed the point behind that: from here on only the actor comes to points. */
	while (victim_passed() == passed ||
	       !(sr_load_seqcst_u64(&reg->region.header->posted[reg->lane / 64]) >> reg->lane % 64 & 1))
		sched_yield();
	return true;
}

static void play_lead(struct actor *a)
{
	struct rider rider = { .actor = a };

	TRY(a, scene_open(a->scene, &rider.reg));
	victim_at_points(board, &rider);
	intend(a, 10, LIVE);
	intend_version(a);
	intend(a, 11, LIVE);
	intend_version(a);
	TRY(a, segreg_register(a->reg, 10, scene_path(10)));
	T_EQ(pthread_join(rider.thread, NULL), 0);
	TRY(a, segreg_close(rider.reg, NULL));
}

static void play_retire(struct actor *a)
{
	intend(a, 2, RETIRED);
	intend_version(a);
	TRY(a, segreg_retire(a->reg, 2));
	TRY(a, segreg_retire(a->reg, 2)); /* again */
	TRY_FOR(SEGREG_E_NOENT, a, segreg_retire(a->reg, NOBODY));
}

/* Through shared memory, and then made durable. */
static int discard_soon(const struct actor *a, uint64_t id)
{
	const char *path = scene_path(id);
	int rc = segreg_discard(a->reg, &path, 1, SEGREG_DISCARD_RELAXED);

	return rc ? rc : segreg_discard(a->reg, NULL, 0, 0);
}

/* A discard, one that waits in shared memory, and the way made free for a file of the same name. */
static void play_discard(struct actor *a)
{
	struct ledger *ledger = a->scene->ledger;
	const char *path = scene_path(4);

	intend(a, 4, RETIRED);
	intend_version(a);
	TRY(a, segreg_discard(a->reg, &path, 1, 0));
	intend(a, 3, RETIRED);
	intend_version(a);
	TRY(a, discard_soon(a, 3));
	ledger->now.vacated = ledger->next.vacated = 3;
	intend(a, 3, STRANGER);
	ledger->next.has_files[3] = false;
	intend_version(a);
	TRY(a, segreg_vacate(a->reg, scene_path(3)));
}

static int put_lease(const struct actor *a, uint64_t floor)
{
	const struct segreg_lease_item item = { .id = 6 };

	return segreg_lease_put(a->reg, SCENE_LEASE, floor, &item, 1);
}

static void intend_lease(struct actor *a, uint64_t leased)
{
	a->intends = true;
	a->scene->ledger->next.leased = leased;
}

/* A lease that lists a retired segment, a sweep beside it, a change of it, and its end. */
static void play_lease(struct actor *a)
{
	struct ledger *ledger = a->scene->ledger;
	uint64_t version = 0;

	intend_lease(a, 6);
	TRY(a, put_lease(a, SEGREG_LEASE_LISTED));
	TRY(a, put_lease(a, SEGREG_LEASE_LISTED)); /* again: changes nothing */
	ledger->now.swept = ledger->next.swept = true;
	TRY(a, segreg_sweep(a->reg, NULL, NULL));
	TRY_FOR(SEGREG_E_BUSY, a, segreg_force_remove(a->reg, 6, 0));
	TRY(a, segreg_version(a->reg, &version));
	TRY(a, put_lease(a, version));
	intend_lease(a, 0);
	TRY(a, segreg_lease_drop(a->reg, SCENE_LEASE));
	TRY_FOR(SEGREG_E_NOENT, a, segreg_lease_drop(a->reg, SCENE_LEASE));
	TRY(a, segreg_sweep(a->reg, NULL, NULL));
}

static void play_build(struct actor *a)
{
	intend(a, 13, RESERVED);
	TRY(a, segreg_reserve(a->reg, 13, scene_path(13)));
	if (a->reopened)
		return;
	scene_make_files(a->scene, 13);
	intend(a, 13, LIVE);
	intend_version(a);
	TRY_IN_THIS_HANDLE(a, segreg_register(a->reg, 13, scene_path(13))); /* the reservation ends with its handle */
	if (a->reopened)
		return;
	intend(a, 14, RESERVED);
	TRY(a, segreg_reserve(a->reg, 14, scene_path(14)));
	if (a->reopened)
		return;
	scene_make_files(a->scene, 14);
	intend(a, 14, RETIRED);
	TRY_IN_THIS_HANDLE(a, segreg_unreserve(a->reg, 14));
}

static void play_remove(struct actor *a)
{
	struct segreg_pin pin;

	TRY(a, segreg_pin(a->reg, 5, 0, &pin));
	a->held++;
	TRY_FOR(SEGREG_E_BUSY, a, segreg_force_remove(a->reg, 5, 0));
	intend(a, 4, STRANGER);
	intend_version(a);
	a->scene->ledger->now.undone = true;
	TRY(a, segreg_force_remove(a->reg, 4, 0));
	intend(a, 5, STRANGER);
	intend_version(a);
	TRY(a, segreg_force_remove(a->reg, 5, SEGREG_FORCE));
}

static void play_pin(struct actor *a)
{
	static const uint64_t many[] = { 1, 2, 3 }, some[] = { 1, 2, NOBODY }, retired_too[] = { 1, 5, 3 };
	struct segreg_pin pin, pins[3];
	struct segreg_map map;

	TRY(a, segreg_pin(a->reg, 1, 0, &pin)); /* the first one of its page: the slow way */
	a->held++;
	TRY(a, segreg_unpin(a->reg, &pin));
	a->held--;
	TRY(a, segreg_pin(a->reg, 1, 0, &pin));
	a->held++;
	TRY(a, segreg_pin_many(a->reg, many, 3, 0, pins));
	a->held += 3;
	TRY_FOR(SEGREG_E_NOENT, a, segreg_pin_many(a->reg, some, 3, 0, pins)); /* all or none */
	TRY(a, segreg_pin(a->reg, 5, 0, &pin));                                /* retired */
	a->held++;
	TRY(a, segreg_pin_many(a->reg, retired_too, 3, 0, pins));
	a->held += 3;
	TRY(a, segreg_unpin_many(a->reg, pins, 3));
	a->held -= 3;
	TRY_FOR(SEGREG_E_NOENT, a, segreg_pin(a->reg, NOBODY, 0, &pin));
	TRY(a, segreg_map(a->reg, 2, "data", 0, &map));
	a->held++;
	TRY(a, segreg_unmap(a->reg, &map));
	a->held--;
}

static int ignore_finding(void *arg, const struct segreg_finding *finding)
{
	(void)arg;
	(void)finding;
	return 0;
}

static void play_check(struct actor *a)
{
	TRY(a, segreg_check(a->reg, SEGREG_CHECK_REPAIR, ignore_finding, NULL));
}

static int find_own(void *arg, const struct segreg_holder *holder)
{
	struct segreg_holder *own = arg;

	if (!holder->is_foreign && holder->pid == getpid())
		*own = *holder;
	return 0;
}

/* Itself, so that both sides die. */
static void play_evict(struct actor *a)
{
	struct segreg_holder own = { 0 };
	struct segreg_pin pin;

	TRY(a, segreg_pin(a->reg, 1, 0, &pin));
	a->held++;
	TRY(a, segreg_lanes(a->reg, find_own, &own));
	TRY(a, segreg_evict(a->reg, own.lane, own.epoch, NULL));
	a->held--;
	TRY_FOR(SEGREG_E_EVICTED, a, segreg_unpin(a->reg, &pin));
	TRY_FOR(SEGREG_E_EVICTED, a, segreg_pin(a->reg, 1, 0, &pin));
}

/* Between a snapshot's publication and its second look somebody commits. */
static bool commit_meanwhile(void *arg, const char *point)
{
	struct actor *a = arg;
	struct segreg *taker = a->reg;

	if (strcmp(point, "snapshot.published") != 0)
		return false;
	/* Through another handle: after an unknown outcome it is closed, and the taker is in the middle of a call. */
	if (scene_open(a->scene, &a->reg) == 0) {
		intend(a, 10, LIVE);
		intend_version(a);
		TRY(a, segreg_register(a->reg, 10, scene_path(10)));
		segreg_close(a->reg, NULL);
	}
	a->reg = taker;
	return true;
}

static int ignore_entry(void *arg, const struct segreg_entry *entry)
{
	(void)arg;
	(void)entry;
	return 0;
}

static void play_snapshot(struct actor *a)
{
	struct segreg_entry entry = { .size = sizeof(entry) };
	struct segreg_snapshot first, second;
	int step;

	victim_at_points(commit_meanwhile, a);
	TRY(a, segreg_snapshot_take(a->reg, SEGREG_SNAPSHOT, &first));
	if (a->reopened)
		return;
	TRY(a, segreg_snapshot_receive(a->reg, &first, &second));
	while ((step = segreg_snapshot_next(a->reg, &first, &entry)) == 1)
		;
	TRY(a, step);
	TRY(a, segreg_snapshot_list(a->reg, &first, SEGREG_BY_PATH, ignore_entry, NULL));
	TRY(a, segreg_snapshot_find(a->reg, &first, 1, &entry));
	TRY_FOR(SEGREG_E_NOENT, a, segreg_snapshot_find(a->reg, &first, NOBODY, &entry));
	TRY(a, segreg_snapshot_trade(a->reg, SEGREG_HORIZON, &first));
	TRY(a, segreg_snapshot_release(a->reg, &second));
}

static int register_watched(struct actor *a)
{
	struct segreg_watch watch;
	int rc = segreg_watch(a->reg, SEGREG_WATCH_VERSION | SEGREG_WATCH_SWEEP, &watch);

	if (rc)
		return rc;
	rc = segreg_watch_clear(a->reg, &watch);
	if (!rc)
		rc = segreg_register(a->reg, 10, scene_path(10));
	if (segreg_unwatch(a->reg, &watch))
		close(watch.fd); /* of a handle that was closed */
	return rc;
}

static void play_watch(struct actor *a)
{
	uint32_t ticket = 0;

	TRY(a, segreg_sweep_wait(a->reg, &ticket, 0));
	TRY_FOR(SEGREG_E_TIMEDOUT, a, segreg_wait(a->reg, UINT64_MAX - 1, 1, NULL));
	intend(a, 10, LIVE);
	intend_version(a);
	TRY(a, register_watched(a));
}

static int close_it(struct actor *a)
{
	struct segreg *reg = a->reg;

	a->reg = NULL;
	return segreg_close(reg, NULL);
}

static void play_leave(struct actor *a)
{
	struct segreg_snapshot snapshot;
	struct segreg_pin pin;

	TRY(a, segreg_pin(a->reg, 1, 0, &pin));
	a->held++;
	TRY(a, segreg_snapshot_take(a->reg, SEGREG_SNAPSHOT, &snapshot));
	TRY(a, close_it(a));
}

static void play_sweep(struct actor *a)
{
	struct ledger *ledger = a->scene->ledger;

	ledger->now.swept = ledger->next.swept = true;
	TRY(a, segreg_sweep(a->reg, NULL, NULL));
}

/* A sweep with a grace, on a clock that was an hour further when segments were retired. */
static void play_set_back(struct actor *a)
{
	struct segreg_sweep_options options = { .size = sizeof(options), .grace_ms = 1000 };
	struct ledger *ledger = a->scene->ledger;

	ledger->now.swept = ledger->next.swept = true;
	t_clock_forward(-3600000);
	TRY(a, segreg_sweep(a->reg, &options, NULL));
	t_clock_forward(3600000);
}

/* Both ways on which one comes to a repair. */
static void play_repair(struct actor *a)
{
	struct segreg_pin pin;

	TRY_FOR(SEGREG_E_NOENT, a, segreg_pin(a->reg, NOBODY, 0, &pin));
	TRY_FOR(SEGREG_E_NOENT, a, segreg_retire(a->reg, NOBODY));
}

#define DEFINE_ACT(name, opens_, creates_)                                                                             \
	const struct act act_##name = { .play = play_##name, .opens = opens_, .creates = creates_ };
ACTS(DEFINE_ACT)
