/*
 * beside.c - what goes on while another thread of the process opens or closes a registry: everything but an open of
 * that registry.
 *
 * The other thread stands at a stop point of its call until the act is over. So an act that waited for it would hang.
 */
#include "beside.h"
#include "harness.h"
#include "peer.h"

#include <errno.h>
#include <semaphore.h>
#include <unistd.h>

/* ---------------------------------------------------------------- acts beside it */

struct bystander {
	struct t_world near, far; /* the act's handle is on near's registry; far's is not open */
	struct segreg *reg;
};

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

T_SUITE(beside, { "nobody waits for a thread that builds a registry", beside_builders },
	{ "nobody waits for a thread that joins a registry", beside_joiners },
	{ "nobody waits for a thread that waits for a stopped builder", beside_waiters },
	{ "nobody waits for a thread that closes a registry", beside_closers },
	{ "an open waits for an open of the same registry, as long as it may", waits_for_the_same },
	{ "an open goes on when the open that it waited for has failed", tries_itself },
	{ "an open waits for a close of the same registry, as long as it may", waits_for_a_close });
