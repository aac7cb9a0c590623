/*
 * segreg.c - segreg as one of the contenders.
 */
#include "loop.h"
#include "peer.h"

#include <dlfcn.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct handle {
	struct segreg *filler; /* keeps the registry attached: who opens last must not build it anew */
	void *reg, *object;
	int (*use)(void *reg, const uint64_t *ids, size_t mask, size_t count);
	int (*chase)(void *reg, const uint64_t *ids, size_t mask, size_t count);
	int (*close)(void *reg);
};

/* A registry with the ids 1..n, and a handle that fills and keeps it. */
static struct handle *make_handle(const char *name, const struct peer_ids *ids, char dir[SEGREG_PATH_SIZE])
{
	struct handle *handle = calloc(1, sizeof(*handle));
	static unsigned number;
	char unique[64];

	if (!handle)
		bench_fail("calloc");
	snprintf(unique, sizeof(unique), "%s-%u", name, number++);
	handle->filler = bench_registry(unique, 0, 0);
	bench_fill(handle->filler, unique, ids->n, 0);
	snprintf(dir, SEGREG_PATH_SIZE, "%s/%s/registry", bench_dir(), unique);
	return handle;
}

static void *linked(const char *name, const struct peer_ids *ids, unsigned flags)
{
	char dir[SEGREG_PATH_SIZE];
	struct handle *handle = make_handle(name, ids, dir);

	handle->use = loop_use;
	handle->chase = loop_chase;
	handle->close = loop_close;
	handle->reg = loop_open(dir, flags);
	if (!handle->reg)
		bench_fail(dir);
	return handle;
}

static void *start_static(const struct peer_ids *ids)
{
	return linked("static", ids, 0);
}

static void *start_one_thread(const struct peer_ids *ids)
{
#ifdef SEGREG_ONE_THREAD
	return linked("one-thread", ids, SEGREG_ONE_THREAD);
#else
	(void)ids;
	return NULL;
#endif
}

static void *symbol(void *object, const char *name)
{
	void *found = dlsym(object, name);

	if (!found)
		bench_fail(dlerror());
	return found;
}

/* The object lies beside this program. It has a library of its own, and so handles of its own. */
static void *start_shared(const struct peer_ids *ids)
{
	char dir[SEGREG_PATH_SIZE], self[SEGREG_PATH_SIZE], path[SEGREG_PATH_SIZE + 32];
	struct handle *handle = make_handle("shared", ids, dir);
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	void *(*open_it)(const char *dir, unsigned flags);

	BENCH_OK(length);
	self[length] = '\0';
	snprintf(path, sizeof(path), "%s/segreg-bench-loop.so", dirname(self));
	handle->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle->object)
		bench_fail(dlerror());
	*(void **)&open_it = symbol(handle->object, "loop_open");
	*(void **)&handle->use = symbol(handle->object, "loop_use");
	*(void **)&handle->chase = symbol(handle->object, "loop_chase");
	*(void **)&handle->close = symbol(handle->object, "loop_close");
	handle->reg = open_it(dir, 0);
	if (!handle->reg)
		bench_fail(dir);
	return handle;
}

static void *start_grown(const struct peer_ids *ids)
{
	struct handle *handle = calloc(1, sizeof(*handle));

	if (!handle)
		bench_fail("calloc");
	handle->reg = bench_grown(ids->n);
	handle->use = loop_use;
	handle->chase = loop_chase;
	handle->close = loop_close;
	return handle;
}

static void use(void *state, const struct peer_ids *ids, size_t count)
{
	const struct handle *handle = state;

	BENCH_OK(handle->use(handle->reg, ids->ids, ids->mask, count));
}

static void chase(void *state, const struct peer_ids *ids, size_t count)
{
	const struct handle *handle = state;

	BENCH_OK(handle->chase(handle->reg, ids->ids, ids->mask, count));
}

/* The object stays: a library that has handed out robust mutexes is not unloaded. */
static void stop(void *state)
{
	struct handle *handle = state;

	BENCH_OK(handle->close(handle->reg));
	if (handle->filler)
		BENCH_OK(segreg_close(handle->filler, NULL));
	free(handle);
}

const struct peer peer_segreg = { "segreg", start_static, use, stop, chase };
const struct peer peer_segreg_shared = { "segreg, shared library", start_shared, use, stop, chase };
const struct peer peer_segreg_one_thread = { "segreg, one-thread handle", start_one_thread, use, stop, chase };
const struct peer peer_segreg_grown = { "segreg", start_grown, use, stop, chase };
