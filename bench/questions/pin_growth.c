/*
 * pin_growth.c - what does a pin cost among a thousand and among a million segments? And with more and more processes?
 *
 * Ids are random 64-bit numbers, used in random order. So among a million segments each use meets cold memory. The
 * limit is two loads, of the index and of the slot, from arrays as large as segreg's. For every peer the id of a use
 * depends on the result of the use before. So no peer can overlap the cache misses of two uses.
 */
#include "questions/questions.h"

#include "common/fail.h"
#include "common/measure.h"
#include "place/grown.h"
#include "result/contest.h"
#include "result/result.h"
#include "peers/peer.h"
#include "peers/round.h"

#include <stdio.h>
#include <stdlib.h>

#define SEQUENCE (1u << 20)
#define ROUNDS 11
#define PROCESS_ROUND_MS 4.0

enum { SEGREG, LOADS, HUGE_LOADS, ORIGINAL, ORIGINAL_RUST, LMDB, N };

static const struct peer *const peers[N] = {
	[SEGREG] = &peer_segreg_grown,         [LOADS] = &peer_two_loads,
	[HUGE_LOADS] = &peer_two_loads_huge,   [ORIGINAL] = &peer_original,
	[ORIGINAL_RUST] = &peer_original_rust, [LMDB] = &peer_lmdb,
};

static void at_size(uint64_t *known, uint64_t *sequence, size_t n)
{
	const struct peer_ids ids = { .ids = sequence, .known = known, .mask = SEQUENCE - 1, .n = n, .chase = true };
	uint64_t state = n;
	struct contender c[N];
	char question[64];

	for (size_t i = 0; i < n; i++)
		known[i] = grown_id(i);
	for (size_t i = 0; i < SEQUENCE; i++)
		sequence[i] = known[measure_random(&state) % n];
	snprintf(question, sizeof(question), "pin_growth, %zu segments", n);
	round_contest(question, peers, N, &ids, ROUNDS, c);
	for (size_t i = 0; i < N; i++)
		if (c[i].name)
			result_point("pin_segments", c[i].name, (double)n, c[i].cost.median);
	if (n == 1000000) {
		result_goal("pin+unpin at 1,000,000 segments, random ids", c[LOADS].ratio.median, 1.3, false,
			    "x two dependent random loads");
		result_note("  the same loads in private huge pages", "segreg takes %.2f times as long",
			    c[HUGE_LOADS].ratio.median);
	}
}

/* CPU time of a use in the median process. More processes than cores wait for one another, but use no more CPU time. */
static void at_processes(void)
{
	struct round round = round_begin(&peer_segreg, round_hot_ids(), PROCESS_ROUND_MS);
	struct round count = round_begin(&peer_shared_count, round_hot_ids(), PROCESS_ROUND_MS);

	for (unsigned n = 1; n <= 64; n *= 2) {
		struct contender c[] = {
			{ .name = "segreg", .run = round_run_processes, .arg = &round },
			{ .name = "one shared atomic count", .run = round_run_processes, .arg = &count },
		};
		char question[64];

		round.many = count.many = n;
		snprintf(question, sizeof(question), "pin_growth, %u processes, one segment", n);
		contest_run(question, "ns of CPU", c, 2, 5);
		result_point("pin_processes", c[0].name, n, c[0].cost.median);
		result_point("pin_processes", c[1].name, n, c[1].cost.median);
	}
	round_end(&round);
	round_end(&count);
}

void question_pin_growth(void)
{
	uint64_t *known = calloc(1000000, sizeof(*known)), *sequence = calloc(SEQUENCE, sizeof(*sequence));
	size_t last = measure_is_quick() ? 100000 : 1000000;

	if (!known || !sequence)
		fail("calloc");
	for (size_t n = 1000; n <= last; n *= 10) {
		at_size(known, sequence, n);
		if (n == 100000 && n < last)
			at_size(known, sequence, 3 * n);
	}
	free(known);
	free(sequence);
	at_processes();
}
