/*
 * beside.c - what goes on while another thread of the process opens or closes a registry: everything but an open of
 * that registry.
 *
 * The other thread stands at a stop point of its call until the act is over. So an act that waited for it would hang.
 */
#include "harness.h"
#include "peer.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---------------------------------------------------------------- the other thread */

struct other {
	struct segreg_open_options options;
	const char *dir, *point;
	struct segreg *reg; /* closed, if there is one; otherwise opened */
	int fails_with;     /* errno that the thread's next question for the process's PID namespace gets; 0: it gets an
			       answer */
	pthread_t thread;
	sem_t stands, go;
	bool has_met;
	int rc;
};

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) == -1)
		T_EQ(errno, EINTR);
}

static void stand(void *arg, const char *point)
{
	struct other *other = arg;

	(void)point;
	other->has_met = true;
	sem_post(&other->stands);
	wait_for(&other->go);
	if (other->fails_with)
		t_fail_call("pread", 0, other->fails_with);
}

static void *live(void *arg)
{
	struct other *other = arg;

	t_at_point(other->point, 1, stand, other);
	if (other->reg)
		other->rc = segreg_close(other->reg, NULL);
	else
		other->rc = segreg_open(other->dir, &other->options, &other->reg);
	t_fail_call(NULL, 0, 0);
	t_at_point(NULL, 0, NULL, NULL);
	sem_post(&other->stands);
	return NULL;
}

/* Returns when the thread stands at the point. */
static void start_other(struct other *other)
{
	other->options.size = sizeof(other->options);
	T_SYS(sem_init(&other->stands, 0, 0));
	T_SYS(sem_init(&other->go, 0, 0));
	T_EQ(pthread_create(&other->thread, NULL, live, other), 0);
	wait_for(&other->stands);
	T_CHECK(other->has_met);
}

static void let_go(struct other *other)
{
	sem_post(&other->go);
}

static int join_other(struct other *other)
{
	T_EQ(pthread_join(other->thread, NULL), 0);
	return other->rc;
}

/* ---------------------------------------------------------------- acts beside it */

struct bystander {
	struct t_world near, far; /* the act's handle is on near's registry; far's is not open */
	struct segreg *reg;
};

static void end_child(pid_t pid)
{
	int status;

	T_EQ(waitpid(pid, &status, 0), pid);
	T_EQ(status, 0);
}

static void open_another(struct bystander *by)
{
	struct segreg *reg = t_open(&by->far);

	T_STR(segreg_base_path(reg), by->far.base);
	t_close(reg);
}

static void close_another(struct bystander *by)
{
	t_close(by->reg);
	by->reg = t_open(&by->near);
}

/* A child asks for a handle that it has not attached yet. */
static void ask_in_child(struct bystander *by)
{
	pid_t pid = T_SYS(fork());

	if (pid == 0) {
		T_STR(segreg_base_path(by->reg), by->near.base);
		_exit(0);
	}
	end_child(pid);
}

static void work_in_child(struct bystander *by)
{
	pid_t pid = T_SYS(fork());
	struct segreg_pin pin;

	if (pid == 0) {
		T_OK(segreg_pin(by->reg, 1, 0, &pin));
		T_EQ(t_refcount(by->reg, 1), 1);
		open_another(by);
		T_OK(segreg_retire(by->reg, 1));
		T_OK(segreg_close(by->reg, NULL));
		_exit(0);
	}
	end_child(pid);
	T_EQ(t_state(by->reg, 1), SEGREG_PENDING);
	t_sweep(by->reg);
	t_add(&by->near, by->reg, 1);
}

static void close_in_child(struct bystander *by)
{
	pid_t pid = T_SYS(fork());

	if (pid == 0) {
		T_OK(segreg_close(by->reg, NULL));
		open_another(by);
		_exit(0);
	}
	end_child(pid);
	T_EQ(t_stats(by->reg).lanes, 1);
}

static struct bystander make_bystander(void)
{
	struct bystander by = { .near = t_world(T_MEMORY), .far = t_world(T_MEMORY) };

	by.reg = t_open(&by.near);
	t_add(&by.near, by.reg, 1);
	return by;
}

static void act_all(struct bystander *by)
{
	open_another(by);
	close_another(by);
	ask_in_child(by);
	work_in_child(by);
	close_in_child(by);
}

/* ---------------------------------------------------------------- opens */

static void beside_builders(void)
{
	static const char *const points[] = { "attach.counting", "attach.counted", "attach.building", "lane.found",
					      "lane.publishing" };
	struct bystander by = make_bystander();

	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
		struct t_world world = t_world(T_MEMORY);
		struct other other = { .dir = world.dir, .point = points[i] };

		t_close(t_open(&world));
		start_other(&other);
		act_all(&by);
		let_go(&other);
		T_OK(join_other(&other));
		T_EQ(t_stats(other.reg).lanes, 1);
		t_close(other.reg);
	}
	t_close(by.reg);
}

static void beside_joiners(void)
{
	static const char *const points[] = { "attach.not_alone", "lane.found", "lane.publishing" };
	struct bystander by = make_bystander();

	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
		struct t_world world = t_world(T_MEMORY);
		struct peer *user = peer_start(&world, PEER_PROCESS);
		struct other other = { .dir = world.dir, .point = points[i] };

		T_OK(peer_open(user));
		start_other(&other);
		act_all(&by);
		let_go(&other);
		T_OK(join_other(&other));
		T_EQ(t_stats(other.reg).lanes, 2);
		t_close(other.reg);
		peer_exit(user);
	}
	t_close(by.reg);
}

/* The other thread waits for a builder that is stopped. */
static void beside_waiters(void)
{
	struct t_world world = t_world(T_MEMORY);
	struct peer *builder = peer_start(&world, PEER_PROCESS);
	struct other other = { .dir = world.dir, .point = "attach.not_alone", .options.timeout_ms = 600000 };
	struct bystander by = make_bystander();

	peer_run_to(builder, "attach.building", peer_do_open, NULL, 0);
	peer_stop(builder);
	start_other(&other);
	let_go(&other);
	act_all(&by);
	peer_cont(builder);
	peer_go_on(builder);
	T_OK(peer_end(builder, NULL));
	T_OK(join_other(&other));
	T_EQ(t_stats(other.reg).lanes, 2);
	t_close(other.reg);
	peer_exit(builder);
	t_close(by.reg);
}

static void beside_closers(void)
{
	static const char *const points[] = { "lane.emptying", "attach.leaving" };
	struct bystander by = make_bystander();

	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
		struct t_world world = t_world(T_MEMORY);
		struct other other = { .dir = world.dir, .point = points[i], .reg = t_open(&world) };
		struct segreg_pin pin;

		t_add(&world, other.reg, 1);
		T_OK(segreg_pin(other.reg, 1, 0, &pin));
		start_other(&other);
		act_all(&by);
		T_ERR(SEGREG_E_INVAL, segreg_close(other.reg, NULL)); /* it is no handle any more */
		let_go(&other);
		T_OK(join_other(&other));
		other.reg = t_open(&world);
		T_EQ(t_refcount(other.reg, 1), 0);
		t_close(other.reg);
	}
	t_close(by.reg);
}

/* ---------------------------------------------------------------- opens of the same registry */

static void waits_for_the_same(void)
{
	struct t_world world = t_world(T_MEMORY);
	struct other first = { .dir = world.dir, .point = "attach.building" };
	struct peer *second = peer_start(&world, PEER_THREAD);
	struct segreg_open_options options = { .size = sizeof(options), .timeout_ms = 20 };
	struct segreg *reg;

	t_close(t_open(&world));
	start_other(&first);
	T_ERR(SEGREG_E_TIMEDOUT, segreg_open(world.dir, &options, &reg));
	T_HAS(segreg_last_error(), "another thread of this process, which is opening");
	options.flags = SEGREG_ADOPT;
	T_ERR(SEGREG_E_TIMEDOUT, segreg_open(world.dir, &options, &reg));
	peer_begin(second, peer_do_open, NULL, 0);
	let_go(&first);
	T_OK(join_other(&first));
	T_OK(peer_end(second, NULL));
	T_EQ(t_stats(first.reg).lanes, 2);
	T_ERR(SEGREG_E_BUSY, segreg_open(world.dir, &options, &reg));
	t_close(first.reg);
	peer_exit(second);
}

/* What one could not do, the other may. */
static void tries_itself(void)
{
	struct t_world world = t_world(T_MEMORY);
	struct other first = { .dir = world.dir, .point = "attach.not_alone", .fails_with = EIO };
	struct peer *user = peer_start(&world, PEER_PROCESS), *second = peer_start(&world, PEER_THREAD);

	T_OK(peer_open(user));
	start_other(&first);
	peer_begin(second, peer_do_open, NULL, 0);
	let_go(&first);
	T_EQ(join_other(&first), SEGREG_E_IO);
	T_OK(peer_end(second, NULL));
	peer_exit(second);
	peer_exit(user);
}

static void waits_for_a_close(void)
{
	struct t_world world = t_world(T_MEMORY);
	struct other other = { .dir = world.dir, .point = "attach.leaving", .reg = t_open(&world) };
	struct segreg_open_options options = { .size = sizeof(options), .timeout_ms = 20 };
	struct segreg *reg;

	start_other(&other);
	T_ERR(SEGREG_E_TIMEDOUT, segreg_open(world.dir, &options, &reg));
	T_HAS(segreg_last_error(), "another thread of this process, which is closing");
	let_go(&other);
	T_OK(join_other(&other));
	T_OK(segreg_open(world.dir, &options, &reg));
	t_close(reg);
}

/* ---------------------------------------------------------------- children that are forked in the middle */

struct line {
	int test, child;
};

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

T_SUITE(beside, { "nobody waits for a thread that builds a registry", beside_builders },
	{ "nobody waits for a thread that joins a registry", beside_joiners },
	{ "nobody waits for a thread that waits for a stopped builder", beside_waiters },
	{ "nobody waits for a thread that closes a registry", beside_closers },
	{ "an open waits for an open of the same registry, as long as it may", waits_for_the_same },
	{ "an open goes on when the open that it waited for has failed", tries_itself },
	{ "an open waits for a close of the same registry, as long as it may", waits_for_a_close },
	{ "a child that was forked in the middle of an open opens the same registry", child_opens_the_same },
	{ "a child that was forked in the middle of an open keeps no lock of its dead parent", child_keeps_no_lock },
	{ "a child keeps no file of a registry that a thread of its parent was opening or closing",
	  child_keeps_no_file },
	{ "two threads of a child attach an inherited handle once", arrives_once });
