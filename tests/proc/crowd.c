/*
 * crowd.c - many handles: the dead among them are found, all and only they.
 * The time does not grow with the square of their number.
 */
#include "harness.h"
#include "peer.h"

#include <errno.h>
#include <unistd.h>

#define PEERS 4
#define ASKED 16    /* handles in a row that are asked for at once: a 64th of the lanes that a registry has */
#define HANDLES 150 /* of each peer; all together more than are asked for one by one */

static int open_many(struct peer_self *self, void *arg)
{
	const struct segreg_open_options options = { .size = sizeof(options) };
	static struct segreg_pin pins[HANDLES];
	static struct segreg *handles[HANDLES];

	(void)arg;
	for (unsigned i = 0; i < HANDLES; i++) {
		int rc = segreg_open(self->world.dir, &options, &handles[i]);

		if (!rc)
			rc = segreg_pin(handles[i], 1, 0, &pins[i]);
		if (rc)
			return rc;
	}
	return 0;
}

struct crowd {
	struct t_world world;
	struct segreg *reg;
	struct peer *peer[PEERS];
};

/* Two of four are killed: their lanes are before and between those of the living. */
static struct crowd gather(void)
{
	struct crowd c = { .world = t_world(T_MEMORY) };

	c.reg = t_open(&c.world);
	t_add(&c.world, c.reg, 1);
	for (unsigned i = 0; i < PEERS; i++) {
		c.peer[i] = peer_start(&c.world, PEER_PROCESS);
		T_OK(peer_call(c.peer[i], open_many, NULL, 0));
	}
	T_EQ(t_refcount(c.reg, 1), PEERS * HANDLES);
	T_EQ(t_sweep(c.reg).reclaimed, 0); /* the first one looks for missing files, and then for deaths again */
	peer_kill(c.peer[0]);
	peer_kill(c.peer[2]);
	return c;
}

static void check_reclaimed(const struct crowd *c)
{
	struct segreg_sweep_result swept = t_sweep(c->reg);

	T_EQ(swept.reclaimed, 2 * HANDLES);
	T_EQ(swept.reclaimed_pins, 2 * HANDLES);
	T_EQ(t_refcount(c->reg, 1), 2 * HANDLES);
	peer_kill(c->peer[1]);
	T_EQ(t_sweep(c->reg).reclaimed, HANDLES);
	T_EQ(t_refcount(c->reg, 1), HANDLES);
	t_close(c->reg);
}

static void finds_the_dead(void)
{
	struct crowd c = gather();

	check_reclaimed(&c);
}

static void finds_the_dead_one_by_one(void)
{
	struct crowd c = gather();

	t_fail_call("locks", 0, EACCES);
	check_reclaimed(&c);
	T_EQ(t_failed_calls(), 1);
}

/* If the question for a lock fails, its owner counts as alive. So nothing is reclaimed, and the questions can be
 * counted. */
static void asks_for_no_living(void)
{
	struct crowd c = gather();

	if (access("/proc/locks", R_OK) == -1)
		T_SKIP("/proc/locks cannot be read");
	t_fail_call("getlock", 0, EIO);
	T_EQ(t_sweep(c.reg).reclaimed, 0);
	T_EQ(t_failed_calls(), 2 * ((HANDLES + ASKED - 1) / ASKED));
	t_fail_call(NULL, 0, 0);
	check_reclaimed(&c);
}

static void die(void *arg, const char *point)
{
	(void)point;
	peer_kill(arg);
}

/* A process that dies after the list was read is found by the next sweep. */
static void dies_after_the_list(void)
{
	struct crowd c = gather();

	t_at_point("lane.listed", 1, die, c.peer[3]);
	T_EQ(t_sweep(c.reg).reclaimed, 2 * HANDLES);
	T_EQ(t_sweep(c.reg).reclaimed, HANDLES);
	T_EQ(t_refcount(c.reg, 1), HANDLES);
	t_close(c.reg);
}

#define SMALL 64 /* lanes of a registry that has few */

static int open_all_but_one(struct peer_self *self, void *arg)
{
	const struct segreg_open_options options = { .size = sizeof(options) };
	struct segreg *handle;
	int rc = 0;

	(void)arg;
	for (unsigned i = 0; i < SMALL - 2 && !rc; i++)
		rc = segreg_open(self->world.dir, &options, &handle);
	return rc;
}

/* A sweep that is stopped while it takes dead handles away keeps one lane of a small registry, and not all. */
static void stopped_sweep(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open_with(&w, (struct segreg_open_options){ .max_lanes = SMALL });
	struct peer *many = peer_start(&w, PEER_PROCESS), *sweeper = peer_start(&w, PEER_PROCESS);

	T_OK(peer_open(sweeper));
	T_OK(peer_call(many, open_all_but_one, NULL, 0));
	peer_kill(many);
	peer_run_to(sweeper, "lane.reclaiming", peer_do_sweep, NULL, 0);
	for (unsigned i = 0; i < SMALL - 3; i++)
		t_open(&w);
	peer_go_on(sweeper);
	T_OK(peer_end(sweeper, NULL));
	t_close(reg);
}

T_SUITE(crowd, { "the dead among 600 handles are reclaimed, and the living are not", finds_the_dead },
	{ "so they are where the kernel's list of locks cannot be read", finds_the_dead_one_by_one },
	{ "no handle is asked for that the kernel lists as alive", asks_for_no_living },
	{ "a process that dies after the list was read is reclaimed by the next sweep", dies_after_the_list },
	{ "a sweep that is stopped among the dead keeps few of them from others", stopped_sweep });
