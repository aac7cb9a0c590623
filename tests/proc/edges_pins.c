/*
 * edges_pins.c - what the registry answers about pins at the edges: what is pinned, by whom, and how it ends.
 */
#include "harness.h"
#include "peer.h"

static void pin_pending(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *peer = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);

	T_OK(peer_open(peer));
	t_add(&w, reg, 1);
	T_OK(peer_pin_flags(peer, 1, SEGREG_PIN_LIVE));
	T_OK(segreg_retire(reg, 1));
	T_ERR(SEGREG_E_NOENT, peer_pin_flags(peer, 1, SEGREG_PIN_LIVE));
	T_EQ(t_refcount(reg, 1), 1);
	T_OK(peer_pin(peer, 1));
	T_EQ(t_refcount(reg, 1), 2);
	T_EQ(t_sweep(reg).held, 1);
	t_close(reg);
}

static void pin_deleting_or_unknown(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *sweeper = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);
	struct segreg_pin pin = { 0 };

	T_OK(peer_open(sweeper));
	T_ERR(SEGREG_E_NOENT, segreg_pin(reg, 1, 0, &pin));
	t_add(&w, reg, 1);
	T_OK(segreg_retire(reg, 1));
	peer_run_to(sweeper, "sweep.removed", peer_do_sweep, NULL, 0);
	T_EQ(t_state(reg, 1), SEGREG_DELETING);
	T_ERR(SEGREG_E_NOENT, segreg_pin(reg, 1, 0, &pin));
	T_EQ(pin.slot | pin.generation, 0);
	T_EQ(t_refcount(reg, 1), 0);
	peer_go_on(sweeper);
	T_OK(peer_end(sweeper, NULL));
	T_ERR(SEGREG_E_NOENT, segreg_pin(reg, 1, 0, &pin));
	T_EQ(t_state(reg, 1), SEGREG_E_NOENT);
	t_close(reg);
}

/* A peer that pins 1, by the fast way, and stands at point. */
static struct peer *pin_up_to(const struct t_world *w, const char *point)
{
	struct peer *pinner = peer_start(w, PEER_PROCESS);

	T_OK(peer_open(pinner));
	T_OK(peer_pin(pinner, 1));
	T_OK(peer_unpin(pinner, 1));
	peer_run_to(pinner, point, peer_do_pin, &(uint64_t){ 1 }, sizeof(uint64_t));
	return pinner;
}

static void pin_overtaken(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *early, *late;

	t_add(&w, reg, 1);
	early = pin_up_to(&w, "pin.found");
	late = pin_up_to(&w, "pin.found");
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).deleted, 1);
	peer_go_on(early);
	T_ERR(SEGREG_E_NOENT, peer_end(early, NULL));
	t_add(&w, reg, 2); /* most likely in the slot that 1 had */
	peer_go_on(late);
	T_ERR(SEGREG_E_NOENT, peer_end(late, NULL));
	T_EQ(t_refcount(reg, 2), 0);
	t_close(reg);
}

static void pin_counted_in_time(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *pinner;

	t_add(&w, reg, 1);
	pinner = pin_up_to(&w, "pin.counted");
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).held, 1);
	peer_go_on(pinner);
	T_OK(peer_end(pinner, NULL));
	T_EQ(t_sweep(reg).held, 1);
	T_CHECK(t_exists(&w, "seg-1/data"));
	T_OK(peer_unpin(pinner, 1));
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

static void unpin_what_is_not_held(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w), *other = t_open(&w);
	struct segreg_pin pin, copy, foreign, none = { 0 };
	char path[SEGREG_PATH_SIZE];
	int fd;

	t_add(&w, reg, 1);
	T_OK(segreg_pin(reg, 1, 0, &pin));
	T_OK(segreg_pin(other, 1, 0, &foreign));
	copy = pin;
	T_ERR(SEGREG_E_NOTPINNED, segreg_unpin(reg, &none));
	T_ERR(SEGREG_E_NOTPINNED, segreg_unpin(reg, &foreign));
	T_ERR(SEGREG_E_NOTPINNED, segreg_unpin(other, &pin));
	T_EQ(t_refcount(reg, 1), 2);
	T_OK(segreg_unpin(reg, &pin));
	T_EQ(pin.id | pin.owner | pin.slot | pin.generation, 0);
	T_ERR(SEGREG_E_NOTPINNED, segreg_unpin(reg, &pin));
	T_ERR(SEGREG_E_NOTPINNED, segreg_unpin(reg, &copy));
	T_EQ(t_refcount(reg, 1), 1);
	T_ERR(SEGREG_E_NOTPINNED, segreg_pin_path(reg, &copy, path, sizeof(path)));
	T_ERR(SEGREG_E_NOTPINNED, segreg_pin_open(reg, &copy, "data", &fd));
	T_OK(segreg_unpin(other, &foreign));
	T_EQ(t_refcount(reg, 1), 0);
	t_close(other);
	t_close(reg);
}

static void unpin_after_slot_was_reused(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_pin pin, stale;

	t_add(&w, reg, 1);
	T_OK(segreg_pin(reg, 1, 0, &pin));
	stale = pin;
	T_OK(segreg_unpin(reg, &pin));
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).deleted, 1);
	t_add(&w, reg, 1); /* id 1 again, most likely in the same slot */
	T_OK(segreg_pin(reg, 1, 0, &pin));
	T_ERR(SEGREG_E_NOTPINNED, segreg_unpin(reg, &stale));
	T_EQ(t_refcount(reg, 1), 1);
	T_OK(segreg_unpin(reg, &pin));
	t_close(reg);
}

/* Counts come by pages of 1,024: one pin on the first page, then some far behind it. */
static void pins_on_far_pages(void)
{
	enum { N = 3 * 1024 };
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	const uint64_t ids[] = { 1, N, N / 2, N - 1 };
	struct segreg_pin pins[4];

	for (uint64_t id = 1; id <= N; id++)
		t_add(&w, reg, id);
	for (unsigned i = 0; i < 4; i++)
		T_OK(segreg_pin(reg, ids[i], 0, &pins[i]));
	for (unsigned i = 0; i < 4; i++) {
		T_EQ(t_refcount(reg, ids[i]), 1);
		T_OK(segreg_retire(reg, ids[i]));
	}
	T_EQ(t_sweep(reg).held, 4);
	for (unsigned i = 0; i < 4; i++)
		T_OK(segreg_unpin(reg, &pins[i]));
	T_EQ(t_sweep(reg).deleted, 4);
	t_close(reg);
}

static void closed_handle(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_snapshot snapshot;
	struct segreg_pin pin, late;

	t_add(&w, reg, 1);
	T_OK(segreg_pin(reg, 1, 0, &pin));
	late = pin;
	t_close(reg);
	T_ERR(SEGREG_E_INVAL, segreg_pin(reg, 1, 0, &pin));
	T_ERR(SEGREG_E_INVAL, segreg_unpin(reg, &late));
	T_ERR(SEGREG_E_INVAL, segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &snapshot));
	T_ERR(SEGREG_E_INVAL, segreg_retire(reg, 1));
	T_ERR(SEGREG_E_INVAL, segreg_close(reg, NULL));
	T_CHECK(!segreg_base_path(reg));
}

static void stopped_process(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *peer = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open_with(&w, (struct segreg_open_options){ .timeout_ms = 1000 });
	struct segreg_sweep_result swept;

	T_OK(peer_open(peer));
	t_add(&w, reg, 1);
	T_OK(peer_pin(peer, 1));
	peer_stop(peer);
	t_add(&w, reg, 2);
	T_OK(segreg_retire(reg, 1));
	T_OK(segreg_retire(reg, 2));
	swept = t_sweep(reg);
	T_EQ(swept.held, 1);
	T_EQ(swept.deleted, 1);
	T_EQ(swept.reclaimed, 0);
	peer_kill(peer); /* it ends stopped as it is */
	swept = t_sweep(reg);
	T_EQ(swept.reclaimed, 1);
	T_EQ(swept.reclaimed_pins, 1);
	T_EQ(swept.deleted, 1);
	t_close(reg);
}

static void closed_descriptors(void)
{
	struct t_world w = t_world(T_DISK);
	struct peer *peer = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);
	struct segreg_sweep_result swept;

	T_OK(peer_open(peer));
	t_add(&w, reg, 1);
	t_make_segment(&w, 2);
	t_make_segment(&w, 3);
	T_OK(peer_pin(peer, 1));
	T_OK(peer_register(peer, 2, "seg-2"));
	T_OK(peer_closefrom(peer));
	T_OK(segreg_retire(reg, 1));
	swept = t_sweep(reg);
	T_EQ(swept.reclaimed, 0); /* its lock did not go with its descriptors */
	T_EQ(swept.held, 1);
	T_OK(peer_register(peer, 3, "seg-3"));
	T_OK(peer_closefrom(peer));
	T_OK(peer_retire(peer, 2));
	T_OK(peer_closefrom(peer));
	T_OK(peer_sweep(peer, &swept));
	T_EQ(swept.deleted, 1);
	T_OK(peer_unpin(peer, 1));
	T_EQ(t_sweep(reg).deleted, 1);
	T_EQ(t_state(reg, 3), SEGREG_LIVE);
	t_close(reg);
}

static void close_with_pins(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w), *other = t_open(&w);
	struct segreg_pin pin;
	struct segreg_map map;
	uint64_t released = 0;

	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	for (int i = 0; i < 5; i++)
		T_OK(segreg_pin(other, 1, 0, &pin));
	T_OK(segreg_map(other, 2, "data", 0, &map));
	T_EQ(t_refcount(reg, 1), 5);
	T_OK(segreg_close(other, &released));
	T_EQ(released, 6);
	T_EQ(t_refcount(reg, 1), 0);
	T_EQ(t_refcount(reg, 2), 0);
	T_CHECK(t_is_pattern(map.data, map.length)); /* mapped still, without holding */
	T_ERR(SEGREG_E_NOTPINNED, segreg_unpin(reg, &pin));
	T_EQ(t_stats(reg).lanes, 1);
	T_OK(segreg_close(reg, &released));
	T_EQ(released, 0);
	T_OK(segreg_close(NULL, NULL));
}

T_SUITE(edges_pins, { "a pending segment can be pinned, but not with SEGREG_PIN_LIVE", pin_pending },
	{ "a segment being deleted, or unknown, cannot be pinned", pin_deleting_or_unknown },
	{ "a pin that a deletion overtakes before it has counted is refused", pin_overtaken },
	{ "a pin that has counted before a sweep looks holds its segment", pin_counted_in_time },
	{ "unpinning what is not held is refused and changes no count", unpin_what_is_not_held },
	{ "a stale pin does not release the next segment in its slot", unpin_after_slot_was_reused },
	{ "pins far apart in the table of counts all hold", pins_on_far_pages },
	{ "a closed handle is refused by every call", closed_handle },
	{ "a stopped process keeps its pins and hinders nobody", stopped_process },
	{ "a process that closed all its descriptors keeps its pins and goes on", closed_descriptors },
	{ "a close releases its pins and says how many", close_with_pins });
