/*
 * tally.c - what the demo's processes write down for the director.
 */
#include "tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

const char *role_name(enum role role)
{
	static const char *const names[ROLES] = { "segregd", "ingester", "compactor", "reader", "witness" };

	return names[role];
}

struct tally *tally_make(void)
{
	void *memory = mmap(NULL, sizeof(struct tally), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

uint64_t tally_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void worker_holds(struct worker *worker, uint64_t pins)
{
	worker->held = pins;
	worker->steady = true;
}

void worker_changes(struct worker *worker)
{
	worker->steady = false;
}

void segment_path(char path[TALLY_NAME_SIZE * 2], const struct worker *maker, uint32_t number)
{
	snprintf(path, TALLY_NAME_SIZE * 2, "%s.segment-%06" PRIu32, maker->name, number);
}

bool segment_path_parse(const char *path, uint32_t *maker, uint32_t *number)
{
	return sscanf(path, "%*[a-z]-%" SCNu32 ".segment-%" SCNu32, maker, number) == 2 && *maker >= 1 &&
	       *maker <= TALLY_WORKERS && *number < TALLY_SEGMENTS;
}
