/*
 * holds.h - what peers do with snapshots, and the scene in which they do it. The test keeps the struct; the peer's
 * handle holds the snapshot.
 */
#ifndef T_HOLDS_H
#define T_HOLDS_H

#include "peer.h"

#define T_IDS 64u /* walks return sets: bit i for segment i */
#define T_BIT(id) (1ull << (id))

/* Argument of the functions below for peer_begin and peer_run_to. */
struct peer_hold {
	struct segreg_snapshot snapshot, theirs;
	enum segreg_snapshot_kind kind;
	uint64_t ids;
};

/* take: kind to snapshot; trade: kind and snapshot; release: snapshot; receive: theirs to snapshot; walk: to ids */
peer_fn peer_do_take, peer_do_trade, peer_do_release, peer_do_receive, peer_do_walk;

int peer_take(struct peer *peer, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot);
int peer_trade(struct peer *peer, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot);
int peer_release(struct peer *peer, struct segreg_snapshot *snapshot);
int peer_receive(struct peer *peer, const struct segreg_snapshot *theirs, struct segreg_snapshot *snapshot);

/* The set of segments that a walk finds; each must come once, at t_segment(id). */
uint64_t t_walk(struct segreg *reg, const struct segreg_snapshot *snapshot);
uint64_t peer_walk(struct peer *peer, const struct segreg_snapshot *snapshot);

struct t_scene {
	struct t_world world;
	struct segreg *reg;
	struct peer *holder; /* shares reg if it is a thread */
};

/* Segments 1, 2 and 3, which are versions 1, 2 and 3; a holder. */
struct t_scene t_scene(enum peer_kind kind);
void t_strike(struct t_scene *scene);

/* Sweep, and expect these results. */
void t_expect_sweep(struct segreg *reg, uint64_t deleted, uint64_t held);

struct segreg_snapshot t_take(struct segreg *reg, enum segreg_snapshot_kind kind);
void t_release(struct segreg *reg, struct segreg_snapshot *snapshot);

#endif
