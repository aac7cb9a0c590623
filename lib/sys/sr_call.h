/*
 * sr_call.h - a call is not cancelled in its middle.
 *
 * A thread that is cancelled inside a call would leave its locks taken as long as the process lives. So each public call that takes a
 * lock or makes a system call begins with SR_UNCANCELLED(). The hot ways of pins and snapshots do neither; their cold ways have it.
 *
 * The cancellation stays pending, and the thread meets it at its first cancellation point after the call. With
 * PTHREAD_CANCEL_ASYNCHRONOUS the thread meets it when the call ends, before the call returns: nothing is held any more by then.
 */
#ifndef SR_CALL_H
#define SR_CALL_H

#include <pthread.h>

static inline int sr_call_begin(void)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

static inline void sr_call_end(const int *before)
{
	int disabled;

	pthread_setcancelstate(*before, &disabled);
}

/* The first line of a function: from here to its end, with whatever it returns, the thread is not cancelled. */
#define SR_UNCANCELLED() const int cancel_state __attribute__((unused, cleanup(sr_call_end))) = sr_call_begin()

#endif
