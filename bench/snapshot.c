/*
 * snapshot.c - what does it cost to hold all segments of a version: of ten, and of a million?
 */
#include "peers/peer.h"

#define ROUNDS 41
#define FEW 10u

static void *start_few(const struct peer_ids *ids)
{
	struct segreg *reg = bench_registry("snapshot", 0, 0);

	(void)ids;
	bench_fill(reg, "snapshot", FEW, 0);
	return reg;
}

static uint64_t many(void)
{
	return bench_quick() ? 100000 : 1000000;
}

static void *start_many(const struct peer_ids *ids)
{
	(void)ids;
	return bench_grown(many());
}

static void use(void *state, const struct peer_ids *ids, size_t count)
{
	struct segreg_snapshot snapshot;

	(void)ids;
	for (size_t i = 0; i < count; i++) {
		BENCH_OK(segreg_snapshot_take(state, SEGREG_SNAPSHOT, &snapshot));
		BENCH_OK(segreg_snapshot_release(state, &snapshot));
	}
}

static void stop(void *state)
{
	BENCH_OK(segreg_close(state, NULL));
}

void bench_snapshot(void)
{
	static const struct peer few = { "snapshot of 10 segments", start_few, use, stop, NULL };
	const struct peer all = { bench_quick() ? "snapshot of 100,000 segments" : "snapshot of 1,000,000 segments", start_many, use, stop, NULL };
	const struct peer *const peers[] = { &few, &all, &peer_bare_atomic };
	struct bench_contender c[3];

	peer_contest("snapshot", peers, 3, peer_hot(), ROUNDS, c);
	bench_bound("snapshot take+release, at 10 segments", c[2].ratio.median, 3, false, "x two bare atomic adds");
	bench_bound(bench_quick() ? "  at 100,000" : "  at 1,000,000", c[2].ratio.median / c[1].ratio.median, 3, false,
		    "x two bare atomic adds");
	bench_bound("  the same at both", 1 / c[1].ratio.median, 1.1, false, "x at 10");
}
