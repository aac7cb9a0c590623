/*
 * holds.c - the walk over all holds, and the pins that lists show: each hold once, whatever a batch or a page holds.
 */
#include "harness.h"
#include "holds.h"

#define MANY 1500u      /* snapshots of a handle, pinned segments: more than one hold of the lock reads */
#define FAR (3u * 1024) /* segments on three pages of counts */

struct seen {
	uint32_t lane, epoch; /* only of this handle, if epoch is not 0 */
	unsigned pins, snapshots, horizons, calls, stop_at;
	uint64_t sum_pins, sum_ids, versions;
};

static int see(void *arg, const struct segreg_hold *hold)
{
	struct seen *seen = arg;

	if (seen->epoch && (hold->lane != seen->lane || hold->epoch != seen->epoch))
		return 0;
	switch (hold->kind) {
	case SEGREG_HOLD_PINS:
		seen->pins++;
		seen->sum_pins += hold->pins;
		seen->sum_ids += hold->id;
		T_EQ(hold->version, 0);
		break;
	case SEGREG_HOLD_SNAPSHOT:
		seen->snapshots++;
		break;
	case SEGREG_HOLD_HORIZON:
		seen->horizons++;
		break;
	default:
		T_FAIL("a hold of the kind %d", (int)hold->kind);
	}
	if (hold->kind != SEGREG_HOLD_PINS) {
		seen->versions += hold->version;
		T_EQ(hold->id, 0);
		T_EQ(hold->pins, 0);
	}
	return ++seen->calls == seen->stop_at ? 7 : 0;
}

static struct seen walk(struct segreg *reg)
{
	struct seen seen = { .calls = 0 };

	T_OK(segreg_holds(reg, see, &seen));
	return seen;
}

static void shows_each_kind(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_snapshot snapshot = { 0 }, horizon = { 0 };
	struct segreg_pin pin;
	struct seen seen = walk(s.reg);

	T_EQ(seen.calls, 0);
	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	T_OK(peer_pin(s.holder, 1));
	T_OK(peer_pin(s.holder, 2));
	T_OK(peer_pin(s.holder, 2));
	T_OK(segreg_pin(s.reg, 3, 0, &pin)); /* live: it holds nothing that is retired */
	T_OK(segreg_retire(s.reg, 2));
	T_OK(peer_take(s.holder, SEGREG_HORIZON, &horizon));
	seen = walk(s.reg);
	T_EQ(seen.pins, 1);
	T_EQ(seen.sum_pins, 2);
	T_EQ(seen.sum_ids, 2);
	T_EQ(seen.snapshots, 1);
	T_EQ(seen.horizons, 1);
	T_EQ(seen.versions, 3 + 4);
	seen = (struct seen){ .stop_at = 2 };
	T_EQ(segreg_holds(s.reg, see, &seen), 7);
	T_EQ(seen.calls, 2);
	T_OK(segreg_unpin(s.reg, &pin));
	t_strike(&s);
}

struct evicted {
	struct segreg *reg;
	int64_t pid;
};

static int evict_peer(void *arg, const struct segreg_holder *holder)
{
	const struct evicted *evicted = arg;

	return holder->pid == evicted->pid ? segreg_evict(evicted->reg, holder->lane, holder->epoch, NULL) : 0;
}

static void evicted_holds_nothing(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct evicted evicted = { .reg = s.reg, .pid = peer_pid(s.holder) };
	struct segreg_snapshot snapshot = { 0 };

	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	T_OK(peer_pin(s.holder, 1));
	T_OK(segreg_retire(s.reg, 1));
	T_EQ(walk(s.reg).calls, 2);
	T_OK(segreg_lanes(s.reg, evict_peer, &evicted));
	T_EQ(walk(s.reg).calls, 0);
	t_strike(&s);
}

/* The holds of two handles fill several batches, which end in the middle of cells, of a page and between pages. */
static void batches_lose_nothing(void)
{
	static struct segreg_snapshot snapshots[2][MANY];
	static struct segreg_pin pins[2][MANY];
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg[2] = { t_open(&w), t_open(&w) };
	struct seen seen;
	uint64_t ids = 0;

	for (uint64_t id = 1; id <= MANY; id++)
		t_add(&w, reg[0], id);
	for (unsigned i = 0; i < MANY; i++) {
		for (unsigned j = 0; j < 2; j++) {
			T_OK(segreg_pin(reg[j], i + 1, 0, &pins[j][i]));
			T_OK(segreg_snapshot_take(reg[j], SEGREG_SNAPSHOT, &snapshots[j][i]));
		}
		ids += i + 1;
	}
	for (uint64_t id = 1; id <= MANY; id++)
		T_OK(segreg_retire(reg[0], id));
	seen = walk(reg[0]);
	T_EQ(seen.snapshots, 2 * MANY);
	T_EQ(seen.pins, 2 * MANY);
	T_EQ(seen.sum_pins, 2 * MANY);
	T_EQ(seen.sum_ids, 2 * ids);
	T_EQ(segreg_close(reg[1], NULL), 0);
	seen = walk(reg[0]);
	T_EQ(seen.calls, 2 * MANY);
	T_EQ(segreg_close(reg[0], NULL), 0);
}

struct pins {
	uint64_t of[FAR + 1];
	uint64_t n;
};

static int note_pins(void *arg, const struct segreg_info *info)
{
	struct pins *pins = arg;

	pins->of[info->id] = info->pins;
	pins->n++;
	return 0;
}

/* The segments come from three pages of counts in turn. One handle has memory for the last of these alone. */
static void lists_add_up_pins(void)
{
	static const uint64_t ids[] = { 1, FAR, 2, FAR - 1, FAR / 2, 3 };
	enum { N = sizeof(ids) / sizeof(*ids) };
	static struct pins all, retired;
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w), *other = t_open(&w);
	struct segreg_pin pins[N], more;

	for (uint64_t id = 1; id <= FAR; id++)
		t_add(&w, reg, id);
	for (unsigned i = 0; i < N; i++)
		T_OK(segreg_pin(reg, ids[i], 0, &pins[i]));
	T_OK(segreg_pin(other, FAR, 0, &more));
	for (unsigned i = 0; i < N; i++)
		T_OK(segreg_retire(reg, ids[i]));
	T_OK(segreg_list_retired(reg, note_pins, &retired));
	T_EQ(retired.n, N);
	T_OK(segreg_list(reg, note_pins, &all));
	T_EQ(all.n, FAR);
	for (unsigned i = 0; i < N; i++) {
		T_EQ(retired.of[ids[i]], ids[i] == FAR ? 2 : 1);
		T_EQ(all.of[ids[i]], ids[i] == FAR ? 2 : 1);
	}
	T_EQ(all.of[4] + all.of[FAR - 2], 0);
	T_OK(segreg_unpin(other, &more));
	for (unsigned i = 0; i < N; i++)
		T_OK(segreg_unpin(reg, &pins[i]));
	t_close(other);
	t_close(reg);
}

T_SUITE(holds, { "each kind of hold is shown, with its handle; pins of live segments are not", shows_each_kind },
	{ "an evicted handle holds nothing", evicted_holds_nothing },
	{ "thousands of holds are shown once each", batches_lose_nothing },
	{ "lists show the pins of all handles, wherever in the table of counts", lists_add_up_pins });
