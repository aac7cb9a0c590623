/*
 * pin_two.c - two processes hold the same segment at once: does either pay for the other?
 */
#include "peers/peer.h"

#define ROUNDS 21
#define ROUND_MS 10.0

enum contender { ALONE, TWO, ONE_THREAD, ATOMIC, MUTEX, COUNT, N };

static const struct {
	const char *name;
	const struct peer *peer;
	unsigned processes;
} runs[N] = {
	[ALONE] = { "segreg, alone", &peer_segreg, 1 },
	[TWO] = { "segreg, 2 processes, each", &peer_segreg, 2 },
	[ONE_THREAD] = { "segreg, one-thread handles, 2 processes, each", &peer_segreg_one_thread, 2 },
	[ATOMIC] = { "two bare atomic adds, 2 processes, each", &peer_bare_atomic, 2 },
	[MUTEX] = { "robust mutex, 2 processes, each", &peer_mutex, 2 },
	[COUNT] = { "one shared atomic count, 2 processes, each", &peer_shared_count, 2 },
};

void bench_pin_two(void)
{
	static const uint64_t hot = 1;
	const struct peer_ids ids = { .ids = &hot, .known = &hot, .mask = 0, .n = 1 };
	struct peer_round round[N];
	struct bench_contender contender[N];
	size_t n = 0;

	for (size_t i = 0; i < N; i++) {
		round[i] = peer_begin(runs[i].peer, &ids, ROUND_MS);
		round[i].processes = runs[i].processes;
		if (round[i].state)
			contender[n++] = (struct bench_contender){ .name = runs[i].name, .run = peer_run_processes, .arg = &round[i] };
	}
	bench_contest("pin_two", "ns", contender, n, ROUNDS);
	bench_bound("the same segment from 2 processes at once, each", 1 / contender[TWO].ratio.median, 1.15, false, "x alone");
	for (size_t i = 0; i < N; i++)
		peer_end(&round[i]);
}
