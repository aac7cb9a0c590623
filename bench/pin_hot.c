/*
 * pin_hot.c - what does it cost to hold one segment, again and again, in one process?
 */
#include "peers/peer.h"

static void *start_segreg(const uint64_t *ids, size_t n)
{
	struct segreg *reg = bench_registry("pin_hot", 0, 0);

	(void)ids;
	bench_fill(reg, "pin_hot", n, 0);
	return reg;
}

static void use_segreg(void *state, const uint64_t *ids, size_t mask, size_t count)
{
	struct segreg *reg = state;
	struct segreg_pin pin;

	for (size_t i = 0; i < count; i++) {
		BENCH_OK(segreg_pin(reg, ids[i & mask], 0, &pin));
		BENCH_OK(segreg_unpin(reg, &pin));
	}
}

static void stop_segreg(void *state)
{
	BENCH_OK(segreg_close(state, NULL));
}

static const struct peer peer_segreg = { .name = "segreg", .start = start_segreg, .use = use_segreg, .stop = stop_segreg };

void bench_pin_hot(void)
{
	static const uint64_t ids[1] = { 1 };
	struct peer_round rounds[] = { peer_begin(&peer_segreg, ids, 1), peer_begin(&peer_bare_atomic, ids, 1) };
	struct bench_contender contenders[] = {
		{ .name = "segreg", .run = peer_run, .arg = &rounds[0] },
		{ .name = "two bare atomic adds", .run = peer_run, .arg = &rounds[1] },
	};

	bench_contest("pin_hot", "ns", contenders, 2, 41);
	bench_bound("pin+unpin, hot segment, 1 process", contenders[1].ratio.median, 1.25, false, "x two bare atomic adds");
	for (int i = 0; i < 2; i++)
		peer_end(&rounds[i]);
}
