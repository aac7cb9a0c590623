/*
 * original_rust.c - loads the shared object of original.rs, if the build found rustc.
 */
#include "common/fail.h"
#include "common/program.h"
#include "result/result.h"
#include "peers/peer.h"

#include <stdio.h>

static void *(*original_start)(const uint64_t *ids, size_t n);
static size_t (*original_use)(const void *registry, const uint64_t *ids, size_t mask, size_t count);
static size_t (*original_chase)(const void *registry, const uint64_t *ids, size_t mask, size_t count);
static void (*original_stop)(void *registry);

static bool load(void)
{
	void *object = program_load("segreg-bench-original.so");

	if (!object)
		return false;
	*(void **)&original_start = program_symbol(object, "original_start");
	*(void **)&original_use = program_symbol(object, "original_use");
	*(void **)&original_chase = program_symbol(object, "original_chase");
	*(void **)&original_stop = program_symbol(object, "original_stop");
	return true;
}

static void *start(const struct peer_ids *ids)
{
	if (!original_start && !load()) {
		result_note("in-process map, RwLock (Rust)", "not measured: the build found no rustc");
		return NULL;
	}
	return original_start(ids->known, ids->n);
}

static void use(void *state, const struct peer_ids *ids, size_t count)
{
	if (original_use(state, ids->ids, ids->mask, count) != count)
		fail("an id is missing");
}

static void chase(void *state, const struct peer_ids *ids, size_t count)
{
	if (original_chase(state, ids->ids, ids->mask, count) != count)
		fail("an id is missing");
}

static void stop(void *state)
{
	original_stop(state);
}

const struct peer peer_original_rust = { "in-process map, RwLock (Rust)", start, use, stop, chase };
