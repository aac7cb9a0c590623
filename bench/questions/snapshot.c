/*
 * snapshot.c - what does it cost to hold a whole version, of ten segments and of a million?
 */
#include "questions/questions.h"

#include "common/fail.h"
#include "common/measure.h"
#include "place/grown.h"
#include "place/registry.h"
#include "place/segment.h"
#include "result/contest.h"
#include "result/result.h"
#include "peers/peer.h"
#include "peers/round.h"
#include "segreg.h"

#define ROUNDS 41
#define FEW 10u

static void *start_few(const struct peer_ids *ids)
{
	struct segreg *reg = registry_create("snapshot", 0, 0);

	(void)ids;
	segment_fill(reg, FEW, 0);
	return reg;
}

static uint64_t many(void)
{
	return measure_is_quick() ? 100000 : 1000000;
}

static void *start_many(const struct peer_ids *ids)
{
	(void)ids;
	return grown_open(many());
}

static void use(void *state, const struct peer_ids *ids, size_t count)
{
	struct segreg_snapshot snapshot;

	(void)ids;
	for (size_t i = 0; i < count; i++) {
		MUST(segreg_snapshot_take(state, SEGREG_SNAPSHOT, &snapshot));
		MUST(segreg_snapshot_release(state, &snapshot));
	}
}

static void stop(void *state)
{
	MUST(segreg_close(state, NULL));
}

void question_snapshot(void)
{
	static const struct peer few = { "snapshot of 10 segments", start_few, use, stop, NULL };
	const struct peer all = { measure_is_quick() ? "snapshot of 100,000 segments"
						     : "snapshot of 1,000,000 segments",
				  start_many, use, stop, NULL };
	const struct peer *const peers[] = { &few, &all, &peer_bare_atomic };
	struct contender c[3];

	round_contest("snapshot", peers, 3, round_hot_ids(), ROUNDS, c);
	result_goal("snapshot take+release, at 10 segments", c[2].ratio.median, 3, false, "x two bare atomic adds");
	result_goal(measure_is_quick() ? "snapshot take+release, at 100,000 segments"
				       : "snapshot take+release, at 1,000,000 segments",
		    c[2].ratio.median / c[1].ratio.median, 3, false, "x two bare atomic adds");
	result_goal("  beside 10 segments", 1 / c[1].ratio.median, 1.1, false, "x at 10");
}
