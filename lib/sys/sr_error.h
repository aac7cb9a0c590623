/*
 * sr_error.h - failures: a code for the caller, and a text that the calling thread keeps.
 */
#ifndef SR_ERROR_H
#define SR_ERROR_H

#include <stdint.h>
#include "segreg.h"

/*
 * Results of calls inside the library that are neither success (0) nor failure (SEGREG_E_*). Each has a number of its
 * own.
 */
enum sr_outcome {
	SR_LOCK_BUSY = 1,     /* sr_lock_try, sr_commit_lock_try: another thread or process has the lock */
	SR_STORE_ABSENT,      /* sr_store_get_*: there is no such record */
	SR_REGION_ABSENT,     /* sr_region_map: there is no such object */
	SR_REGION_UNFINISHED, /* sr_region_map: the builder of the region died, or failed to build */
	SR_REGION_EMPTIED,    /* sr_region_discard: the object is there, and empty */
	/* sr_region_discard: the object is unchanged: of another registry, or not open to this process */
	SR_REGION_STAYS,
	SR_BASE_TAKEN,      /* sr_base_join: another process is just making sure that no other uses base */
	SR_OWNER_GONE,      /* sr_owner_may_claim: the marker is of a registry that left its place */
	SR_LANE_TAKEN,      /* attaching a handle: the lane, or each lane, is another handle's */
	SR_REGISTRY_GONE,   /* sr_attach: another process removed the directory or registry.lock; begin anew */
	SR_JOIN_AGAIN,      /* joining a region: there is no region, or it was just removed */
	SR_JOIN_UNFINISHED, /* joining a region: its builder died before it was ready */
};

/* Keep the text for segreg_last_error() and return code. So a failure is one statement: return sr_fail(...). */
int sr_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3), cold));

/*
 * Fail because a mapping of size bytes (0: not known) failed with errnum. If RLIMIT_AS may be the cause, the text names
 * the limit and what the mapping needs.
 */
int sr_fail_map(int errnum, const char *what, uint64_t size);

/*
 * Like sr_fail, for a system call that failed with errnum. Derives the code from errnum, and appends ": " and the
 * system's text.
 */
int sr_fail_errno(int errnum, const char *format, ...) __attribute__((format(printf, 2, 3), cold));

/*
 * A thread that does work for another handle must not report the failures of that work as its own. It keeps its text
 * before the work and puts it back after.
 */
#define SR_ERROR_SIZE 1024

void sr_error_keep(char text[SR_ERROR_SIZE]);
void sr_error_put_back(const char text[SR_ERROR_SIZE]);

#endif
