/*
 * fault.h - disks that fail and clocks that jump, for code that does not go through sr_sys: LMDB, and time.
 *
 * The test binary defines some functions of the C library itself, and so stands between it and its callers. Set faults
 * while nothing else runs; a forked peer has its own.
 */
#ifndef T_FAULT_H
#define T_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* LMDB's commit: write data pages, sync them, write the meta page that makes them valid. */
enum t_disk_write {
	T_DATA_PAGES,
	T_SYNC,
	T_META_PAGE, /* when this fails, LMDB does not know the outcome */
	T_DISK_WRITES
};

/* From now on each write of that kind to the file at path fails with errnum; 0: it works again. */
void t_fail_disk(const char *path, enum t_disk_write kind, int errnum);
/* How many writes have failed since. */
unsigned t_failed_writes(void);

/* CLOCK_REALTIME is that much later than it was. */
void t_clock_forward(int64_t milliseconds);

#endif
