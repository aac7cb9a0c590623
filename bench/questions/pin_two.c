/*
 * pin_two.c - two processes pin the same segment at once: does either pay for the other?
 */
#include "questions/questions.h"

#include "result/contest.h"
#include "result/result.h"
#include "peers/peer.h"
#include "peers/round.h"

#define ROUNDS 21
#define ROUND_MS 10.0

enum { ALONE, TWO, ATOMIC, MUTEX, COUNT, ORIGINAL, ORIGINAL_RUST, N };

static const struct {
	const char *name;
	const struct peer *peer;
	unsigned many;
	double (*run)(void *round);
} runs[N] = {
	[ALONE] = { "segreg, alone", &peer_segreg, 1, round_run_processes },
	[TWO] = { "segreg, 2 processes, each", &peer_segreg, 2, round_run_processes },
	[ATOMIC] = { "two bare atomic adds, 2 processes, each", &peer_bare_atomic, 2, round_run_processes },
	[MUTEX] = { "robust mutex, 2 processes, each", &peer_mutex, 2, round_run_processes },
	[COUNT] = { "one shared atomic count, 2 processes, each", &peer_shared_count, 2, round_run_processes },
	[ORIGINAL] = { "in-process map (C), 2 threads, each", &peer_original, 2, round_run_threads },
	[ORIGINAL_RUST] = { "in-process map (Rust), 2 threads, each", &peer_original_rust, 2, round_run_threads },
};

void question_pin_two(void)
{
	struct round round[N];
	struct contender contender[N];
	size_t n = 0;

	for (size_t i = 0; i < N; i++) {
		round[i] = round_begin(runs[i].peer, round_hot_ids(), ROUND_MS);
		round[i].many = runs[i].many;
		if (round[i].state)
			contender[n++] = (struct contender){
				.name = runs[i].name,
				.run = runs[i].run,
				.arg = &round[i],
			};
	}
	contest_run("pin_two", "ns", contender, n, ROUNDS);
	result_goal("the same segment from 2 processes at once, each", 1 / contender[TWO].ratio.median, 1.15, false,
		    "x alone");
	for (size_t i = 0; i < N; i++)
		round_end(&round[i]);
}
