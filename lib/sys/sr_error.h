/*
 * sr_error.h - one failure: its code, and its whole story kept for the calling thread.
 */
#ifndef SR_ERROR_H
#define SR_ERROR_H

#include <stdint.h>
#include "segreg.h"

/* Keep the text for segreg_last_error and return code, so that a failure is one statement: return sr_fail(...). */
int sr_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3), cold));

/* A mapping of size bytes (0: not known) failed with errnum. Where it may be the limit of the address space, name the limit and what it must allow. */
int sr_fail_map(int errnum, const char *what, uint64_t size);

/* The same for a system call that failed with errnum: chooses the code and appends ": " and the system's text. */
int sr_fail_errno(int errnum, const char *format, ...) __attribute__((format(printf, 2, 3), cold));

/*
 * Doing another's work, whose failures are not this thread's: keep its text before, and put it back after.
 */
#define SR_ERROR_SIZE 1024

void sr_error_keep(char text[SR_ERROR_SIZE]);
void sr_error_put_back(const char text[SR_ERROR_SIZE]);

#endif
