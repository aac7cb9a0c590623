/*
 * start.c - libsegreg-defer.so: a program that knows nothing of segreg discards what it would delete.
 *
 * segctl defer sets LD_PRELOAD, and says in the environment which registry it is, where its base lies and which files
 * are meant. Child processes inherit that. segctl and segregd delete for segreg itself, so the library does nothing in
 * them.
 */
#include "defer/match.h"
#include "defer/place.h"
#include "defer/real.h"
#include "defer/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

__attribute__((constructor)) static void start(void)
{
	const char *registry = getenv("SEGREG_DEFER_REGISTRY"), *base = getenv("SEGREG_DEFER_BASE");

	if (!registry || !base || !strcmp(program_invocation_short_name, "segctl") ||
	    !strcmp(program_invocation_short_name, "segregd"))
		return;
	registry = strdup(registry);
	if (!registry)
		return;
	defer_match_set(getenv("SEGREG_DEFER_MATCH"));
	defer_place_set(base, registry);
	defer_registry_set(registry);
	defer_real_start();
}
