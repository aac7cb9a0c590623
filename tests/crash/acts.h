/*
 * acts.h - what victims do: each operation of the library that changes something, in a way that comes to all its branches.
 *
 * X(name, what it does, struct act's flags)
 */
#ifndef ACTS_H
#define ACTS_H

#include "victim.h"

#define ACTS(X)                                                                                                      \
	X(create, "creating a registry", .opens = true, .creates = true)                                             \
	X(open, "opening", .opens = true)                                                                            \
	X(enlist, "registering")                                                                                     \
	X(edit, "committing an edit")                                                                                \
	X(retire, "retiring")                                                                                        \
	X(build, "reserving, building and publishing")                                                               \
	X(remove, "unregistering")                                                                                   \
	X(pin, "pinning")                                                                                            \
	X(snapshot, "taking snapshots")                                                                              \
	X(leave, "closing with pins held")                                                                           \
	X(sweep, "sweeping")                                                                                         \
	X(repair, "repairing")

#define DECLARE_ACT(name_, text, ...) extern const struct act act_##name_;
ACTS(DECLARE_ACT)
#undef DECLARE_ACT

#endif
