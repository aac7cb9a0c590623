/*
 * pin_hot.c - what does it cost to hold one segment, again and again, in one process, beside all that one would take instead?
 */
#include "peers/peer.h"

#define ROUNDS 41

enum contender {
	SEGREG, SHARED, ONE_THREAD, ATOMIC, PLAIN, CALLED, FLOCK, FLOCK_OPENED, OFD, MUTEX, COUNT, LMDB, ORIGINAL, ORIGINAL_RUST, URCU, CK, N
};

static const struct peer *const peers[N] = {
	[SEGREG] = &peer_segreg, [SHARED] = &peer_segreg_shared, [ONE_THREAD] = &peer_segreg_one_thread,
	[ATOMIC] = &peer_bare_atomic, [PLAIN] = &peer_bare_plain, [CALLED] = &peer_called_plain,
	[FLOCK] = &peer_flock_kept, [FLOCK_OPENED] = &peer_flock_opened, [OFD] = &peer_ofd_kept,
	[MUTEX] = &peer_mutex, [COUNT] = &peer_shared_count, [LMDB] = &peer_lmdb,
	[ORIGINAL] = &peer_original, [ORIGINAL_RUST] = &peer_original_rust, [URCU] = &peer_urcu, [CK] = &peer_ck,
};

static void cheaper(const struct bench_contender *peer, const char *what, double bound)
{
	if (peer->name)
		bench_bound(what, 1 / peer->ratio.median, bound, true, "x cheaper");
}

/* How many times a costs what b does. Ratios are to the first contender, so they divide. */
static double ratio(const struct bench_contender *a, const struct bench_contender *b)
{
	return b->ratio.median / a->ratio.median;
}

void bench_pin_hot(void)
{
	struct bench_contender c[N];

	peer_contest("pin_hot", peers, N, peer_hot(), ROUNDS, c);
	for (size_t i = 0; i < N; i++)
		if (c[i].name)
			bench_point("pin_hot", c[i].name, 0, c[i].cost.median);
	bench_bound("pin+unpin, hot segment, 1 process", c[ATOMIC].ratio.median, 1.25, false, "x two bare atomic adds");
	bench_bound("  the same, shared library", ratio(&c[SHARED], &c[ATOMIC]), 1.25, false, "x two bare atomic adds");
	cheaper(&c[FLOCK], "  beside flock, descriptor kept", 100);
	cheaper(&c[MUTEX], "  beside a robust mutex around shared counts", 4);
	cheaper(&c[ORIGINAL], "  beside the in-process original, in C", 3);
	cheaper(&c[ORIGINAL_RUST], "  beside the in-process original, in Rust", 3);
	if (c[ONE_THREAD].name) {
		bench_bound("  a handle of one thread", ratio(&c[ONE_THREAD], &c[PLAIN]), 1.5, false, "x two plain increments");
		bench_note("  the same, beside two calls that increment", "%.2f x", ratio(&c[ONE_THREAD], &c[CALLED]));
	}
}
