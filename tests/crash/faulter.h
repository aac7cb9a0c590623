/*
 * faulter.h - a system call of a victim's that fails, whoever makes it: the library, LMDB or the C library.
 *
 * The victim's tracer has the kernel do nothing and return an error that the call can have. Only within calls of the
 * library (ledger.inside), since what the victim does besides is not under test.
 */
#ifndef FAULTER_H
#define FAULTER_H

#include "scene.h"

/* Skips the test where that cannot be done; before there is a victim, which would go on in a world that is gone. */
void faulter_need(void);
/* Let the nth of those calls fail with the choice-th (from 0) of its errors; there may be fewer, and then nothing does.
 */
void faulter_fail(struct scene *scene, pid_t pid, unsigned nth, unsigned choice);

#endif
