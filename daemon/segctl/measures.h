/*
 * measures.h - measuring many segments at once.
 *
 * Each file costs a system call at least, and on a cold cache a read of the disk. So threads share the work.
 */
#ifndef CTL_MEASURES_H
#define CTL_MEASURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segreg.h"

#define CTL_MEASURES 2048 /* segments at once */

struct ctl_measure {
	struct segreg_info info; /* its path is the one below */
	char path[SEGREG_PATH_MAX + 1];
	uint64_t bytes;
	bool is_measured;
};

/* Measure n segments. fd is the directory base, or -1. */
void ctl_measures(int fd, const char *base, struct ctl_measure *measures, size_t n);

#endif /* CTL_MEASURES_H */
