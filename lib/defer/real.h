/*
 * real.h - the functions of the C library that libsegreg-defer.so stands in front of, and a hook's frame.
 *
 * A hook is a function of this library that has the name of a function of the C library. In a process in which this
 * library is preloaded, the program calls the hook. The hook calls the real function by REAL(name).
 */
#ifndef DEFER_REAL_H
#define DEFER_REAL_H

#include <stdbool.h>

/* Find the next function called name, and store it at the function pointer *function. */
void defer_real_find(void *function, const char *name);

/* Each call looks at once, without a lock: threads that look at the same time store the same pointer. */
#define REAL(name)                                                                                                     \
	(__extension__({                                                                                               \
		static __typeof__(name) *real_##name;                                                                  \
		if (!real_##name)                                                                                      \
			defer_real_find(&real_##name, #name);                                                          \
		real_##name;                                                                                           \
	}))

#define HOOK __attribute__((visibility("default")))

/*
 * Enter a hook. Returns false if the hook only calls the real function: the library does nothing in this process, or
 * the thread is in a hook already. Otherwise the hook calls defer_real_leave. Both keep errno. defer_real_enter stores
 * errno in *error.
 */
bool defer_real_enter(int *error);

/* Leave a hook: errno becomes error. */
void defer_real_leave(int error);

/* Let hooks do something from here on. */
void defer_real_start(void);

/*
 * Define a hook. prepare is done before the real call, on behalf of `caller`: 0, or the errno with which the hook fails
 * instead.
 */
#define HOOK_PREPARED(name, parameters, prepare, call)                                                                 \
	HOOK int name parameters                                                                                       \
	{                                                                                                              \
		const void *caller = __builtin_return_address(0);                                                      \
		int error, result;                                                                                     \
                                                                                                                       \
		if (!defer_real_enter(&error))                                                                         \
			return REAL(name) call;                                                                        \
		result = prepare;                                                                                      \
		defer_real_leave(result ? result : error);                                                             \
		return result ? -1 : REAL(name) call;                                                                  \
	}

#endif
