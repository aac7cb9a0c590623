/*
 * called_off.c - segreg_wait_off: a wait ends before it sleeps, in a signal handler, in another thread.
 */
#include "harness.h"
#include "holds.h"
#include "watches.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct segreg *of_handler;

static void handler(int signal)
{
	(void)signal;
	segreg_wait_off(of_handler, 1);
}

static void off_at_point(void *arg, const char *point)
{
	(void)point;
	T_OK(segreg_wait_off(arg, 1));
}

/* It has decided to sleep, and then the wait is called off. */
static void off_before_it_sleeps(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	uint32_t ticket = 0;
	uint64_t now = 77;

	T_OK(segreg_sweep_wait(s.reg, &ticket, 0));
	t_at_point("wait.counted", 1, off_at_point, s.reg);
	T_ERR(SEGREG_E_CALLED_OFF, segreg_wait(s.reg, 3, -1, &now));
	T_ERR(SEGREG_E_CALLED_OFF, segreg_wait(s.reg, 0, -1, &now)); /* even if there is a version */
	T_EQ(now, 77);
	T_OK(segreg_wait_off(s.reg, 0));
	T_OK(segreg_wait(s.reg, 2, -1, &now));
	T_OK(segreg_sweep_wait(s.reg, &ticket, 0));
	t_at_point("wait.counted", 1, off_at_point, s.reg);
	T_ERR(SEGREG_E_CALLED_OFF, segreg_sweep_wait(s.reg, &ticket, -1));
	T_ERR(SEGREG_E_CALLED_OFF, segreg_sweep_wait(s.reg, &(uint32_t){ 0 }, -1));
	T_OK(segreg_wait_off(s.reg, 0));
	T_ERR(SEGREG_E_TIMEDOUT, segreg_wait(s.reg, 3, 1, &now));
	t_strike(&s);
}

static void signal_at_point(void *arg, const char *point)
{
	(void)arg;
	(void)point;
	raise(SIGUSR1);
}

static void off_by_a_signal(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct sigaction action = { .sa_handler = handler };

	of_handler = s.reg;
	T_SYS(sigaction(SIGUSR1, &action, NULL));
	t_at_point("wait.counted", 1, signal_at_point, NULL);
	T_ERR(SEGREG_E_CALLED_OFF, segreg_wait(s.reg, 3, -1, NULL));
	t_strike(&s);
}

/* Threads that sleep for good, each in another wait; another handle's wait goes on. */
static void off_while_they_sleep(void)
{
	struct t_scene s = t_scene(PEER_THREAD);
	struct peer *other = peer_start(&s.world, PEER_PROCESS);
	uint64_t version = 3, mine = 3;

	T_OK(peer_open(other));
	peer_begin(other, do_wait, &version, sizeof(version));
	peer_begin(s.holder, do_wait, &mine, sizeof(mine));
	T_OK(segreg_wait_off(s.reg, 1));
	T_ERR(SEGREG_E_CALLED_OFF, peer_end(s.holder, NULL));
	T_OK(segreg_retire(s.reg, 1));
	T_OK(peer_end(other, &version));
	T_EQ(version, 4);
	peer_exit(other);
	t_strike(&s);
}

static void off_in_a_child(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	int status;
	pid_t child;

	T_OK(segreg_wait_off(s.reg, 1));
	child = T_SYS(fork());
	if (child == 0) {
		T_ERR(SEGREG_E_INVAL, segreg_wait_off(s.reg, 1));
		T_OK(segreg_wait(s.reg, 2, -1, NULL)); /* the parent's setting is the parent's */
		_exit(segreg_close(s.reg, NULL) != 0);
	}
	T_SYS(waitpid(child, &status, 0));
	T_EQ(status, 0);
	T_ERR(SEGREG_E_CALLED_OFF, segreg_wait(s.reg, 2, -1, NULL));
	t_strike(&s);
}

T_SUITE(called_off, { "a wait is called off before it sleeps", off_before_it_sleeps },
	{ "a wait is called off by a signal handler", off_by_a_signal },
	{ "a wait is called off in a thread, and other handles' go on", off_while_they_sleep },
	{ "a child's waits are its own", off_in_a_child });
