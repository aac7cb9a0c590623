/*
 * sr_call.h - keep a thread from being cancelled in the middle of a call.
 *
 * A thread that is cancelled inside a call would leave its locks taken until the process ends. So each public call that
 * takes a lock or makes a system call begins with SR_UNCANCELLED(). The fast ways of pins and snapshots do neither.
 * Their slow ways begin with it.
 *
 * The cancellation stays pending, and the thread acts on it at its first cancellation point after the call. With
 * PTHREAD_CANCEL_ASYNCHRONOUS the thread acts on it at the end of the call, before the call returns. By then the call
 * holds no lock.
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

/*
 * Make this the first line of a function: until the function returns, by whatever return, the thread is not cancelled.
 */
#define SR_UNCANCELLED() const int cancel_state __attribute__((unused, cleanup(sr_call_end))) = sr_call_begin()

#endif
