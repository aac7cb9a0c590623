/*
 * sr_error.h - one failure: its code, and its whole story kept for the calling thread.
 */
#ifndef SR_ERROR_H
#define SR_ERROR_H

#include <stdint.h>
#include "segreg.h"

/* What a call inside the library returns besides 0 and SEGREG_E_*: neither success nor failure. Each has a number of its own. */
enum sr_outcome {
	SR_LOCK_BUSY = 1,     /* sr_lock_try, sr_commit_lock_try: another thread or process has the lock */
	SR_STORE_ABSENT,      /* sr_store_get...: there is no such record */
	SR_REGION_ABSENT,     /* sr_region_map: there is no such object */
	SR_REGION_UNFINISHED, /* sr_region_map: the builder of the region died, or failed to build */
	SR_REGION_EMPTIED,    /* sr_region_discard: the object is there, and empty */
	SR_REGION_STAYS,      /* sr_region_discard: the object is as it was: not this registry's, or not open to this process */
	SR_BASE_TAKEN,        /* sr_base_join: another process makes sure that it is alone in base */
	SR_JOIN_AGAIN,        /* joining a region: there is none (any more) */
	SR_JOIN_UNFINISHED,   /* joining a region: there is one that nobody builds */
};

/* Keep the text for segreg_last_error and return code, so that a failure is one statement: return sr_fail(...). */
int sr_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3), cold));

/* A mapping of size bytes (0: not known) failed with errnum. Where it may be the limit of the address space, name the limit and what it must allow. */
int sr_fail_map(int errnum, const char *what, uint64_t size);

/* Like sr_fail, for a system call that failed with errnum. Chooses the code, and appends ": " and the system's text. */
int sr_fail_errno(int errnum, const char *format, ...) __attribute__((format(printf, 2, 3), cold));

/*
 * Doing another's work, whose failures are not this thread's: keep its text before, and put it back after.
 */
#define SR_ERROR_SIZE 1024

void sr_error_keep(char text[SR_ERROR_SIZE]);
void sr_error_put_back(const char text[SR_ERROR_SIZE]);

#endif
