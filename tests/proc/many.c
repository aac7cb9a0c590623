/*
 * many.c - segreg_unpin_many: what it releases, what it leaves, and when it wakes the sweepers.
 */
#include "harness.h"
#include "peer.h"

#include <string.h>

#define N 40

static const struct segreg_pin no_pin;

/* N live segments, each pinned once. */
static struct segreg *pin_all(const struct t_world *w, struct segreg_pin pins[N])
{
	struct segreg *reg = t_open(w);
	uint64_t ids[N];

	for (uint64_t i = 0; i < N; i++) {
		ids[i] = i + 1;
		t_add(w, reg, ids[i]);
	}
	T_OK(segreg_pin_many(reg, ids, N, 0, pins));
	return reg;
}

static bool is_no_pin(const struct segreg_pin *pin)
{
	return memcmp(pin, &no_pin, sizeof(no_pin)) == 0;
}

static void releases_all(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg_pin pins[N], second;
	struct segreg *reg = pin_all(&w, pins);

	T_OK(segreg_pin(reg, 7, 0, &second));
	T_OK(segreg_unpin_many(reg, pins, N));
	for (uint64_t i = 0; i < N; i++) {
		T_CHECK(is_no_pin(&pins[i]));
		T_EQ(t_refcount(reg, i + 1), i + 1 == 7);
	}
	T_OK(segreg_unpin(reg, &second));
	t_close(reg);
}

static void skips_no_pins(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg_pin pins[N];
	struct segreg *reg = pin_all(&w, pins);

	T_OK(segreg_unpin(reg, &pins[0]));
	T_OK(segreg_unpin(reg, &pins[N / 2]));
	T_OK(segreg_unpin_many(reg, pins, N));
	T_OK(segreg_unpin_many(reg, pins, N));
	for (uint64_t i = 0; i < N; i++)
		T_EQ(t_refcount(reg, i + 1), 0);
	t_close(reg);
}

/* Released already, of another handle, and of a slot that does not exist. */
static void leaves_what_is_not_held(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg_pin pins[N], theirs, before[N];
	struct segreg *reg = pin_all(&w, pins), *other = t_open(&w);

	T_OK(segreg_pin(other, 3, 0, &theirs));
	before[1] = pins[1];
	T_OK(segreg_unpin(reg, &pins[1]));
	pins[1] = before[1];
	pins[20] = theirs;
	pins[N - 1].slot = UINT32_MAX;
	memcpy(before, pins, sizeof(pins));
	T_ERR(SEGREG_E_NOTPINNED, segreg_unpin_many(reg, pins, N));
	T_HAS(segreg_last_error(), "segment 2"); /* the first of them */
	for (uint64_t i = 0; i < N; i++) {
		bool is_left = i == 1 || i == 20 || i == N - 1;

		T_CHECK(is_left ? memcmp(&pins[i], &before[i], sizeof(pins[i])) == 0 : is_no_pin(&pins[i]));
		/* The pin that made room for theirs, and the pin whose slot was forged, are held as before. */
		T_EQ(t_refcount(reg, i + 1), i == 20 || i == N - 1 || i + 1 == 3);
	}
	T_OK(segreg_unpin(other, &theirs));
	t_close(other);
	t_close(reg);
}

static int do_release(struct peer_self *self, void *arg)
{
	(void)arg;
	return segreg_unpin_many(self->reg, self->pin, self->pins);
}

/* A sweeper that wakes earlier finds segments held, and is not woken for them again. */
static void wakes_once_at_the_end(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *reader = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);
	uint32_t ticket = 0, before;

	T_OK(peer_open(reader));
	for (uint64_t id = 1; id <= 10; id++) {
		t_add(&w, reg, id);
		T_OK(peer_pin(reader, id));
		T_OK(segreg_retire(reg, id));
	}
	T_EQ(t_sweep(reg).held, 10);
	T_OK(segreg_sweep_wait(reg, &ticket, 0));
	peer_run_to(reader, "unpin.counted", do_release, NULL, 0);
	T_ERR(SEGREG_E_TIMEDOUT, segreg_sweep_wait(reg, &ticket, 0));
	before = ticket;
	peer_go_on(reader);
	T_OK(peer_end(reader, NULL));
	T_OK(segreg_sweep_wait(reg, &ticket, 0));
	T_EQ(ticket, before + 1);
	T_EQ(t_sweep(reg).deleted, 10);
	peer_kill(reader);
	t_close(reg);
}

/* Before the wake, what died has released its pins: the next sweep deletes the segments. */
static void killed_before_it_wakes(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *reader = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);

	T_OK(peer_open(reader));
	t_add(&w, reg, 1);
	T_OK(peer_pin(reader, 1));
	T_OK(segreg_retire(reg, 1));
	peer_run_to(reader, "unpin.counted", do_release, NULL, 0);
	peer_kill(reader);
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

static void live_segments_wake_nobody(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg_pin pins[N];
	struct segreg *reg = pin_all(&w, pins);
	uint32_t ticket = 0;

	T_OK(segreg_sweep_wait(reg, &ticket, 0));
	T_OK(segreg_unpin_many(reg, pins, N));
	T_ERR(SEGREG_E_TIMEDOUT, segreg_sweep_wait(reg, &ticket, 0));
	t_close(reg);
}

T_SUITE(many, { "unpin_many releases each pin once and zeroes it", releases_all },
	{ "unpin_many skips zeroed pins", skips_no_pins },
	{ "unpin_many releases what is held beside pins that are not, and names those", leaves_what_is_not_held },
	{ "unpin_many wakes the sweepers once, after the last pin", wakes_once_at_the_end },
	{ "a process killed in unpin_many has released its pins", killed_before_it_wakes },
	{ "unpin_many of live segments wakes no sweeper", live_segments_wake_nobody });
