/*
 * faulter.h - a system call of a victim fails: one of the library, of LMDB or of the C library.
 *
 * The victim's tracer makes the kernel do nothing and return an error that the call can have. Only calls within calls
 * of the library (ledger.inside) fail, since what the victim does besides is not under test.
 */
#ifndef FAULTER_H
#define FAULTER_H

#include "scene.h"

/* Skip the test where system calls cannot be made to fail. Call this before there is a victim: a skip would leave it
 * alive. */
void faulter_need(void);
/* Let the nth of those calls fail with its error number choice, from 0. If it has fewer errors, nothing fails. */
void faulter_fail(struct scene *scene, pid_t pid, unsigned nth, unsigned choice);

#endif
