/*
 * registry.h - registries of this run, each in a directory place_disk()/NAME of its own.
 */
#ifndef BENCH_REGISTRY_H
#define BENCH_REGISTRY_H

#include "segreg.h"

#include <stdint.h>

#define REGISTRY_PATH_SIZE 320

/* The path of the registry NAME. */
void registry_path(const char *name, char path[REGISTRY_PATH_SIZE]);

/* Create the registry NAME; its base is place_disk()/NAME. 0 means segreg's default. The caller closes the handle. */
struct segreg *registry_create(const char *name, uint32_t max_segments, uint32_t max_lanes);
/* Create the registry NAME on the disk, with its base in memory: for many segments whose files are not measured. */
struct segreg *registry_create_light(const char *name, uint32_t max_segments);
/* Open the registry NAME, which exists. The caller closes the handle. */
struct segreg *registry_open(const char *name);

/* Bytes of shared memory that the registry NAME occupies. */
uint64_t registry_shared_memory(const char *name);

/* Remove the shared memory of each registry whose last user did not close it. */
void registry_remove_shared_memory(void);

#endif
