/*
 * watches.c - segreg_watch: a descriptor that is readable from an event on, however many watches there are.
 */
#include "harness.h"
#include "holds.h"
#include "watches.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#define EDITS 2000u

/* ---------------------------------------------------------------- what rings */

static void versions(enum peer_kind kind)
{
	struct t_scene s = t_scene(kind);
	struct segreg_watch watch = watch_for(s.reg, SEGREG_WATCH_VERSION);

	T_CHECK(!is_readable(&watch));
	for (uint64_t id = 1; id <= 3; id++) {
		T_OK(peer_retire(s.holder, id));
		expect_ring(s.reg, &watch);
		T_EQ(t_version(s.reg), 3 + id);
	}
	T_OK(peer_retire(s.holder, 3)); /* changes nothing, and makes no version */
	T_OK(segreg_watch_clear(s.reg, &watch));
	T_CHECK(!is_readable(&watch));
	T_OK(segreg_unwatch(s.reg, &watch));
	T_EQ(watch.fd, -1);
	T_ERR(SEGREG_E_INVAL, segreg_unwatch(s.reg, &watch));
	t_strike(&s);
}

static void versions_in_one_process(void)
{
	versions(PEER_THREAD);
}

static void versions_across_processes(void)
{
	versions(PEER_PROCESS);
}

static void work(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch watch = watch_for(s.reg, SEGREG_WATCH_SWEEP);
	struct segreg_snapshot snapshot = { 0 };
	struct peer *mortal = peer_start(&s.world, PEER_PROCESS);

	T_OK(peer_pin(s.holder, 1));
	T_OK(peer_pin(s.holder, 2));
	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	T_OK(peer_unpin(s.holder, 2)); /* of a live segment */
	T_CHECK(!is_readable(&watch));
	T_OK(peer_retire(s.holder, 1));
	expect_ring(s.reg, &watch);
	T_OK(peer_unpin(s.holder, 1));
	expect_ring(s.reg, &watch);
	T_OK(peer_release(s.holder, &snapshot));
	expect_ring(s.reg, &watch);
	T_OK(peer_open(mortal));
	expect_ring(s.reg, &watch);
	peer_kill(mortal);
	expect_ring(s.reg, &watch);
	T_OK(segreg_sweep_wake(s.reg));
	expect_ring(s.reg, &watch);
	T_OK(segreg_unwatch(s.reg, &watch));
	t_strike(&s);
}

static void both_by_epoll(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch watch = watch_for(s.reg, SEGREG_WATCH_VERSION | SEGREG_WATCH_SWEEP);
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 42 };
	int epoll = T_SYS(epoll_create1(EPOLL_CLOEXEC));

	T_SYS(epoll_ctl(epoll, EPOLL_CTL_ADD, watch.fd, &event));
	event.data.u64 = 0;
	T_EQ(epoll_wait(epoll, &event, 1, 0), 0);
	T_OK(peer_pin(s.holder, 1));
	T_OK(peer_retire(s.holder, 1));
	T_EQ(epoll_wait(epoll, &event, 1, -1), 1);
	T_EQ(event.data.u64, 42);
	T_OK(segreg_watch_clear(s.reg, &watch));
	T_EQ(epoll_wait(epoll, &event, 1, 0), 0);
	T_OK(peer_unpin(s.holder, 1));
	T_EQ(epoll_wait(epoll, &event, 1, -1), 1);
	T_OK(segreg_unwatch(s.reg, &watch));
	close(epoll);
	t_strike(&s);
}

/* ---------------------------------------------------------------- no event is missed */

static int do_many_edits(struct peer_self *self, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < EDITS; i++) {
		int rc = segreg_force_remove(self->reg, 1, 0);

		rc = rc ? rc : segreg_register(self->reg, 1, t_segment(1));
		if (rc)
			return rc;
	}
	return 0;
}

static int do_watch_all(struct peer_self *self, void *arg)
{
	uint64_t last = *(uint64_t *)arg;
	struct segreg_watch watch = watch_for(self->reg, SEGREG_WATCH_VERSION);

	while (t_version(self->reg) < last) {
		await(&watch);
		T_OK(segreg_watch_clear(self->reg, &watch));
	}
	return segreg_unwatch(self->reg, &watch);
}

/* Three watchers, and one that never reads. */
static void thousands(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch lazy = watch_for(s.reg, SEGREG_WATCH_VERSION);
	uint64_t last = 3 + 2 * EDITS;
	struct peer *watcher[3];

	for (int i = 0; i < 3; i++) {
		watcher[i] = peer_start(&s.world, PEER_PROCESS);
		T_OK(peer_open(watcher[i]));
		peer_begin(watcher[i], do_watch_all, &last, sizeof(last));
	}
	T_OK(peer_call(s.holder, do_many_edits, NULL, 0));
	T_EQ(t_version(s.reg), last);
	for (int i = 0; i < 3; i++) {
		T_OK(peer_end(watcher[i], NULL));
		peer_exit(watcher[i]);
	}
	expect_ring(s.reg, &lazy);
	T_OK(segreg_unwatch(s.reg, &lazy));
	t_strike(&s);
}

static void one_ring_for_who_never_reads(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch one, two;

	count_rings();
	t_add(&s.world, s.reg, 4);
	T_EQ(rings, 0); /* nobody watches */
	one = watch_for(s.reg, SEGREG_WATCH_VERSION);
	two = watch_for(s.reg, SEGREG_WATCH_VERSION);
	for (uint64_t id = 5; id < 50; id++)
		t_add(&s.world, s.reg, id);
	T_EQ(rings, 1);
	T_OK(segreg_watch_clear(s.reg, &one));
	T_CHECK(is_readable(&two));
	for (uint64_t id = 50; id < 60; id++)
		t_add(&s.world, s.reg, id);
	T_EQ(rings, 2);
	T_CHECK(is_readable(&one));
	T_OK(segreg_unwatch(s.reg, &one));
	T_OK(segreg_unwatch(s.reg, &two));
	t_add(&s.world, s.reg, 60);
	T_EQ(rings, 2);
	t_strike(&s);
}

struct meanwhile {
	struct t_scene *s;
	uint64_t id;
};

static void retire_at_point(void *arg, const char *point)
{
	struct meanwhile *m = arg;

	(void)point;
	T_OK(peer_retire(m->s->holder, m->id));
}

/* Between W1 and W2: the look after that sees it. After W2: the descriptor is readable. */
static void while_it_clears(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch watch = watch_for(s.reg, SEGREG_WATCH_VERSION);
	struct meanwhile m = { .s = &s, .id = 2 };

	T_OK(peer_retire(s.holder, 1));
	await(&watch);
	t_at_point("watch.drained", 1, retire_at_point, &m);
	T_OK(segreg_watch_clear(s.reg, &watch));
	T_EQ(t_version(s.reg), 5);
	T_OK(peer_retire(s.holder, 3));
	await(&watch);
	T_OK(segreg_unwatch(s.reg, &watch));
	t_strike(&s);
}

/* Two wakers in one ring: one has read asked, and then another watch asks. */
static void asked_while_it_is_rung(const char *point)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch watch = watch_for(s.reg, SEGREG_WATCH_VERSION);
	uint64_t id = 1;

	peer_run_to(s.holder, point, peer_do_retire, &id, sizeof(id));
	T_OK(segreg_watch_clear(s.reg, &watch));
	T_EQ(t_version(s.reg), 4);
	peer_go_on(s.holder);
	T_OK(peer_end(s.holder, NULL));
	T_OK(peer_retire(s.holder, 2));
	await(&watch);
	T_EQ(t_version(s.reg), 5);
	T_OK(segreg_unwatch(s.reg, &watch));
	t_strike(&s);
}

static void asked_before_the_touch(void)
{
	asked_while_it_is_rung("ring.asked");
}

static void asked_after_the_touch(void)
{
	asked_while_it_is_rung("ring.rung");
}

T_SUITE(watches, { "a watch is readable from a version until it is cleared, in one process", versions_in_one_process },
	{ "a watch is readable from a version until it is cleared, across processes", versions_across_processes },
	{ "a watch for sweeps is rung by all that segreg_sweep_wait returns for, and by deaths", work },
	{ "one watch serves for both, in an epoll", both_by_epoll },
	{ "three watchers see the last of 4,000 edits, beside one that never reads", thousands },
	{ "watches that nobody clears cost one ring", one_ring_for_who_never_reads },
	{ "an edit while a watch is cleared is seen", while_it_clears },
	{ "a watch that asks before another's touch is rung for what comes after", asked_before_the_touch },
	{ "a watch that asks after another's touch is rung for what comes after", asked_after_the_touch });
