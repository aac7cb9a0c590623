/*
 * sr_assert.h - claims about what this process alone owns.
 *
 * A failed claim stops the testing build at once. The product never ends its host process, so there a claim is
 * compiled but not evaluated. Shared memory, files and arguments are input: they are checked, never asserted.
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
