/*
 * discard.h - what the suites of discards share: calls for one path, and what a registry says about it.
 */
#ifndef DISCARD_H
#define DISCARD_H

#include "harness.h"
#include "peer.h"

#include <stdio.h>

#define SIZE 4096

static inline int discard(struct segreg *reg, const char *path)
{
	return segreg_discard(reg, &path, 1, 0);
}

static inline struct segreg_snapshot hold(struct segreg *reg, enum segreg_snapshot_kind kind)
{
	struct segreg_snapshot snapshot;

	T_OK(segreg_snapshot_take(reg, kind, &snapshot));
	return snapshot;
}

static inline int state_of(struct segreg *reg, const char *path)
{
	enum segreg_state state;
	int rc = segreg_find(reg, path, NULL, &state);

	return rc ? rc : (int)state;
}

static inline uint64_t id_of(struct segreg *reg, const char *path)
{
	uint64_t id = 0;

	T_OK(segreg_find(reg, path, &id, NULL));
	return id;
}

/* Another file takes the place of the one at path, while that is kept: so it has another inode. */
static inline void replace(const struct t_world *w, const char *path, size_t size)
{
	T_SYS(rename(t_path(w, "%s", path), t_path(w, "%s.kept", path)));
	t_make_file(w, path, size);
}

static inline int any_finding(void *arg, const struct segreg_finding *finding)
{
	(void)arg;
	if (finding->kind != SEGREG_FOUND_STRANGER)
		T_FAIL("%s: %s", finding->path, finding->reason);
	return 0;
}

static inline int any_difference(void *arg, const struct segreg_finding *finding)
{
	(void)arg;
	if (finding->kind == SEGREG_FOUND_DIFFERENCE)
		T_FAIL("%s: %s", finding->path, finding->reason);
	return 0;
}

static inline int do_discard(struct peer_self *self, void *arg)
{
	return discard(self->reg, arg);
}

static inline int do_vacate(struct peer_self *self, void *arg)
{
	return segreg_vacate(self->reg, arg);
}

static inline int count_forgotten(void *arg, const struct segreg_log_entry *entry)
{
	*(unsigned *)arg += entry->kind == SEGREG_LOG_FORGOTTEN;
	return 0;
}

static inline unsigned forgotten(struct segreg *reg)
{
	unsigned n = 0;

	T_OK(segreg_log(reg, 0, count_forgotten, &n));
	return n;
}

static inline int relaxed(struct segreg *reg, const char *path)
{
	return segreg_discard(reg, &path, 1, SEGREG_DISCARD_RELAXED);
}

static inline int flush(struct segreg *reg)
{
	return segreg_discard(reg, NULL, 0, 0);
}

static inline int do_relaxed(struct peer_self *self, void *arg)
{
	return relaxed(self->reg, arg);
}

static inline int do_flush(struct peer_self *self, void *arg)
{
	(void)arg;
	return flush(self->reg);
}

#endif
