/*
 * behaviour.h - tests that are written once and run twice: the holder is a thread that shares the test's handle, then
 * another process.
 */
#ifndef BEHAVIOUR_H
#define BEHAVIOUR_H

#include "harness.h"
#include "peer.h"
#include "twice.h"

#include <string.h>

struct scene {
	struct t_world world;
	struct peer *holder;
	struct segreg *reg;
};

static inline int join(struct peer *peer, enum peer_kind kind, struct segreg *reg)
{
	return kind == PEER_THREAD ? peer_use(peer, reg) : peer_open(peer);
}

static inline struct scene set(enum peer_kind kind)
{
	struct scene s = { .world = t_world(T_MEMORY) };

	s.holder = peer_start(&s.world, kind);
	s.reg = t_open(&s.world);
	T_OK(join(s.holder, kind, s.reg));
	return s;
}

static inline void strike(struct scene *s)
{
	peer_exit(s->holder);
	t_close(s->reg);
}

static inline uint64_t count(struct scene *s, const char *which)
{
	struct segreg_stats stats = t_stats(s->reg);

	return strcmp(which, "live") == 0 ? stats.live : stats.pending + stats.deleting;
}

/* Lists the tests that TWICE defines. */
#define LIST(name, sentence)                                                                                           \
	{ #name ": " sentence ", in one process", name##_in_one_process },                                             \
		{ #name ": " sentence ", across processes", name##_across_processes },

#endif
