/*
 * copies.h - copies of registries, and how they are opened.
 */
#ifndef COPIES_H
#define COPIES_H

#include "harness.h"
#include "mounts.h"
#include "peer.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define MDB "registry.mdb"
#define LOCK "registry.lock"
#define MARKER ".segreg"

static inline void copy_file(const char *from, const char *to)
{
	int in = T_SYS(open(from, O_RDONLY | O_CLOEXEC));
	int out = T_SYS(open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660));

	while (sendfile(out, in, NULL, 1 << 20) > 0)
		;
	close(in);
	close(out);
}

/* That world, with the registry in another directory of base. */
static inline struct t_world in_directory(const struct t_world *w, const char *name)
{
	struct t_world other = *w;

	snprintf(other.dir, sizeof(other.dir), "%s", t_path(w, "%s", name));
	return other;
}

static inline struct t_world copy(const struct t_world *w, const char *name)
{
	struct t_world to = in_directory(w, name);
	char from[sizeof(to.dir) + 32], path[sizeof(to.dir) + 32];

	T_SYS(mkdir(to.dir, 0755));
	for (int i = 0; i < 2; i++) {
		snprintf(from, sizeof(from), "%s/%s", w->dir, i ? LOCK : MDB);
		snprintf(path, sizeof(path), "%s/%s", to.dir, i ? LOCK : MDB);
		copy_file(from, path);
	}
	return to;
}

/* A registry at rest with one retired segment, which no sweep has deleted so far. */
static inline struct t_world make_original(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	T_OK(segreg_retire(reg, 1));
	t_close(reg);
	return w;
}

static inline int open_with(const struct t_world *w, unsigned flags, struct segreg **reg)
{
	struct segreg_open_options options = { .size = sizeof(options), .flags = flags };

	*reg = NULL;
	return segreg_open(w->dir, &options, reg);
}

static inline int try(const struct t_world *w, unsigned flags)
{
	struct segreg *reg;
	int rc = open_with(w, flags, &reg);

	if (!rc)
		t_close(reg);
	return rc;
}

static inline int rebase(const struct t_world *w, const char *base, struct segreg **reg)
{
	struct segreg_open_options options = { .size = sizeof(options), .flags = SEGREG_ADOPT, .base = base };

	*reg = NULL;
	return segreg_open(w->dir, &options, reg);
}

/* An empty directory outside of every base. */
static inline struct t_world new_base(void)
{
	return t_world(T_MEMORY);
}

#endif
