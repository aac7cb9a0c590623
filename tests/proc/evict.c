/*
 * evict.c - an operator takes away what a handle holds, wherever its owner is at that moment.
 */
#include "harness.h"
#include "peer.h"

#define HELD 1
#define FAR 2

struct stage {
	struct t_world world;
	struct peer *owner;
	struct segreg *reg; /* the operator's */
};

static struct stage set(enum peer_kind kind)
{
	struct stage s = { .world = t_world(T_MEMORY) };

	s.owner = peer_start(&s.world, kind);
	T_OK(peer_open(s.owner));
	s.reg = t_open(&s.world);
	t_add(&s.world, s.reg, HELD);
	return s;
}

struct found {
	uint32_t lane, epoch;
	uint64_t pins, snapshots;
	int is_evicted;
	unsigned n;
};

static int find(void *arg, const struct segreg_holder *holder)
{
	struct found *found = arg;

	found->n++;
	if (found->n > 1) /* the owner came first */
		return 0;
	found->lane = holder->lane;
	found->epoch = holder->epoch;
	found->pins = holder->pins;
	found->snapshots = holder->snapshots;
	found->is_evicted = holder->is_evicted;
	return 0;
}

static struct found owner_of(const struct stage *s)
{
	struct found found = { .n = 0 };

	T_OK(segreg_lanes(s->reg, find, &found));
	return found;
}

static uint64_t evict(const struct stage *s)
{
	struct found found = owner_of(s);
	uint64_t released = UINT64_MAX;

	T_OK(segreg_evict(s->reg, found.lane, found.epoch, &released));
	return released;
}

static void is_deleted(const struct stage *s)
{
	T_OK(segreg_retire(s->reg, HELD));
	T_EQ(t_sweep(s->reg).deleted, 1);
}

static void strike(struct stage *s)
{
	peer_exit(s->owner);
	t_sweep(s->reg);
	T_EQ(t_stats(s->reg).pending + t_stats(s->reg).deleting, 0);
	T_EQ(t_stats(s->reg).lanes, 1);
	t_close(s->reg);
}

/* ---------------------------------------------------------------- the owner finds out */

static int do_everything_evicted(struct peer_self *self, void *arg)
{
	struct segreg_snapshot *snapshot = arg;
	struct segreg_entry entry = { .size = sizeof(entry) };
	char path[SEGREG_PATH_SIZE];
	struct segreg_pin pin;
	uint64_t ids[2] = { FAR, FAR };
	struct segreg_pin pins[2];
	uint64_t released;
	int fd;

	T_EQ(segreg_pin(self->reg, FAR, 0, &pin), SEGREG_E_EVICTED);
	T_HAS(segreg_last_error(), "close it and open the registry");
	T_EQ(segreg_pin_many(self->reg, ids, 2, 0, pins), SEGREG_E_EVICTED);
	T_EQ(segreg_pin_path(self->reg, &self->pin[0], path, sizeof(path)), SEGREG_E_EVICTED);
	T_EQ(segreg_pin_open(self->reg, &self->pin[0], "data", &fd), SEGREG_E_EVICTED);
	T_EQ(segreg_unpin(self->reg, &self->pin[0]), SEGREG_E_EVICTED);
	T_EQ(segreg_unpin_many(self->reg, self->pin, 2), SEGREG_E_EVICTED);
	T_EQ(segreg_snapshot_next(self->reg, snapshot, &entry), SEGREG_E_EVICTED);
	T_EQ(segreg_snapshot_release(self->reg, snapshot), SEGREG_E_EVICTED);
	T_EQ(segreg_snapshot_take(self->reg, SEGREG_HORIZON, snapshot), SEGREG_E_EVICTED);
	T_OK(segreg_retire(self->reg, FAR)); /* edits go on */
	T_OK(segreg_close(self->reg, &released));
	T_EQ(released, 0);
	self->pins = 0;
	self->reg = t_open(&self->world);
	T_OK(segreg_pin(self->reg, FAR, 0, &pin));
	T_OK(segreg_unpin(self->reg, &pin));
	return segreg_snapshot_take(self->reg, SEGREG_SNAPSHOT, snapshot);
}

static int do_snapshot(struct peer_self *self, void *arg)
{
	return segreg_snapshot_take(self->reg, SEGREG_SNAPSHOT, arg);
}

static void tells_the_owner(const void *arg)
{
	const enum peer_kind *kind = arg;
	struct stage s = set(*kind);
	struct segreg_snapshot snapshot = { 0 };
	struct found found;

	t_add(&s.world, s.reg, FAR);
	T_OK(peer_pin(s.owner, HELD));
	T_OK(peer_pin(s.owner, HELD));
	T_OK(peer_call(s.owner, do_snapshot, &snapshot, sizeof(snapshot)));
	T_OK(segreg_retire(s.reg, HELD));
	T_EQ(t_sweep(s.reg).held, 1);
	T_EQ(evict(&s), 3);
	found = owner_of(&s);
	T_CHECK(found.is_evicted);
	T_EQ(found.pins + found.snapshots, 0);
	T_EQ(evict(&s), 0); /* again */
	T_EQ(t_sweep(s.reg).deleted, 1);
	T_OK(peer_call(s.owner, do_everything_evicted, &snapshot, sizeof(snapshot)));
	T_CHECK(!owner_of(&s).is_evicted);
	strike(&s);
}

static void tells_a_process(void)
{
	tells_the_owner(&(enum peer_kind){ PEER_PROCESS });
}

static void tells_a_thread(void)
{
	tells_the_owner(&(enum peer_kind){ PEER_THREAD });
}

/* ---------------------------------------------------------------- wherever it is */

static void pin_to(struct stage *s, const char *point)
{
	const uint64_t id = HELD;

	peer_run_to(s->owner, point, peer_do_pin, &id, sizeof(id));
}

static int end_pin(struct stage *s)
{
	peer_go_on(s->owner);
	return peer_end(s->owner, NULL);
}

/* A pin has given the first page memory by then. */
static void prepare(struct stage *s)
{
	t_add(&s->world, s->reg, 77);
	T_OK(peer_pin(s->owner, 77));
}

static void before_the_count(void)
{
	struct stage s = set(PEER_PROCESS);

	prepare(&s);
	pin_to(&s, "pin.looked");
	T_EQ(evict(&s), 1);
	T_EQ(end_pin(&s), SEGREG_E_EVICTED);
	is_deleted(&s);
	strike(&s);
}

/* The pin came before the eviction, so segreg_pin returns 0, and the eviction takes the pin away. */
static void after_the_count(void)
{
	struct stage s = set(PEER_PROCESS);

	prepare(&s);
	pin_to(&s, "pin.counted");
	T_EQ(evict(&s), 2);
	T_OK(end_pin(&s));
	is_deleted(&s);
	T_EQ(peer_unpin(s.owner, HELD), SEGREG_E_EVICTED);
	strike(&s);
}

/* Its first page of counts comes when the evictor has gone through those that there were. */
static void while_a_page_comes(void)
{
	struct stage s = set(PEER_PROCESS);

	pin_to(&s, "lane.page_added");
	T_EQ(evict(&s), 0);
	T_EQ(end_pin(&s), SEGREG_E_EVICTED);
	T_EQ(peer_pin(s.owner, HELD), SEGREG_E_EVICTED);
	is_deleted(&s);
	strike(&s);
}

static int do_evict(struct peer_self *self, void *arg)
{
	const struct found *found = arg;

	return segreg_evict(self->reg, found->lane, found->epoch, NULL);
}

static void the_evictor_dies(void)
{
	struct stage s = set(PEER_PROCESS);
	struct peer *evictor = peer_start(&s.world, PEER_PROCESS);
	struct found owner;

	T_OK(peer_open(evictor));
	T_OK(peer_pin(s.owner, HELD));
	owner = owner_of(&s);
	peer_run_to(evictor, "lane.evicting", do_evict, &owner, sizeof(owner));
	peer_kill(evictor);
	T_OK(segreg_retire(s.reg, HELD));
	T_EQ(t_sweep(s.reg).held, 1); /* not evicted, so it counts */
	T_OK(segreg_evict(s.reg, owner.lane, owner.epoch, NULL));
	T_EQ(t_sweep(s.reg).deleted, 1);
	T_EQ(peer_unpin(s.owner, HELD), SEGREG_E_EVICTED);
	strike(&s);
}

static void while_a_snapshot_is_taken(void)
{
	struct stage s = set(PEER_PROCESS);
	struct segreg_snapshot snapshot = { 0 };

	peer_run_to(s.owner, "snapshot.read", do_snapshot, &snapshot, sizeof(snapshot));
	T_EQ(evict(&s), 0);
	T_EQ(end_pin(&s), SEGREG_E_EVICTED);
	is_deleted(&s);
	strike(&s);
}

/* ---------------------------------------------------------------- its end */

static void is_reclaimed(void)
{
	struct stage s = set(PEER_PROCESS);
	struct found old;

	T_OK(peer_pin(s.owner, HELD));
	old = owner_of(&s);
	T_EQ(evict(&s), 1);
	peer_kill(s.owner);
	T_EQ(t_sweep(s.reg).reclaimed, 1);
	T_EQ(segreg_evict(s.reg, old.lane, old.epoch, NULL), SEGREG_E_NOENT);
	T_EQ(segreg_evict(s.reg, 1u << 20, 1, NULL), SEGREG_E_NOENT);
	s.owner = peer_start(&s.world, PEER_PROCESS);
	T_OK(peer_open(s.owner));
	T_EQ(owner_of(&s).lane, old.lane);
	T_EQ(segreg_evict(s.reg, old.lane, old.epoch, NULL), SEGREG_E_NOENT); /* not the one who was meant */
	T_OK(peer_pin(s.owner, HELD));
	T_OK(segreg_retire(s.reg, HELD));
	T_EQ(t_sweep(s.reg).held, 1);
	T_OK(peer_unpin(s.owner, HELD));
	T_EQ(t_sweep(s.reg).deleted, 1);
	strike(&s);
}

static int do_reserve(struct peer_self *self, void *arg)
{
	(void)arg;
	return segreg_reserve(self->reg, FAR, "far");
}

static void builders_go_on(void)
{
	struct stage s = set(PEER_PROCESS);

	T_OK(peer_call(s.owner, do_reserve, NULL, 0));
	T_EQ(evict(&s), 0);
	T_EQ(t_sweep(s.reg).deleted, 0);
	T_EQ(t_stats(s.reg).building, 1);
	peer_kill(s.owner);
	T_EQ(t_sweep(s.reg).deleted, 1);
	s.owner = peer_start(&s.world, PEER_PROCESS);
	T_OK(peer_open(s.owner));
	strike(&s);
}

T_SUITE(evict,
	{ "an evicted process holds nothing, its calls fail with EVICTED, and it can open again", tells_a_process },
	{ "an evicted thread's handle likewise", tells_a_thread },
	{ "evicted before it counted: refused", before_the_count },
	{ "evicted after it counted: pinned, and taken away", after_the_count },
	{ "evicted while a page of counts comes: refused, now and later", while_a_page_comes },
	{ "an evictor that dies in the middle has taken nothing that sweeps would believe; the next one ends it",
	  the_evictor_dies },
	{ "evicted while it takes a snapshot: refused", while_a_snapshot_is_taken },
	{ "an evicted handle is reclaimed like any other, and its lane is as new; evicting the one before does nothing",
	  is_reclaimed },
	{ "an evicted handle's reservations are its own", builders_go_on });
