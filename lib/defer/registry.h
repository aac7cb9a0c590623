/*
 * registry.h - what the hooks ask of the registry.
 *
 * The first call opens the registry. If that fails, the library writes one line to stderr, and does nothing from then
 * on in this process. Signals wait while a call runs. No call is for signal handlers. Paths are relative to base.
 */
#ifndef DEFER_REGISTRY_H
#define DEFER_REGISTRY_H

#include <stdbool.h>

#include "segreg.h"

/* Set which registry it is: its directory. */
void defer_registry_set(const char *dir);

/* Whether there is a registry. caller is the return address of the hook: for libsegreg itself there is none. */
bool defer_registry_is_there(const void *caller);

/* Discard the file at path. Returns false if that failed, which the library writes to stderr once. */
bool defer_registry_discard(const char *path);

/* Make durable what this process has discarded. */
void defer_registry_flush(void);

enum defer_gone {
	DEFER_HERE,  /* neither the path nor a directory above it was discarded */
	DEFER_GONE,  /* the path was discarded */
	DEFER_ABOVE, /* a directory above it was discarded */
};

/* What has become of what is at path. */
enum defer_gone defer_registry_ask(const char *path);

enum defer_vacated { DEFER_DONE, DEFER_LEASED, DEFER_FAILED };

/* Take a discarded file out of the way, or forget a discarded directory. DEFER_LEASED: a lease holds it. */
enum defer_vacated defer_registry_vacate(const char *path);

/* Call fn for each retired segment, also for those that were discarded just now. */
bool defer_registry_list(segreg_list_fn *fn, void *arg);

/*
 * Exchange the discarded files of a directory for the directory: from here on it is discarded with all that is in it.
 * ids are the n segments in it, paths their paths. False if a process pins one of them: then nothing has changed.
 */
bool defer_registry_exchange(const char *directory, const uint64_t *ids, const char *const *paths, size_t n);

#endif
