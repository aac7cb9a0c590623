/*
 * handover.c - waiting for what another process commits, and taking over what it holds.
 */
#include "harness.h"
#include "holds.h"
#include "registry/sr_registry.h"

#include <sched.h>

/* ---------------------------------------------------------------- waiting */

struct waiting {
	uint64_t version, now;
	int timeout_ms;
};

static int do_wait(struct peer_self *self, void *arg)
{
	struct waiting *waiting = arg;

	return segreg_wait(self->reg, waiting->version, waiting->timeout_ms, &waiting->now);
}

static void wait_until_asleep(struct segreg *reg, uint32_t n)
{
	while (sr_load_seqcst_u32(&reg->region.header->version_waiters) != n)
		sched_yield();
}

static void waiting_for_a_version(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct waiting waiting = { .version = 3, .timeout_ms = -1 };
	uint64_t now = 77;

	T_OK(segreg_wait(s.reg, 2, -1, &now));
	T_EQ(now, 3);
	T_OK(segreg_wait(s.reg, 0, 0, NULL));
	T_ERR(SEGREG_E_TIMEDOUT, segreg_wait(s.reg, 3, 0, &now));
	T_ERR(SEGREG_E_TIMEDOUT, segreg_wait(s.reg, 3, 20, &now));
	T_EQ(now, 3);
	peer_begin(s.holder, do_wait, &waiting, sizeof(waiting));
	wait_until_asleep(s.reg, 1);
	T_OK(segreg_retire(s.reg, 1));
	T_OK(peer_end(s.holder, &waiting));
	T_EQ(waiting.now, 4);
	t_strike(&s);
}

#define WAITERS 6u

static void all_waiters_wake(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct peer *waiter[WAITERS];
	struct waiting waiting = { .timeout_ms = T_SECONDS * 1000 };

	for (unsigned i = 0; i < WAITERS; i++) {
		enum peer_kind kind = i % 2 ? PEER_THREAD : PEER_PROCESS;

		waiter[i] = peer_start(&s.world, kind);
		T_OK(kind == PEER_THREAD ? peer_use(waiter[i], s.reg) : peer_open(waiter[i]));
		waiting.version = i == 0 ? 4 : 3; /* one wants to see one more */
		peer_begin(waiter[i], do_wait, &waiting, sizeof(waiting));
	}
	wait_until_asleep(s.reg, WAITERS);
	T_OK(segreg_reserve(s.reg, 50, "seg-50")); /* makes no version */
	wait_until_asleep(s.reg, WAITERS);
	T_OK(peer_retire(s.holder, 1));
	for (unsigned i = 1; i < WAITERS; i++) {
		T_OK(peer_end(waiter[i], &waiting));
		T_EQ(waiting.now, 4);
	}
	wait_until_asleep(s.reg, 1);
	T_OK(peer_retire(s.holder, 2));
	T_OK(peer_end(waiter[0], &waiting));
	T_EQ(waiting.now, 5);
	for (unsigned i = 0; i < WAITERS; i++)
		peer_exit(waiter[i]);
	t_strike(&s);
}

/* ---------------------------------------------------------------- handing over */

struct handing {
	struct segreg_pin theirs, pin;
};

static int do_receive_pin(struct peer_self *self, void *arg)
{
	struct handing *handing = arg;

	return segreg_pin_receive(self->reg, &handing->theirs, &handing->pin);
}

static int do_unpin(struct peer_self *self, void *arg)
{
	struct handing *handing = arg;

	return segreg_unpin(self->reg, &handing->pin);
}

static void pins_are_handed_over(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct handing handing = { 0 };

	T_OK(segreg_pin(s.reg, 1, 0, &handing.theirs));
	T_OK(segreg_retire(s.reg, 1));
	T_OK(peer_call(s.holder, do_receive_pin, &handing, sizeof(handing)));
	T_EQ(t_refcount(s.reg, 1), 2);
	T_ERR(SEGREG_E_NOTPINNED, segreg_unpin(s.reg, &handing.pin)); /* it is the peer's */
	T_OK(segreg_unpin(s.reg, &handing.theirs));
	t_expect_sweep(s.reg, 0, 1);
	T_OK(peer_call(s.holder, do_unpin, &handing, sizeof(handing)));
	t_expect_sweep(s.reg, 1, 0);
	t_strike(&s);
}

static void pins_of_what_is_gone(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_pin pin, copy, received = { .id = 77 };

	T_OK(segreg_pin(s.reg, 1, 0, &pin));
	copy = pin;
	T_OK(segreg_retire(s.reg, 1));
	T_OK(segreg_unpin(s.reg, &pin));
	t_expect_sweep(s.reg, 1, 0);
	T_ERR(SEGREG_E_NOENT, segreg_pin_receive(s.reg, &copy, &received));
	t_add(&s.world, s.reg, 1);
	T_ERR(SEGREG_E_NOENT, segreg_pin_receive(s.reg, &copy, &received));
	copy = (struct segreg_pin){ .id = 2 };
	T_ERR(SEGREG_E_NOENT, segreg_pin_receive(s.reg, &copy, &received));
	T_ERR(SEGREG_E_INVAL, segreg_pin_receive(s.reg, NULL, &received));
	T_ERR(SEGREG_E_INVAL, segreg_pin_receive(s.reg, &copy, NULL));
	T_EQ(received.id, 77);
	for (uint64_t id = 1; id <= 3; id++)
		T_EQ(t_refcount(s.reg, id), 0);
	t_strike(&s);
}

/* Zeroes are not the pin of the first segment, whose id, slot and generation they happen to be. */
static void zeroed_pin(void)
{
	struct t_world world = t_world(T_MEMORY);
	struct segreg *reg = t_open(&world);
	struct segreg_pin none = { 0 }, received;

	t_add(&world, reg, 0);
	T_ERR(SEGREG_E_NOTPINNED, segreg_unpin(reg, &none));
	T_ERR(SEGREG_E_NOENT, segreg_pin_receive(reg, &none, &received));
	T_EQ(t_refcount(reg, 0), 0);
	t_close(reg);
}

static void snapshots_are_handed_over(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);

	for (int kind = SEGREG_SNAPSHOT; kind <= SEGREG_HORIZON; kind++) {
		uint64_t id = (uint64_t)kind;
		struct segreg_snapshot mine = t_take(s.reg, kind), theirs = { 0 };

		T_OK(segreg_retire(s.reg, id));
		T_OK(peer_receive(s.holder, &mine, &theirs));
		T_EQ(theirs.version, mine.version);
		T_EQ(theirs.kind, mine.kind);
		t_release(s.reg, &mine);
		t_expect_sweep(s.reg, 0, 1);
		T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_release(s.reg, &theirs));
		T_OK(peer_release(s.holder, &theirs));
		t_expect_sweep(s.reg, 1, 0);
	}
	t_strike(&s);
}

/* Also within one handle, where the next snapshot has the very cell of the one that was released. */
static void what_was_released_is_not_handed_over(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_snapshot mine = t_take(s.reg, SEGREG_SNAPSHOT), copy = mine, received = { .version = 77 };

	t_release(s.reg, &mine);
	T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_receive(s.reg, &copy, &received));
	T_ERR(SEGREG_E_NOTPINNED, peer_receive(s.holder, &copy, &received));
	T_EQ(received.version, 77);
	mine = t_take(s.reg, SEGREG_SNAPSHOT);
	T_OK(segreg_snapshot_receive(s.reg, &mine, &received));
	t_release(s.reg, &mine);
	T_OK(segreg_retire(s.reg, 1));
	t_expect_sweep(s.reg, 0, 1);
	t_release(s.reg, &received);
	t_expect_sweep(s.reg, 1, 0);
	t_strike(&s);
}

static void the_dead_hand_over_nothing(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_snapshot theirs = { 0 }, mine = { .version = 77 };
	struct peer *giver = peer_start(&s.world, PEER_PROCESS);

	T_OK(peer_open(giver));
	T_OK(peer_take(giver, SEGREG_SNAPSHOT, &theirs));
	T_OK(segreg_retire(s.reg, 1));
	peer_kill(giver);
	t_expect_sweep(s.reg, 1, 0);
	T_ERR(SEGREG_E_NOTPINNED, segreg_snapshot_receive(s.reg, &theirs, &mine));
	giver = peer_start(&s.world, PEER_PROCESS);
	T_OK(peer_open(giver)); /* in the lane of the dead, and in its cell */
	T_OK(peer_take(giver, SEGREG_SNAPSHOT, &mine));
	T_ERR(SEGREG_E_NOTPINNED, peer_receive(s.holder, &theirs, &mine));
	peer_exit(giver);
	T_OK(segreg_retire(s.reg, 2));
	t_expect_sweep(s.reg, 1, 0); /* nothing was left behind */
	t_strike(&s);
}

static void forged_snapshots(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_snapshot mine = t_take(s.reg, SEGREG_SNAPSHOT), received = { .version = 77 };
	struct segreg_snapshot forged[] = { mine, mine, mine, mine, mine, mine, mine, mine };

	forged[0].version--;
	forged[1].version = UINT64_MAX;
	forged[2].cell++;
	forged[3].cell = UINT32_MAX;
	forged[4].owner ^= 1ull << 32;
	forged[5].owner |= UINT32_MAX;
	forged[6].kind = SEGREG_HORIZON;
	forged[7].version |= 1ull << 62; /* beyond what a cell has room for */
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
		T_ERR(SEGREG_E_NOTPINNED, peer_receive(s.holder, &forged[i], &received));
	T_ERR(SEGREG_E_INVAL, peer_receive(s.holder, &(struct segreg_snapshot){ 0 }, &received));
	T_ERR(SEGREG_E_INVAL, segreg_snapshot_receive(s.reg, NULL, &received));
	T_ERR(SEGREG_E_INVAL, segreg_snapshot_receive(s.reg, &mine, NULL));
	T_EQ(received.version, 77);
	t_release(s.reg, &mine);
	T_OK(segreg_retire(s.reg, 1));
	t_expect_sweep(s.reg, 1, 0); /* no attempt left anything behind */
	t_strike(&s);
}

T_SUITE(handover, { "a wait ends with a version, at once if it is there, or with its time", waiting_for_a_version },
	{ "all who wait wake", all_waiters_wake },
	{ "a pin is handed over, and its giver lets go at once", pins_are_handed_over },
	{ "a pin of what is gone hands nothing over", pins_of_what_is_gone },
	{ "a zeroed pin hands nothing over", zeroed_pin },
	{ "snapshots and horizons are handed over, and their giver lets go at once", snapshots_are_handed_over },
	{ "a snapshot that was released is not handed over", what_was_released_is_not_handed_over },
	{ "the dead hand nothing over", the_dead_hand_over_nothing },
	{ "forged snapshots are refused", forged_snapshots });
