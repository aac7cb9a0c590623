/*
 * original_rust.c - loads original.rs, where the machine had a rustc to build it.
 */
#include "peer.h"

#include <dlfcn.h>
#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

static void *(*original_start)(const uint64_t *ids, size_t n);
static size_t (*original_use)(const void *registry, const uint64_t *ids, size_t mask, size_t count);
static size_t (*original_chase)(const void *registry, const uint64_t *ids, size_t mask, size_t count);
static void (*original_stop)(void *registry);

static void *symbol(void *object, const char *name)
{
	void *found = dlsym(object, name);

	if (!found)
		bench_fail(dlerror());
	return found;
}

static bool load(void)
{
	char self[SEGREG_PATH_SIZE], path[SEGREG_PATH_SIZE + 32];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	void *object;

	BENCH_OK(length);
	self[length] = '\0';
	snprintf(path, sizeof(path), "%s/segreg-bench-original.so", dirname(self));
	object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!object)
		return false;
	*(void **)&original_start = symbol(object, "original_start");
	*(void **)&original_use = symbol(object, "original_use");
	*(void **)&original_chase = symbol(object, "original_chase");
	*(void **)&original_stop = symbol(object, "original_stop");
	return true;
}

static void *start(const struct peer_ids *ids)
{
	if (!original_start && !load()) {
		bench_note("in-process map, RwLock (Rust)", "not measured: the bench was built without a rustc");
		return NULL;
	}
	return original_start(ids->known, ids->n);
}

static void use(void *state, const struct peer_ids *ids, size_t count)
{
	if (original_use(state, ids->ids, ids->mask, count) != count)
		bench_fail("an id is missing");
}

static void chase(void *state, const struct peer_ids *ids, size_t count)
{
	if (original_chase(state, ids->ids, ids->mask, count) != count)
		bench_fail("an id is missing");
}

static void stop(void *state)
{
	original_stop(state);
}

const struct peer peer_original_rust = { "in-process map, RwLock (Rust)", start, use, stop, chase };
