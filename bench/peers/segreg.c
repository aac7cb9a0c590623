/*
 * segreg.c - segreg itself as a peer.
 */
#include "common/fail.h"
#include "common/program.h"
#include "place/grown.h"
#include "place/registry.h"
#include "place/segment.h"
#include "peers/loop.h"
#include "peers/peer.h"
#include "segreg.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

struct handle {
	struct segreg *filler; /* keeps the registry attached: the next open need not rebuild the shared memory */
	void *reg, *object;
	int (*use)(void *reg, const uint64_t *ids, size_t mask, size_t count);
	int (*chase)(void *reg, const uint64_t *ids, size_t mask, size_t count);
	int (*close)(void *reg);
};

/* Create a registry with the ids 1 to n, and a handle that fills it and keeps it attached. */
static struct handle *make_handle(const char *name, const struct peer_ids *ids, char dir[REGISTRY_PATH_SIZE])
{
	struct handle *handle = calloc(1, sizeof(*handle));
	static unsigned number;
	char unique[64];

	if (!handle)
		fail("calloc");
	snprintf(unique, sizeof(unique), "%s-%u", name, number++);
	handle->filler = registry_create(unique, 0, 0);
	segment_fill(handle->filler, ids->n, 0);
	registry_path(unique, dir);
	return handle;
}

static void *start_static(const struct peer_ids *ids)
{
	char dir[REGISTRY_PATH_SIZE];
	struct handle *handle = make_handle("static", ids, dir);

	handle->use = loop_use;
	handle->chase = loop_chase;
	handle->close = loop_close;
	handle->reg = loop_open(dir);
	if (!handle->reg)
		fail(dir);
	return handle;
}

/* The object has a library of its own, and so handles of its own. */
static void *start_shared(const struct peer_ids *ids)
{
	char dir[REGISTRY_PATH_SIZE];
	struct handle *handle = make_handle("shared", ids, dir);
	void *(*open_it)(const char *dir);

	handle->object = program_load("segreg-bench-loop.so");
	if (!handle->object)
		fail(dlerror());
	*(void **)&open_it = program_symbol(handle->object, "loop_open");
	*(void **)&handle->use = program_symbol(handle->object, "loop_use");
	*(void **)&handle->chase = program_symbol(handle->object, "loop_chase");
	*(void **)&handle->close = program_symbol(handle->object, "loop_close");
	handle->reg = open_it(dir);
	if (!handle->reg)
		fail(dir);
	return handle;
}

static void *start_grown(const struct peer_ids *ids)
{
	struct handle *handle = calloc(1, sizeof(*handle));

	if (!handle)
		fail("calloc");
	handle->reg = grown_open(ids->n);
	handle->use = loop_use;
	handle->chase = loop_chase;
	handle->close = loop_close;
	return handle;
}

static void use(void *state, const struct peer_ids *ids, size_t count)
{
	const struct handle *handle = state;

	MUST(handle->use(handle->reg, ids->ids, ids->mask, count));
}

static void chase(void *state, const struct peer_ids *ids, size_t count)
{
	const struct handle *handle = state;

	MUST(handle->chase(handle->reg, ids->ids, ids->mask, count));
}

/* The object stays loaded: a library that has used robust mutexes must stay in its process. */
static void stop(void *state)
{
	struct handle *handle = state;

	MUST(handle->close(handle->reg));
	if (handle->filler)
		MUST(segreg_close(handle->filler, NULL));
	free(handle);
}

const struct peer peer_segreg = { "segreg", start_static, use, stop, chase };
const struct peer peer_segreg_shared = { "segreg, shared library", start_shared, use, stop, chase };
const struct peer peer_segreg_grown = { "segreg", start_grown, use, stop, chase };
