/*
 * builders.h - what the suites of segments under construction share: a registry, and a builder in another process.
 */
#ifndef BUILDERS_H
#define BUILDERS_H

#include "harness.h"
#include "peer.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct scene {
	struct t_world world;
	struct segreg *reg;
	struct peer *builder;
};

static inline struct scene set(void)
{
	struct scene s = { .world = t_world(T_MEMORY) };

	s.builder = peer_start(&s.world, PEER_PROCESS);
	s.reg = t_open(&s.world);
	T_OK(peer_open(s.builder));
	return s;
}

static inline void strike(struct scene *s)
{
	peer_exit(s->builder);
	t_close(s->reg);
}

static inline int do_reserve(struct peer_self *self, void *arg)
{
	const struct peer_registration *registration = arg;

	return segreg_reserve(self->reg, registration->id, registration->path);
}

static inline int reserve_there(struct scene *s, uint64_t id, const char *path)
{
	struct peer_registration registration = { .id = id };

	snprintf(registration.path, sizeof(registration.path), "%s", path);
	return peer_call(s->builder, do_reserve, &registration, sizeof(registration));
}

/* Half a segment: a few levels deep, some of it empty. */
static inline void write_something(const struct t_world *world, const char *path)
{
	char below[64];

	t_make_dir(world, path, 3000);
	snprintf(below, sizeof(below), "%s/a", path);
	t_make_dir(world, below, 0);
	snprintf(below, sizeof(below), "%s/a/b", path);
	t_make_dir(world, below, 70000);
	snprintf(below, sizeof(below), "%s/a/b/c", path);
	T_SYS(mkdir(t_path(world, "%s", below), 0700));
}

static inline int is_stranger(void *arg, const struct segreg_finding *finding)
{
	*(unsigned *)arg += finding->kind == SEGREG_FOUND_STRANGER;
	return 0;
}

static inline unsigned strangers(struct segreg *reg)
{
	unsigned n = 0;

	T_OK(segreg_check(reg, 0, is_stranger, &n));
	return n;
}

#endif
