/*
 * twice.h - tests that are played with a thread and with a process as the other side.
 */
#ifndef T_TWICE_H
#define T_TWICE_H

#include "peer.h"

/* X(name, sentence) of a suite become two tests. The suite lists them under names of its own. */
#define TWICE(name, sentence)                                                                                          \
	static void name##_in_one_process(void)                                                                        \
	{                                                                                                              \
		name(PEER_THREAD);                                                                                     \
	}                                                                                                              \
	static void name##_across_processes(void)                                                                      \
	{                                                                                                              \
		name(PEER_PROCESS);                                                                                    \
	}

#endif
