/*
 * pin_two.c - two processes hold the same segment at once: does either pay for the other?
 */
#include "peers/peer.h"

#define ROUNDS 21
#define ROUND_MS 10.0

enum contender { ALONE, TWO, ONE_THREAD, ATOMIC, MUTEX, COUNT, ORIGINAL, ORIGINAL_RUST, N };

static const struct {
	const char *name;
	const struct peer *peer;
	unsigned many;
	double (*run)(void *round);
} runs[N] = {
	[ALONE] = { "segreg, alone", &peer_segreg, 1, peer_run_processes },
	[TWO] = { "segreg, 2 processes, each", &peer_segreg, 2, peer_run_processes },
	[ONE_THREAD] = { "segreg, one-thread handles, 2 processes, each", &peer_segreg_one_thread, 2, peer_run_processes },
	[ATOMIC] = { "two bare atomic adds, 2 processes, each", &peer_bare_atomic, 2, peer_run_processes },
	[MUTEX] = { "robust mutex, 2 processes, each", &peer_mutex, 2, peer_run_processes },
	[COUNT] = { "one shared atomic count, 2 processes, each", &peer_shared_count, 2, peer_run_processes },
	[ORIGINAL] = { "in-process map (C), 2 threads, each", &peer_original, 2, peer_run_threads },
	[ORIGINAL_RUST] = { "in-process map (Rust), 2 threads, each", &peer_original_rust, 2, peer_run_threads },
};

void bench_pin_two(void)
{
	struct peer_round round[N];
	struct bench_contender contender[N];
	size_t n = 0;

	for (size_t i = 0; i < N; i++) {
		round[i] = peer_begin(runs[i].peer, peer_hot(), ROUND_MS);
		round[i].many = runs[i].many;
		if (round[i].state)
			contender[n++] = (struct bench_contender){ .name = runs[i].name, .run = runs[i].run, .arg = &round[i] };
	}
	bench_contest("pin_two", "ns", contender, n, ROUNDS);
	bench_bound("the same segment from 2 processes at once, each", 1 / contender[TWO].ratio.median, 1.15, false, "x alone");
	for (size_t i = 0; i < N; i++)
		peer_end(&round[i]);
}
