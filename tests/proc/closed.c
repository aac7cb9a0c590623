/*
 * closed.c - what a handle held when it was closed ends for good, whatever the process opens afterwards.
 *
 * The process that closes the only handle and opens the registry again builds new shared memory. There the new handle
 * has the lane and the epoch of the old one, and segments have their slots and generations again. So nothing in a pin
 * tells the two handles apart.
 */
#include "harness.h"
#include "world.h"

#include <sys/wait.h>
#include <unistd.h>

/* A registry with segment 1, opened again after `closed` was closed: its new handle pins what the old one pinned. */
static struct segreg *open_again(const struct t_world *w, struct segreg *closed, struct segreg_pin *pin)
{
	struct segreg *reg;

	t_close(closed);
	reg = t_open(w);
	T_OK(segreg_pin(reg, 1, 0, pin));
	return reg;
}

static void pins(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *old = t_open(&w), *reg;
	struct segreg_pin left, pin;
	char path[SEGREG_PATH_SIZE];
	uint64_t released;

	t_add(&w, old, 1);
	T_OK(segreg_pin(old, 1, 0, &left));
	T_OK(segreg_close(old, &released));
	T_EQ(released, 1);
	reg = open_again(&w, NULL, &pin);
	T_EQ(pin.owner, left.owner); /* or the test shows nothing */
	T_ERR(SEGREG_E_INVAL, segreg_pin_path(old, &left, path, sizeof(path)));
	T_ERR(SEGREG_E_INVAL, segreg_unpin(old, &left));
	T_EQ(t_refcount(reg, 1), 1);
	T_OK(segreg_unpin(reg, &pin));
	t_close(reg);
}

static void snapshots(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *old = t_open(&w), *reg;
	struct segreg_snapshot left, snapshot;
	struct segreg_pin pin;

	t_add(&w, old, 1);
	T_OK(segreg_snapshot_take(old, SEGREG_SNAPSHOT, &left));
	reg = open_again(&w, old, &pin);
	T_OK(segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &snapshot));
	T_EQ(snapshot.owner, left.owner);
	T_ERR(SEGREG_E_INVAL, segreg_snapshot_release(old, &left));
	T_OK(segreg_snapshot_release(reg, &snapshot));
	t_close(reg);
}

static int evict(void *arg, const struct segreg_holder *holder)
{
	return segreg_evict(arg, holder->lane, holder->epoch, NULL);
}

static void evicted(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *old = t_open(&w), *reg;
	struct segreg_pin left, pin;

	t_add(&w, old, 1);
	T_OK(segreg_pin(old, 1, 0, &left));
	T_OK(segreg_lanes(old, evict, old));
	reg = open_again(&w, old, &pin);
	T_ERR(SEGREG_E_INVAL, segreg_unpin(old, &left));
	T_EQ(t_refcount(reg, 1), 1);
	t_close(reg);
}

static void edits(void)
{
	struct t_world w = t_world(T_MEMORY), other = t_world(T_MEMORY);
	struct segreg *old = t_open(&w), *reg;
	struct segreg_edit *adding, *retiring;

	t_add(&w, old, 1);
	T_OK(segreg_edit_begin(old, &adding));
	T_OK(segreg_edit_begin(old, &retiring));
	T_OK(segreg_edit_retire(retiring, 1));
	t_close(old);
	T_ERR(SEGREG_E_INVAL, segreg_edit_retire(adding, 1));
	reg = t_open(&other);
	t_add(&other, reg, 1);
	t_make_segment(&other, 2);
	T_ERR(SEGREG_E_INVAL, segreg_edit_add(adding, 2, t_segment(2)));
	T_ERR(SEGREG_E_INVAL, segreg_edit_commit(retiring, NULL));
	T_HAS(segreg_last_error(), "closed");
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	segreg_edit_abort(adding);
	t_close(reg);
}

/* The child closes its parent's handle, and opens another registry. The parent's pin fits a pin there. */
static void of_a_parent(void)
{
	struct t_world w = t_world(T_MEMORY), other = t_world(T_MEMORY);
	struct segreg *parents = t_open(&w), *reg = t_open(&other);
	struct segreg_pin left, pin;
	uint64_t version;
	pid_t child;

	t_add(&w, parents, 1);
	t_add(&other, reg, 1);
	t_close(reg);
	T_OK(segreg_pin(parents, 1, 0, &left));
	child = T_SYS(fork());
	if (!child) {
		T_OK(segreg_version(parents, &version));
		reg = open_again(&other, parents, &pin);
		T_EQ(pin.owner, left.owner);
		T_ERR(SEGREG_E_INVAL, segreg_unpin(parents, &left));
		T_EQ(t_refcount(reg, 1), 1);
		t_close(reg);
		_exit(0);
	}
	T_EQ(T_SYS(waitpid(child, NULL, 0)), child);
	T_OK(segreg_unpin(parents, &left));
	t_close(parents);
}

static void memory(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *first = t_open(&w), *again;

	t_close(first);
	again = t_open(&w);
	T_CHECK(again == first);
	t_close(again);
}

T_SUITE(closed, { "a pin that was left does not release a pin of the next handle", pins },
	{ "a snapshot that was left does not release a snapshot of the next handle", snapshots },
	{ "a pin that was taken away by an eviction does not release a pin of the next handle", evicted },
	{ "an edit whose handle was closed changes nothing, and nothing of another registry", edits },
	{ "in a child, a pin of the parent does not release a pin of the child's next handle", of_a_parent },
	{ "the memory of a handle that held nothing is used again", memory });
