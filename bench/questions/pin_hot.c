/*
 * pin_hot.c - what does it cost to pin and unpin one segment in one process, beside every peer?
 */
#include "questions/questions.h"

#include "result/contest.h"
#include "result/result.h"
#include "peers/peer.h"
#include "peers/round.h"

#define ROUNDS 41

enum {
	SEGREG,
	SHARED,
	ATOMIC,
	PLAIN,
	CALLED,
	FLOCK,
	FLOCK_OPENED,
	OFD,
	MUTEX,
	COUNT,
	LMDB,
	ORIGINAL,
	ORIGINAL_RUST,
	URCU,
	CK,
	N
};

static const struct peer *const peers[N] = {
	[SEGREG] = &peer_segreg,
	[SHARED] = &peer_segreg_shared,
	[ATOMIC] = &peer_bare_atomic,
	[PLAIN] = &peer_bare_plain,
	[CALLED] = &peer_called_plain,
	[FLOCK] = &peer_flock_kept,
	[FLOCK_OPENED] = &peer_flock_opened,
	[OFD] = &peer_ofd_kept,
	[MUTEX] = &peer_mutex,
	[COUNT] = &peer_shared_count,
	[LMDB] = &peer_lmdb,
	[ORIGINAL] = &peer_original,
	[ORIGINAL_RUST] = &peer_original_rust,
	[URCU] = &peer_urcu,
	[CK] = &peer_ck,
};

static void add_cheaper(const struct contender *peer, const char *what, double goal)
{
	if (peer->name)
		result_goal(what, 1 / peer->ratio.median, goal, true, "x cheaper");
}

/* The cost of a divided by the cost of b. The dividend of each contender's ratio is the cost of the first contender. */
static double ratio(const struct contender *a, const struct contender *b)
{
	return b->ratio.median / a->ratio.median;
}

void question_pin_hot(void)
{
	struct contender c[N];

	round_contest("pin_hot", peers, N, round_hot_ids(), ROUNDS, c);
	for (size_t i = 0; i < N; i++)
		if (c[i].name)
			result_point("pin_hot", c[i].name, 0, c[i].cost.median);
	result_goal("pin+unpin, hot segment, 1 process", c[ATOMIC].ratio.median, 1.25, false, "x two bare atomic adds");
	result_goal("  with the shared library", ratio(&c[SHARED], &c[ATOMIC]), 1.25, false, "x two bare atomic adds");
	add_cheaper(&c[FLOCK], "  beside flock, descriptor kept", 100);
	add_cheaper(&c[MUTEX], "  beside a robust mutex around shared counts", 4);
	add_cheaper(&c[ORIGINAL], "  beside the in-process original, in C", 3);
	add_cheaper(&c[ORIGINAL_RUST], "  beside the in-process original, in Rust", 3);
}
