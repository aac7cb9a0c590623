/*
 * pin_growth.c - what does a pin cost among a thousand and among a million segments, and with more and more processes?
 *
 * Ids are random 64-bit numbers and are used in random order, so at a million each use meets cold memory. The limit is
 * two loads, of the index and of the slot, each from an array as large as segreg's. For everybody a use's id is known only
 * when the use before has come to its end, so nobody overlaps his misses with those of the next use.
 */
#include "peers/peer.h"

#include <stdio.h>
#include <stdlib.h>

#define SEQUENCE (1u << 20)
#define ROUNDS 11
#define PROCESS_ROUND_MS 4.0

enum contender { SEGREG, LOADS, HUGE_LOADS, ORIGINAL, ORIGINAL_RUST, LMDB, N };

static const struct peer *const peers[N] = {
	[SEGREG] = &peer_segreg_grown, [LOADS] = &peer_two_loads, [HUGE_LOADS] = &peer_two_loads_huge,
	[ORIGINAL] = &peer_original, [ORIGINAL_RUST] = &peer_original_rust, [LMDB] = &peer_lmdb,
};

static void at_size(uint64_t *known, uint64_t *sequence, size_t n)
{
	const struct peer_ids ids = { .ids = sequence, .known = known, .mask = SEQUENCE - 1, .n = n, .chase = true };
	uint64_t state = n;
	struct bench_contender c[N];
	char question[64];

	for (size_t i = 0; i < n; i++)
		known[i] = bench_grown_id(i);
	for (size_t i = 0; i < SEQUENCE; i++)
		sequence[i] = known[bench_random(&state) % n];
	snprintf(question, sizeof(question), "pin_growth, %zu segments", n);
	peer_contest(question, peers, N, &ids, ROUNDS, c);
	for (size_t i = 0; i < N; i++)
		if (c[i].name)
			bench_point("pin_segments", c[i].name, (double)n, c[i].cost.median);
	if (n == 1000000) {
		bench_bound("pin+unpin at 1,000,000 segments, random ids", c[LOADS].ratio.median, 1.3, false,
			    "x two dependent random loads");
		bench_note("  the same loads in private huge pages", "segreg takes %.2f times as long", c[HUGE_LOADS].ratio.median);
	}
}

/* CPU time per use, of the process in the middle: with more processes than cores each waits, but none works longer. */
static void at_processes(void)
{
	struct peer_round round = peer_begin(&peer_segreg, peer_hot(), PROCESS_ROUND_MS);
	struct peer_round count = peer_begin(&peer_shared_count, peer_hot(), PROCESS_ROUND_MS);

	for (unsigned n = 1; n <= 64; n *= 2) {
		struct bench_contender c[] = {
			{ .name = "segreg", .run = peer_run_processes, .arg = &round },
			{ .name = "one shared atomic count", .run = peer_run_processes, .arg = &count },
		};
		char question[64];

		round.many = count.many = n;
		snprintf(question, sizeof(question), "pin_growth, %u processes, one segment", n);
		bench_contest(question, "ns of CPU", c, 2, 5);
		bench_point("pin_processes", c[0].name, n, c[0].cost.median);
		bench_point("pin_processes", c[1].name, n, c[1].cost.median);
	}
	peer_end(&round);
	peer_end(&count);
}

void bench_pin_growth(void)
{
	uint64_t *known = calloc(1000000, sizeof(*known)), *sequence = calloc(SEQUENCE, sizeof(*sequence));
	size_t last = bench_quick() ? 100000 : 1000000;

	if (!known || !sequence)
		bench_fail("calloc");
	for (size_t n = 1000; n <= last; n *= 10) {
		at_size(known, sequence, n);
		if (n == 100000 && n < last)
			at_size(known, sequence, 3 * n);
	}
	free(known);
	free(sequence);
	at_processes();
}
