/*
 * arrivals.c - processes that come at the same moment, or while the last one goes.
 */
#include "harness.h"
#include "peer.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Two find the same lane free. One gets it, and the other the next; one that dies on the way leaves it to others. */
static void die_taking_a_lane_at(const char *point)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *first = peer_start(&w, PEER_PROCESS), *second = peer_start(&w, PEER_PROCESS),
		    *third = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	peer_run_to(first, point, peer_do_open, NULL, 0);
	peer_run_to(second, "lane.found", peer_do_open, NULL, 0);
	T_OK(peer_open(third));
	peer_kill(first);
	peer_go_on(second);
	T_OK(peer_end(second, NULL));
	T_EQ(t_stats(reg).lanes, 3);
	T_OK(peer_pin(second, 1));
	T_OK(peer_pin(third, 1));
	T_EQ(t_sweep(reg).reclaimed, 0);
	T_EQ(t_refcount(reg, 1), 2);
	peer_kill(second);
	T_EQ(t_sweep(reg).reclaimed, 1);
	T_EQ(t_refcount(reg, 1), 1);
	t_close(reg);
}

static void same_lane(void)
{
	die_taking_a_lane_at("lane.found");
	die_taking_a_lane_at("lane.publishing");
}

#define CROWD 1000u

static void live_in_crowd(const struct t_world *w, int opened, int over)
{
	struct segreg_open_options options = { .size = sizeof(options), .timeout_ms = 60000 };
	struct segreg *reg = NULL;
	struct segreg_pin pin;
	char answer = segreg_open(w->dir, &options, &reg) == 0 && segreg_pin(reg, 1, 0, &pin) == 0 ? 'y' : 'n';

	if (answer == 'n')
		fprintf(stderr, "%s\n", segreg_last_error());
	T_EQ(write(opened, &answer, 1), 1);
	T_EQ(read(over, &answer, 1), 0); /* until the test closes the other end */
	kill(getpid(), SIGKILL);
}

/* All come at once: nobody has the registry open. All die at once. */
static void crowd(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	int opened[2], over[2];
	unsigned n = 0, good = 0;
	char answer;

	t_add(&w, reg, 1);
	t_close(reg);
	T_SYS(pipe(opened));
	T_SYS(pipe(over));
	for (pid_t pid = 1; n < CROWD; n++) {
		pid = fork();
		if (pid == -1)
			break;
		if (pid == 0) {
			close(over[1]);
			live_in_crowd(&w, opened[1], over[0]);
		}
	}
	T_CHECK(n > 1); /* fewer than CROWD where no more processes are allowed */
	for (unsigned i = 0; i < n; i++) {
		T_EQ(read(opened[0], &answer, 1), 1);
		good += answer == 'y';
	}
	T_EQ(good, n);
	reg = t_open(&w);
	T_EQ(t_stats(reg).lanes, n + 1);
	T_EQ(t_refcount(reg, 1), n);
	close(over[1]);
	while (wait(NULL) > 0)
		;
	T_EQ(t_sweep(reg).reclaimed, n);
	T_EQ(t_refcount(reg, 1), 0);
	t_close(reg);
}

static void create_together(unsigned n, unsigned rounds)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *peer[8];

	for (unsigned i = 0; i < n; i++)
		peer[i] = peer_start(&w, PEER_PROCESS);
	for (unsigned round = 0; round < rounds; round++) {
		struct segreg *reg;

		for (unsigned i = 0; i < n; i++)
			peer_begin(peer[i], peer_do_open, NULL, 0);
		for (unsigned i = 0; i < n; i++)
			T_OK(peer_end(peer[i], NULL));
		for (unsigned i = 0; i < n; i++) {
			t_make_segment(&w, i);
			T_OK(peer_register(peer[i], i, t_segment(i)));
		}
		T_OK(segreg_open(w.dir, NULL, &reg));
		T_EQ(t_stats(reg).live, n);
		T_EQ(t_stats(reg).lanes, n + 1);
		T_EQ(t_stats(reg).starts, 1);
		t_close(reg);
		for (unsigned i = 0; i < n; i++)
			T_OK(peer_close(peer[i], NULL));
		t_remove_world(w.base);
		T_SYS(mkdir(w.base, 0700));
	}
}

static void two_creators(void)
{
	create_together(2, 20);
}

static void eight_creators(void)
{
	create_together(8, 5);
}

/* A region comes and goes with its last user, while others arrive. */
static void coming_and_going(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *peer[4];
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	t_close(reg);
	for (unsigned i = 0; i < 4; i++)
		peer[i] = peer_start(&w, PEER_PROCESS);
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 4; i++)
			peer_begin(peer[i], peer_do_open, NULL, 0);
		for (unsigned i = 0; i < 4; i++)
			T_OK(peer_end(peer[i], NULL));
		T_OK(peer_pin(peer[round % 4], 1));
		for (unsigned i = 0; i < 4; i++)
			peer_begin(peer[i], peer_do_close, NULL, 0);
		for (unsigned i = 0; i < 4; i++)
			T_OK(peer_end(peer[i], NULL));
	}
}

T_SUITE(arrivals, { "two take the same free lane, and one dies: each handle has a lane of its own", same_lane },
	{ "a thousand processes open at once, die, and are swept", crowd },
	{ "two processes create the registry at the same moment", two_creators },
	{ "eight processes create the registry at the same moment", eight_creators },
	{ "processes come while the last one goes", coming_and_going });
