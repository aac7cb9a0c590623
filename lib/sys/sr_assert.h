/*
 * sr_assert.h - claims about data that only this process can change.
 *
 * A failed claim stops the testing build at once. The product never ends its host process, so there the compiler checks
 * a claim but no code evaluates it. Shared memory, files and arguments are input: the library checks them and never
 * asserts about them.
 */
#ifndef SR_ASSERT_H
#define SR_ASSERT_H

#if SR_TESTING
#include <assert.h>
#define sr_assert(claim) assert(claim)
#else
#define sr_assert(claim) ((void)sizeof(claim))
#endif

#endif
