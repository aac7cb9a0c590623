/*
 * namespaces.c - processes in two PID namespaces with one registry, as sidecar containers have it. Root only.
 *
 * The test enters a new namespace for its children: peers started before are at home, those started after are foreign.
 * A foreign one gets the very pid of one at home, if the kernel lets us choose: robust mutexes would take the two for
 * one.
 */
#include "harness.h"
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct scene {
	struct t_world world;
	struct peer *home, *neighbour; /* at home */
	struct peer *init;             /* keeps the other namespace going */
	struct peer *foreign;          /* with home's pid */
};

/* Its waits for a lock that is held are soon over. */
static int do_open_impatient(struct peer_self *self, void *arg)
{
	const struct segreg_open_options impatient = { .size = sizeof(impatient), .timeout_ms = 100 };

	(void)arg;
	return segreg_open(self->world.dir, &impatient, &self->reg);
}

static struct peer *start(const struct t_world *w, peer_fn *open)
{
	struct peer *peer = peer_start(w, PEER_PROCESS);

	T_OK(peer_call(peer, open, NULL, 0));
	return peer;
}

/* Let the next process of this one's namespace be pid *arg; 0, or an errno. */
static int do_choose_next_pid(struct peer_self *self, void *arg)
{
	char text[32];
	pid_t pid;
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC), error = 0;

	(void)self;
	memcpy(&pid, arg, sizeof(pid));
	if (fd == -1)
		return errno;
	snprintf(text, sizeof(text), "%d", (int)pid - 1);
	if (write(fd, text, strlen(text)) == -1)
		error = errno;
	close(fd);
	return error;
}

static int do_getpid(struct peer_self *self, void *arg)
{
	(void)self;
	(void)arg;
	return getpid();
}

static struct peer *start_foreign(const struct scene *s)
{
	pid_t wanted = peer_pid(s->home);
	bool chosen = peer_call(s->init, do_choose_next_pid, &wanted, sizeof(wanted)) == 0;
	struct peer *peer = start(&s->world, peer_do_open);

	if (chosen)
		T_EQ(peer_call(peer, do_getpid, NULL, 0), wanted);
	return peer;
}

static struct scene set(void)
{
	struct scene s = { .world = t_world(T_MEMORY) };

#if defined(__SANITIZE_ADDRESS__)
	T_SKIP("LeakSanitizer cannot look into a process of another PID namespace");
#endif
	if (geteuid() != 0)
		T_SKIP("needs root, to make a PID namespace");
	s.home = start(&s.world, peer_do_open);
	s.neighbour = start(&s.world, do_open_impatient);
	if (unshare(CLONE_NEWPID) == -1)
		T_SKIP("cannot make a PID namespace: %s", strerror(errno));
	s.init = peer_start(&s.world, PEER_PROCESS);
	s.foreign = start_foreign(&s);
	for (uint64_t id = 1; id <= 4; id++) {
		t_make_segment(&s.world, id);
		T_OK(peer_register(id % 2 ? s.home : s.foreign, id, t_segment(id)));
	}
	return s;
}

static uint64_t reclaimed_by(struct peer *peer, uint64_t deleted)
{
	struct segreg_sweep_result swept;

	T_OK(peer_sweep(peer, &swept));
	T_EQ(swept.deleted, deleted);
	return swept.reclaimed;
}

/* ---------------------------------------------------------------- pins */

static void pins(void)
{
	struct scene s = set();

	T_OK(peer_pin(s.foreign, 1));
	T_OK(peer_pin(s.home, 2));
	T_OK(peer_retire(s.home, 1));
	T_OK(peer_retire(s.foreign, 2));
	T_EQ(reclaimed_by(s.home, 0), 0);
	T_EQ(reclaimed_by(s.foreign, 0), 0);
	peer_kill(s.foreign);
	T_EQ(reclaimed_by(s.home, 1), 1); /* the foreign one's pid lives on, at home; it is dead all the same */
	s.foreign = start_foreign(&s);
	peer_kill(s.home);
	T_EQ(reclaimed_by(s.foreign, 1), 1);
	T_CHECK(!t_exists(&s.world, "seg-1"));
	T_CHECK(!t_exists(&s.world, "seg-2"));
}

struct lanes {
	unsigned at_home, foreign;
};

static int count_lane(void *arg, const struct segreg_holder *holder)
{
	struct lanes *lanes = arg;

	lanes->foreign += holder->is_foreign != 0;
	lanes->at_home += !holder->is_foreign;
	return 0;
}

static int do_count_lanes(struct peer_self *self, void *arg)
{
	return segreg_lanes(self->reg, count_lane, arg);
}

static void foreigners(void)
{
	struct scene s = set();
	struct lanes lanes = { 0 };

	T_OK(peer_call(s.home, do_count_lanes, &lanes, sizeof(lanes)));
	T_EQ(lanes.at_home, 2);
	T_EQ(lanes.foreign, 1);
	lanes = (struct lanes){ 0 };
	T_OK(peer_call(s.foreign, do_count_lanes, &lanes, sizeof(lanes)));
	T_EQ(lanes.at_home, 1);
	T_EQ(lanes.foreign, 2);
}

/* ---------------------------------------------------------------- locks */

/* Until the process sleeps in another call than that in which it waits for orders. */
static void wait_until_it_waits(struct peer *peer)
{
	char path[64], text[64];
	long call;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)peer_pid(peer));
	do {
		FILE *file = fopen(path, "re");

		T_CHECK(file);
		T_CHECK(fgets(text, sizeof(text), file));
		fclose(file);
		if (sscanf(text, "%ld", &call) != 1)
			call = -1; /* it runs */
	} while (call != SYS_futex && call != SYS_clock_nanosleep);
}

/* A reservation cannot travel with another's commit: it waits for the lock itself. */
static int do_reserve(struct peer_self *self, void *arg)
{
	(void)arg;
	return segreg_reserve(self->reg, 5, t_segment(5));
}

/* holder stands inside a commit; the others wait in vain, one of them is killed as it waits, and holder goes on. */
static void wait_and_die(struct scene *s, struct peer *holder, struct peer *mortal, const char *point)
{
	const uint64_t three = 3;

	peer_run_to(holder, point, peer_do_retire, &three, sizeof(three));
	T_ERR(SEGREG_E_TIMEDOUT, peer_retire(s->neighbour, 4));
	peer_begin(mortal, do_reserve, NULL, 0);
	wait_until_it_waits(mortal);
	peer_kill(mortal);
	T_ERR(SEGREG_E_TIMEDOUT, peer_retire(s->neighbour, 4));
	peer_go_on(holder);
	T_OK(peer_end(holder, NULL));
	T_OK(peer_retire(s->neighbour, 4));
	T_EQ(reclaimed_by(s->neighbour, 2), 1);
	T_CHECK(!t_exists(&s->world, "seg-3"));
}

static void foreigner_waits_and_dies(void)
{
	struct scene s = set();

	wait_and_die(&s, s.home, s.foreign, "change.committing");
}

static void foreigner_waits_for_tables(void)
{
	struct scene s = set();

	wait_and_die(&s, s.home, s.foreign, "edit.publishing");
}

static void foreigner_holds(void)
{
	struct scene s = set();

	wait_and_die(&s, s.foreign, s.home, "change.committing");
}

static void foreigner_holds_tables(void)
{
	struct scene s = set();

	wait_and_die(&s, s.foreign, s.home, "edit.publishing");
}

/* leader stands inside a commit; rider's edit is made with it, also if the leader dies when both are durable. */
static void ride(struct peer *leader, struct peer *rider)
{
	const uint64_t three = 3, four = 4;

	peer_run_to(leader, "group.leading", peer_do_retire, &three, sizeof(three));
	peer_run_to(rider, "letter.posted", peer_do_retire, &four, sizeof(four));
	peer_go_on(rider);
	peer_stop_at(leader, "change.durable", 1);
	peer_go_on(leader);
	T_CHECK(peer_stands(leader));
	peer_kill(leader);
	T_OK(peer_end(rider, NULL));
	T_EQ(reclaimed_by(rider, 2), 1);
}

static void foreigner_rides(void)
{
	struct scene s = set();

	ride(s.home, s.foreign);
}

static void foreigner_leads(void)
{
	struct scene s = set();

	ride(s.foreign, s.home);
}

/* victim dies inside a commit, at once repaired by the next one. */
static void die_inside(struct peer *victim, struct peer *next, const char *point, int state)
{
	uint64_t three = 3;
	struct segreg_sweep_result swept;

	peer_run_to(victim, point, peer_do_retire, &three, sizeof(three));
	peer_kill(victim);
	T_OK(peer_retire(next, 4));
	T_OK(peer_sweep(next, &swept));
	T_EQ(swept.reclaimed, 1);
	T_EQ(swept.deleted, state == SEGREG_PENDING ? 2 : 1);
}

static void foreigner_dies_inside(void)
{
	struct scene s = set();

	die_inside(s.foreign, s.home, "change.committing", SEGREG_LIVE);
}

static void foreigner_dies_in_the_tables(void)
{
	struct scene s = set();

	die_inside(s.foreign, s.home, "edit.publishing", SEGREG_PENDING);
}

static void native_dies_inside(void)
{
	struct scene s = set();

	die_inside(s.home, s.foreign, "edit.publishing", SEGREG_PENDING);
}

T_SUITE(namespaces, { "pins of both hold, and those of the dead go, whatever pid they share", pins },
	{ "a foreign pid is marked as such, to either side", foreigners },
	{ "a foreigner is killed as it waits for the commit lock; its holder goes on", foreigner_waits_and_dies },
	{ "a foreigner is killed as it waits for the table lock; its holder goes on", foreigner_waits_for_tables },
	{ "a foreigner holds the commit lock; its namesake is killed as it waits", foreigner_holds },
	{ "a foreigner holds the table lock; its namesake is killed as it waits", foreigner_holds_tables },
	{ "a foreigner's edit travels with a commit at home, whose leader dies", foreigner_rides },
	{ "an edit from home travels with a foreigner's commit, who dies", foreigner_leads },
	{ "a foreigner dies inside a commit; the next one repairs", foreigner_dies_inside },
	{ "a foreigner dies inside the tables; the next one repairs", foreigner_dies_in_the_tables },
	{ "one at home dies inside a commit; a foreigner repairs", native_dies_inside });
