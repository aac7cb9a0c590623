/*
 * beside_forks.c - children that are forked while another thread opens or closes a registry.
 */
#include "beside.h"
#include "harness.h"
#include "peer.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---------------------------------------------------------------- children that are forked in the middle */

static void turn(int end)
{
	char byte = 0;

	T_EQ(send(end, &byte, 1, MSG_NOSIGNAL), 1);
	T_EQ(recv(end, &byte, 1, 0), 1);
}

/* The child's first open is in vain, since its parent's thread builds; the second is not. */
static void open_in_child(const struct t_world *world, int end)
{
	struct segreg_open_options options = { .size = sizeof(options), .timeout_ms = 20 };
	struct segreg *reg;
	char byte;

	T_EQ(recv(end, &byte, 1, 0), 1);
	T_ERR(SEGREG_E_TIMEDOUT, segreg_open(world->dir, &options, &reg));
	T_HAS(segreg_last_error(), "another process");
	turn(end);
	reg = t_open(world);
	T_EQ(t_stats(reg).lanes, 2);
	t_close(reg);
	turn(end);
	_exit(0);
}

static void child_opens_the_same(void)
{
	struct t_world world = t_world(T_MEMORY);
	struct other other = { .dir = world.dir, .point = "attach.building" };
	int fds[2];
	pid_t pid;

	t_close(t_open(&world));
	T_SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	start_other(&other);
	pid = T_SYS(fork());
	if (pid == 0)
		open_in_child(&world, fds[1]);
	turn(fds[0]);
	let_go(&other);
	T_OK(join_other(&other));
	turn(fds[0]);
	T_EQ(t_stats(other.reg).lanes, 1);
	T_EQ(send(fds[0], "", 1, MSG_NOSIGNAL), 1);
	end_child(pid);
	t_close(other.reg);
}

/* A parent forks an idle child in the middle of a thread's call, and is killed. */
static void leave_child(struct other *other, int end)
{
	char byte;

	start_other(other);
	if (T_SYS(fork()) == 0) {
		T_EQ(send(end, "", 1, MSG_NOSIGNAL), 1);
		T_EQ(recv(end, &byte, 1, 0), 0); /* until the test is over */
		_exit(0);
	}
	for (;;)
		pause();
}

static void leave_and_open(struct other *other, bool builds)
{
	struct t_world world = t_world(T_MEMORY);
	struct segreg_open_options options = { .size = sizeof(options), .timeout_ms = 20 };
	struct peer *user = peer_start(&world, PEER_PROCESS);
	struct segreg *reg;
	char byte;
	int fds[2], status;
	pid_t pid;

	T_OK(peer_open(user));
	if (builds)
		T_OK(peer_close(user, NULL));
	other->dir = world.dir;
	T_SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	pid = T_SYS(fork());
	if (pid == 0) {
		close(fds[0]);
		leave_child(other, fds[1]);
	}
	close(fds[1]);
	T_EQ(recv(fds[0], &byte, 1, 0), 1);
	T_SYS(kill(pid, SIGKILL));
	T_EQ(waitpid(pid, &status, 0), pid);
	if (!builds)
		T_OK(peer_close(user, NULL));
	T_OK(segreg_open(world.dir, &options, &reg));
	T_EQ(t_sweep(reg).reclaimed, 0);
	t_close(reg);
	options.flags = SEGREG_ADOPT; /* only a process that is alone may do that */
	T_OK(segreg_open(world.dir, &options, &reg));
	t_close(reg);
	close(fds[0]);
	peer_exit(user);
}

static void child_keeps_no_lock(void)
{
	static const char *const building[] = { "attach.counting", "attach.counted", "attach.building" };

	for (size_t i = 0; i < sizeof(building) / sizeof(*building); i++)
		leave_and_open(&(struct other){ .point = building[i] }, true);
	leave_and_open(&(struct other){ .point = "attach.not_alone" }, false);
}

/* Files and directories of the world that this process has open. */
static unsigned count_files(const struct t_world *world)
{
	unsigned n = 0;

	for (int fd = 3; fd < 1024; fd++) {
		char link[64], path[512];
		ssize_t length;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		length = readlink(link, path, sizeof(path) - 1);
		path[length > 0 ? length : 0] = '\0';
		n += !strncmp(path, world->base, strlen(world->base));
	}
	return n;
}

/* other opens or closes the world's registry, and is the only thread that has it. */
static void count_in_child(const struct t_world *world, struct other *other)
{
	pid_t pid;

	start_other(other);
	T_CHECK(count_files(world) > 0);
	pid = T_SYS(fork());
	if (pid == 0) {
		T_EQ(count_files(world), 0);
		_exit(0);
	}
	end_child(pid);
	let_go(other);
	T_OK(join_other(other));
}

static void child_keeps_no_file(void)
{
	struct t_world world = t_world(T_MEMORY);
	struct other opener = { .dir = world.dir, .point = "lane.publishing" };
	struct other closer = { .point = "lane.emptying" };
	struct segreg_pin pin;

	t_close(t_open(&world));
	count_in_child(&world, &opener);
	t_add(&world, opener.reg, 1);
	T_OK(segreg_pin(opener.reg, 1, 0, &pin));
	closer.reg = opener.reg;
	count_in_child(&world, &closer);
}

/* ---------------------------------------------------------------- an inherited handle, and two threads */

static void *pin_one(void *arg)
{
	struct other *other = arg;
	struct segreg_pin pin;

	t_at_point("lane.publishing", 1, stand, other);
	other->rc = segreg_pin(other->reg, 1, 0, &pin);
	return NULL;
}

static void arrive_twice(struct segreg *reg)
{
	struct other other = { .reg = reg };
	struct segreg_pin pin;

	T_SYS(sem_init(&other.stands, 0, 0));
	T_SYS(sem_init(&other.go, 0, 0));
	T_EQ(pthread_create(&other.thread, NULL, pin_one, &other), 0);
	wait_for(&other.stands);
	T_ERR(SEGREG_E_TIMEDOUT, segreg_pin(reg, 1, 0, &pin));
	T_HAS(segreg_last_error(), "after a fork");
	let_go(&other);
	T_OK(join_other(&other));
	T_OK(segreg_pin(reg, 1, 0, &pin));
	T_EQ(t_stats(reg).lanes, 2);
	T_EQ(t_refcount(reg, 1), 2);
	T_OK(segreg_close(reg, NULL));
	_exit(0);
}

static void arrives_once(void)
{
	struct t_world world = t_world(T_MEMORY);
	struct segreg *reg = t_open_with(&world, (struct segreg_open_options){ .timeout_ms = 20 });
	pid_t pid;

	t_add(&world, reg, 1);
	pid = T_SYS(fork());
	if (pid == 0)
		arrive_twice(reg);
	end_child(pid);
	T_EQ(t_stats(reg).lanes, 1);
	t_close(reg);
}

T_SUITE(beside_forks,
	{ "a child that was forked in the middle of an open opens the same registry", child_opens_the_same },
	{ "a child that was forked in the middle of an open keeps no lock of its dead parent", child_keeps_no_lock },
	{ "a child keeps no file of a registry that a thread of its parent was opening or closing",
	  child_keeps_no_file },
	{ "two threads of a child attach an inherited handle once", arrives_once });
