/*
 * acts.h - what victims do: each operation of the library that changes something, in a way that comes to all its
 * branches.
 *
 * X(name, does it begin without a handle, and without a registry)
 */
#ifndef ACTS_H
#define ACTS_H

#include "victim.h"

#define ACTS(X)                                                                                                        \
	X(create, true, true)                                                                                          \
	X(open, true, false)                                                                                           \
	X(enlist, false, false)                                                                                        \
	X(edit, false, false)                                                                                          \
	X(lead, false, false)                                                                                          \
	X(retire, false, false)                                                                                        \
	X(discard, false, false)                                                                                       \
	X(lease, false, false)                                                                                         \
	X(build, false, false)                                                                                         \
	X(remove, false, false)                                                                                        \
	X(pin, false, false)                                                                                           \
	X(check, false, false)                                                                                         \
	X(evict, false, false)                                                                                         \
	X(snapshot, false, false)                                                                                      \
	X(watch, false, false)                                                                                         \
	X(leave, false, false)                                                                                         \
	X(sweep, false, false)                                                                                         \
	X(set_back, false, false)                                                                                      \
	X(repair, false, false)

#define DECLARE_ACT(name, opens_, creates_) extern const struct act act_##name;
ACTS(DECLARE_ACT)
#undef DECLARE_ACT

#endif
