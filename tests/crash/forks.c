/*
 * forks.c - what a process may do to itself: fork with pins held, and be cloned.
 *
 * Generations are played by hand: the test forks a parent, who forks a child. The child and the test take turns over
 * a line.
 */
#include "harness.h"
#include "peer.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---------------------------------------------------------------- taking turns */

struct line {
	int test, child; /* the two ends */
};

static struct line make_line(void)
{
	int fds[2];

	T_SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	return (struct line){ .test = fds[0], .child = fds[1] };
}

static void say(int end)
{
	T_EQ(send(end, "", 1, MSG_NOSIGNAL), 1);
}

/* False: the other one is gone. */
static bool hear(int end)
{
	char byte;

	return recv(end, &byte, 1, 0) == 1;
}

/* The child's turn, from where it waits to where it waits again. */
static void let_child(const struct line *line)
{
	say(line->test);
	T_CHECK(hear(line->test));
}

static void wait_turn(const struct line *line)
{
	if (!hear(line->child))
		_exit(0);
}

static void end_turn(const struct line *line)
{
	say(line->child);
	wait_turn(line);
}

/* It dies by itself. */
static void lose_parent(pid_t pid)
{
	int status;

	T_EQ(waitpid(pid, &status, 0), pid);
	T_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void kill_parent(pid_t pid)
{
	T_SYS(kill(pid, SIGKILL));
	lose_parent(pid);
}

static pid_t fork_bare(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

/* ---------------------------------------------------------------- generations */

struct family {
	struct t_world world;
	struct segreg *reg; /* the test's */
	struct line line;
	pid_t parent;
	pid_t (*fork)(void); /* how the child is made */
	/* The parent's life after that, and the child's; NULL: it waits. */
	void (*live)(struct family *family, struct segreg *reg);
	void (*inherit)(struct family *family, struct segreg *reg, struct segreg_pin *parents);
};

static struct segreg *parents_handle;

/* The parent pins 1 twice, and forks a child. */
static void be_parent(struct family *family)
{
	struct segreg *reg;
	struct segreg_pin pin;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(family->line.test);
	reg = parents_handle = t_open(&family->world);
	T_OK(segreg_pin(reg, 1, 0, &pin));
	T_OK(segreg_pin(reg, 1, 0, &pin));
	if (T_SYS(family->fork()) == 0) {
		wait_turn(&family->line);
		if (family->inherit)
			family->inherit(family, reg, &pin);
		end_turn(&family->line);
		_exit(0);
	}
	say(family->line.child);
	while (t_stats(reg).lanes < 2) /* the test is not attached yet: if we died now, it would build a new region */
		sched_yield();
	if (family->live)
		family->live(family, reg);
	for (;;)
		pause();
}

static void start_family(struct family *family)
{
	family->world = t_world(T_MEMORY);
	family->reg = t_open_with(&family->world, (struct segreg_open_options){ .timeout_ms = 2000 });
	family->line = make_line();
	t_add(&family->world, family->reg, 1);
	t_add(&family->world, family->reg, 2);
	t_close(family->reg);
	family->parent = T_SYS(fork());
	if (family->parent == 0)
		be_parent(family);
	close(family->line.child);
	T_CHECK(hear(family->line.test));
	family->reg = t_open_with(&family->world, (struct segreg_open_options){ .timeout_ms = 2000 });
}

static void end_family(struct family *family)
{
	close(family->line.test);
	t_close(family->reg);
}

/* ---------------------------------------------------------------- fork */

static void use_inherited(struct family *family, struct segreg *reg, struct segreg_pin *parents)
{
	struct segreg_pin mine;

	T_ERR(SEGREG_E_NOTPINNED, segreg_unpin(reg, parents));
	T_OK(segreg_pin(reg, 2, 0, &mine));
	end_turn(&family->line);
	T_ERR(SEGREG_E_NOTPINNED, segreg_unpin(reg, parents));
	T_OK(segreg_unpin(reg, &mine));
	T_OK(segreg_close(reg, NULL));
}

/* The child has pinned 2, and its parent is dead. */
static void check_child_alone(struct family *family)
{
	struct segreg_sweep_result swept;

	T_OK(segreg_retire(family->reg, 1));
	T_OK(segreg_retire(family->reg, 2));
	swept = t_sweep(family->reg);
	T_EQ(swept.reclaimed, 1);
	T_EQ(swept.reclaimed_pins, 2);
	T_EQ(swept.deleted, 1);
	T_EQ(swept.held, 1);
	T_EQ(t_refcount(family->reg, 2), 1);
	let_child(&family->line);
	T_EQ(t_sweep(family->reg).deleted, 1);
	T_EQ(t_stats(family->reg).lanes, 1);
}

static void parent_dies_after(void)
{
	struct family family = { .fork = fork, .inherit = use_inherited };

	start_family(&family);
	let_child(&family.line);
	T_EQ(t_stats(family.reg).lanes, 3);
	T_EQ(t_refcount(family.reg, 1), 2);
	kill_parent(family.parent);
	check_child_alone(&family);
	end_family(&family);
}

static void parent_dies_before(void)
{
	struct family family = { .fork = fork, .inherit = use_inherited };

	start_family(&family);
	kill_parent(family.parent);
	let_child(&family.line);
	check_child_alone(&family);
	end_family(&family);
}

static void stand_for_good(void *arg, const char *point)
{
	const struct line *line = arg;

	(void)point;
	say(line->child);
	for (;;)
		pause();
}

static void *retire_one(void *line)
{
	t_at_point("change.committing", 1, stand_for_good, line);
	segreg_retire(parents_handle, 1);
	return NULL;
}

/* While another thread of the parent stands in a commit, which does not end before the parent is dead. */
static pid_t fork_beside_commit(void)
{
	static struct line line;
	pthread_t thread;

	line = make_line();
	T_EQ(pthread_create(&thread, NULL, retire_one, &line), 0);
	T_CHECK(hear(line.test));
	return fork();
}

static void forks_beside_commit(void)
{
	struct family family = { .fork = fork_beside_commit, .inherit = use_inherited };

	start_family(&family);
	let_child(&family.line);
	T_EQ(t_stats(family.reg).lanes, 3);
	kill_parent(family.parent);
	check_child_alone(&family);
	end_family(&family);
}

static void retire_inherited(struct family *family, struct segreg *reg, struct segreg_pin *parents)
{
	(void)parents;
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).reclaimed, 1);
	T_CHECK(!t_exists(&family->world, t_segment(1)));
	T_OK(segreg_close(reg, NULL));
}

/* The child repairs what its own parent left in a commit. */
static void commits_after_parent(void)
{
	struct family family = { .fork = fork_beside_commit, .inherit = retire_inherited };

	start_family(&family);
	kill_parent(family.parent);
	let_child(&family.line);
	T_EQ(t_stats(family.reg).lanes, 1);
	T_EQ(t_state(family.reg, 1), SEGREG_E_NOENT);
	end_family(&family);
}

/* The child never calls the library: it keeps neither its parent's lane nor the commit lock. */
static void idles_beside_commit(void)
{
	struct family family = { .fork = fork_beside_commit };

	start_family(&family);
	kill_parent(family.parent);
	T_OK(segreg_retire(family.reg, 1));
	T_EQ(t_sweep(family.reg).reclaimed, 1);
	T_CHECK(!t_exists(&family.world, t_segment(1)));
	end_family(&family);
}

static struct t_world *opened;

static void *open_one(void *line)
{
	t_at_point("attach.building", 1, stand_for_good, line);
	return t_open(opened);
}

/* While another thread of the parent makes a registry, alone in it, until the parent is dead. */
static pid_t fork_beside_open(void)
{
	static struct line line;
	pthread_t thread;

	line = make_line();
	T_EQ(pthread_create(&thread, NULL, open_one, &line), 0);
	T_CHECK(hear(line.test));
	return fork();
}

/* The child has copies of what the thread had open, and keeps no lock by them. */
static void idles_beside_open(void)
{
	struct family family = { .fork = fork_beside_open };
	struct t_world world = t_world(T_MEMORY);
	struct segreg *reg;

	opened = &world;
	start_family(&family);
	kill_parent(family.parent);
	reg = t_open(&world);
	T_EQ(t_stats(reg).lanes, 1);
	t_close(reg);
	let_child(&family.line); /* it lives */
	end_family(&family);
}

static void asks_beside_open(void)
{
	struct t_world world = t_world(T_MEMORY), far = t_world(T_MEMORY);
	struct segreg *reg = t_open(&world);
	struct peer *other = peer_start(&far, PEER_THREAD);

	peer_run_to(other, "attach.building", peer_do_open, NULL, 0);
	T_STR(segreg_base_path(reg), world.base);
	peer_go_on(other);
	T_OK(peer_end(other, NULL));
	t_close(reg);
}

static void close_inherited(struct family *family, struct segreg *reg, struct segreg_pin *parents)
{
	uint64_t released = 77;

	(void)family;
	(void)parents;
	T_OK(segreg_close(reg, &released));
	T_EQ(released, 0);
}

static void child_closes(void)
{
	struct family family = { .fork = fork, .inherit = close_inherited };

	start_family(&family);
	let_child(&family.line);
	T_EQ(t_refcount(family.reg, 1), 2);
	T_EQ(t_stats(family.reg).lanes, 2);
	T_OK(segreg_retire(family.reg, 1));
	T_EQ(t_sweep(family.reg).held, 1);
	kill_parent(family.parent);
	T_EQ(t_sweep(family.reg).deleted, 1);
	end_family(&family);
}

/* ---------------------------------------------------------------- a child that never calls the library */

static void die_here(void *arg, const char *point)
{
	(void)arg;
	(void)point;
	kill(getpid(), SIGKILL);
}

static void die_committing(struct family *family, struct segreg *reg)
{
	(void)family;
	t_at_point("change.committing", 1, die_here, NULL);
	segreg_retire(reg, 2);
}

static void die_publishing(struct family *family, struct segreg *reg)
{
	(void)family;
	t_at_point("edit.publishing", 1, die_here, NULL);
	segreg_retire(reg, 2);
}

static void die_sweeping(struct family *family, struct segreg *reg)
{
	(void)family;
	T_OK(segreg_retire(reg, 2));
	t_at_point("sweep.removed", 1, die_here, NULL);
	segreg_sweep(reg, NULL, NULL);
}

/* The parent dies in what it does; its child has copies of all its descriptors, and does nothing. */
static void leave_idle_child(pid_t (*make)(void), void (*live)(struct family *family, struct segreg *reg))
{
	struct family family = { .fork = make, .live = live };
	struct segreg_sweep_result swept;

	start_family(&family);
	if (live)
		lose_parent(family.parent);
	else
		kill_parent(family.parent);
	T_OK(segreg_retire(family.reg, 1));
	T_OK(segreg_retire(family.reg, 2));
	swept = t_sweep(family.reg);
	T_EQ(swept.reclaimed, 1);
	T_EQ(swept.reclaimed_pins, 2);
	T_EQ(swept.deleted, 2);
	let_child(&family.line); /* it lives */
	end_family(&family);
}

static void idle_child(void)
{
	leave_idle_child(fork, NULL);
	leave_idle_child(fork, die_committing);
	leave_idle_child(fork, die_publishing);
	leave_idle_child(fork, die_sweeping);
}

/* ---------------------------------------------------------------- bare clones */

static void bare_clone(void)
{
	struct family family = { .fork = fork_bare, .inherit = use_inherited };

	start_family(&family);
	let_child(&family.line);
	T_EQ(t_stats(family.reg).lanes, 3);
	kill_parent(family.parent);
	check_child_alone(&family);
	end_family(&family);
}

static void bare_clone_closes(void)
{
	struct family family = { .fork = fork_bare, .inherit = close_inherited };

	start_family(&family);
	let_child(&family.line);
	T_EQ(t_refcount(family.reg, 1), 2);
	T_EQ(t_stats(family.reg).lanes, 2);
	end_family(&family);
}

static void idle_bare_clone(void)
{
	leave_idle_child(fork_bare, NULL);
}

T_SUITE(forks, { "a child uses its parent's handle under its own name; then its parent dies", parent_dies_after },
	{ "a child uses its parent's handle first when its parent is dead", parent_dies_before },
	{ "a child closes its parent's handle, and its parent keeps its pins", child_closes },
	{ "a child that never calls the library keeps nothing of its dead parent alive", idle_child },
	{ "a fork does not wait for a commit of another thread, and the child goes on", forks_beside_commit },
	{ "a child commits after its parent died in a commit", commits_after_parent },
	{ "an idle child keeps no lock that its parent died with in a commit", idles_beside_commit },
	{ "an idle child keeps no lock that its parent died with while it opened a registry", idles_beside_open },
	{ "segreg_base_path returns while another thread opens another registry", asks_beside_open },
	{ "a bare clone uses its parent's handle under its own name", bare_clone },
	{ "a bare clone closes its parent's handle, and its parent keeps its pins", bare_clone_closes },
	{ "a bare clone that never calls the library keeps no pins of its dead parent", idle_bare_clone });
