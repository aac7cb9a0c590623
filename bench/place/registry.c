/*
 * registry.c - registries of this run.
 */
#include "place/registry.h"

#include "common/fail.h"
#include "place/place.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REGISTRIES 64u
#define TIMEOUT_MS 60000u

static char registries[REGISTRIES][REGISTRY_PATH_SIZE];
static unsigned n_registries;

void registry_path(const char *name, char path[REGISTRY_PATH_SIZE])
{
	snprintf(path, REGISTRY_PATH_SIZE, "%s/%s/registry", place_disk(), name);
}

/* ---------------------------------------------------------------- creating and opening */

static struct segreg *open_registry(const char *name, struct segreg_open_options options)
{
	char path[REGISTRY_PATH_SIZE];
	struct segreg *reg;

	options.size = sizeof(options);
	options.timeout_ms = TIMEOUT_MS;
	registry_path(name, path);
	MUST(segreg_open(path, &options, &reg));
	return reg;
}

static void make_parent(const char *name)
{
	char dir[REGISTRY_PATH_SIZE];

	snprintf(dir, sizeof(dir), "%s/%s", place_disk(), name);
	if (mkdir(dir, 0700) == -1)
		fail(dir);
	if (n_registries == REGISTRIES)
		fail("one registry more than REGISTRIES");
	registry_path(name, registries[n_registries++]);
}

struct segreg *registry_create(const char *name, uint32_t max_segments, uint32_t max_lanes)
{
	make_parent(name);
	return open_registry(name, (struct segreg_open_options){
					   .flags = SEGREG_CREATE,
					   .max_segments = max_segments,
					   .max_lanes = max_lanes,
				   });
}

struct segreg *registry_create_light(const char *name, uint32_t max_segments)
{
	char base[REGISTRY_PATH_SIZE];

	make_parent(name);
	snprintf(base, sizeof(base), "%s/%s", place_memory(), name);
	if (mkdir(base, 0700) == -1)
		fail(base);
	return open_registry(name, (struct segreg_open_options){
					   .flags = SEGREG_CREATE,
					   .base = base,
					   .max_segments = max_segments,
				   });
}

struct segreg *registry_open(const char *name)
{
	return open_registry(name, (struct segreg_open_options){ .flags = 0 });
}

/* ---------------------------------------------------------------- shared memory */

/* Find the name of a registry's shared memory, which registry.lock contains. */
static bool find_region(const char *registry, char name[64])
{
	char path[SEGREG_PATH_SIZE], text[257] = "";
	const char *region;
	bool found;
	int fd;

	snprintf(path, sizeof(path), "%s/registry.lock", registry);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	found = pread(fd, text, sizeof(text) - 1, 0) > 0 && (region = strstr(text, "\nregion ")) &&
		sscanf(region, " region %63s", name) == 1 && !strncmp(name, "/segreg-", 8);
	close(fd);
	return found;
}

uint64_t registry_shared_memory(const char *name)
{
	char path[REGISTRY_PATH_SIZE], region[64];
	struct stat st;
	int fd;

	registry_path(name, path);
	if (!find_region(path, region))
		fail(path);
	fd = shm_open(region, O_RDONLY, 0);
	if (fd == -1 || fstat(fd, &st) == -1)
		fail(region);
	close(fd);
	return (uint64_t)st.st_blocks * 512;
}

void registry_remove_shared_memory(void)
{
	char region[64];

	for (unsigned i = 0; i < n_registries; i++)
		if (find_region(registries[i], region))
			shm_unlink(region);
}
