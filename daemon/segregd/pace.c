/*
 * pace.c - whether a sweep takes its time, hurries, or waits.
 *
 * A pace leaves the disk to readers. Sweeps do without it while the disk is short of space, or while a segment that no
 * handle holds waits for longer than the patience. The removal of many files takes memory as well, for inodes and the
 * journal. So sweeps wait while processes lose time to a lack of memory, unless there is a hurry.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "segreg.h"
#include "common/now.h"
#include "segregd/config.h"
#include "segregd/pace.h"

#define PRESSURE "/proc/pressure/memory"

bool pace_is_short(const struct settings *settings, const char *base)
{
	struct statvfs disk;

	return settings->free && statvfs(base, &disk) == 0 &&
	       disk.f_bavail * 100 < (uint64_t)disk.f_blocks * settings->free;
}

/* A segment that was held, or whose deletion failed, is not late because of its pace. */
static int find_late(void *arg, const struct segreg_info *info)
{
	const int64_t *before = arg;

	return info->retired_at && info->retired_at < *before && !info->held_since && !info->attempts;
}

bool pace_is_late(const struct settings *settings, struct segreg *reg)
{
	int64_t before = tool_now_real() - (int64_t)(settings->grace_ms + settings->patience_ms) * 1000000;

	return settings->patience_ms && segreg_list_retired(reg, find_late, &before) == 1;
}

/*
 * Read "some avg10=1.23 avg60=...": the percentage of the last ten seconds in which a process waited for memory.
 */
bool pace_is_pressed(const struct settings *settings, double *percent)
{
	FILE *file = settings->pressure ? fopen(PRESSURE, "re") : NULL;
	bool known = file && fscanf(file, "some avg10=%lf", percent) == 1;

	if (file)
		fclose(file);
	return known && *percent > (double)settings->pressure;
}
