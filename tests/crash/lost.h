/*
 * lost.h - files that are copied, moved and adopted.
 */
#ifndef LOST_H
#define LOST_H

#include "harness.h"
#include "peer.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define MDB "registry/registry.mdb"
#define LOCK "registry/registry.lock"
#define MARKER ".segreg"
#define BASE_LOCK ".segreg-lock"

/* Copy a file of the world; into the file that is there, if there is one. */
static inline void copy_file(const struct t_world *w, const char *from, const char *to)
{
	int in = T_SYS(open(t_path(w, "%s", from), O_RDONLY | O_CLOEXEC));
	int out = T_SYS(open(t_path(w, "%s", to), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660));

	while (sendfile(out, in, NULL, 1 << 20) > 0)
		;
	close(in);
	close(out);
}

static inline void move_file(const struct t_world *w, const char *from, const char *to)
{
	T_SYS(rename(t_path(w, "%s", from), t_path(w, "%s", to)));
}

static inline void refuse_to_open(const struct t_world *w)
{
	struct segreg *reg = NULL;

	T_ERR(SEGREG_E_MISMATCH, segreg_open(w->dir, NULL, &reg));
	T_CHECK(!reg);
}

static inline struct segreg *adopt(const struct t_world *w)
{
	struct segreg_open_options options = { .size = sizeof(options), .flags = SEGREG_ADOPT };
	struct segreg *reg = NULL;

	T_OK(segreg_open(w->dir, &options, &reg));
	return reg;
}

/* What was refused and then adopted is an ordinary registry again. */
static inline void close_and_open(const struct t_world *w, struct segreg *reg)
{
	t_close(reg);
	reg = NULL;
	T_OK(segreg_open(w->dir, NULL, &reg));
	t_add(w, reg, 90);
	T_OK(segreg_retire(reg, 90));
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

#endif
