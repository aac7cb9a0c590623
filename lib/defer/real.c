/*
 * real.c - see real.h.
 */
#include "defer/real.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

static volatile bool has_started;
/* The frame of the hook that this thread is in; 0: none. */
static __thread uintptr_t inside __attribute__((tls_model("initial-exec")));

void defer_real_find(void *function, const char *name)
{
	*(void **)function = dlsym(RTLD_NEXT, name);
	if (!*(void **)function)
		_exit(127); /* a program that calls what the C library has not could not have been started */
}

void defer_real_start(void)
{
	has_started = true;
}

/*
 * A signal handler may leave a hook by longjmp. Then the hook's frame lies below the frames that are in use, and the
 * thread is in no hook any more.
 */
bool defer_real_enter(int *error)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);

	if (!has_started || inside > frame)
		return false;
	inside = frame;
	*error = errno;
	return true;
}

void defer_real_leave(int error)
{
	inside = 0;
	errno = error;
}
