/*
 * segreg_args.h - the checks of arguments that the public calls of segreg.c and segreg_hold.c share.
 */
#ifndef SEGREG_ARGS_H
#define SEGREG_ARGS_H

#include "segreg.h"
#include "sys/sr_call.h"
#include "sys/sr_error.h"
#include "registry/sr_handle.h"

#include <string.h>

/* Fail with SEGREG_E_INVAL and the text "invalid argument: " and `what`. */
SR_COLD int sr_invalid(const char *what);

/*
 * What a call does if reg is not ready: in a forked child, attach the parent's handle anew. If reg is not a handle,
 * fail with SEGREG_E_INVAL.
 */
SR_COLD int sr_make_ready(struct segreg *reg);

/* The first step of every call. */
static inline int sr_check_handle(struct segreg *reg)
{
	return sr_is_ready(reg) ? 0 : sr_make_ready(reg);
}

/* The first step of a call that needs an argument. given: whether the caller gave the argument. */
static inline int sr_check_handle_and(struct segreg *reg, bool given, const char *what_is_missing)
{
	int rc = sr_check_handle(reg);

	return rc || given ? rc : sr_invalid(what_is_missing);
}

/*
 * Copy a struct of the caller's into ours. size: the caller's size, which another version of segreg.h may have set.
 * Fields that both sides know are copied. Fields that only we know become 0. A field that only the caller knows must be
 * 0: SEGREG_E_INVAL.
 */
static inline int sr_copy_in(void *ours, size_t our_size, const void *theirs, size_t size)
{
	memset(ours, 0, our_size);
	if (!theirs)
		return 0;
	if (size < sizeof(size_t))
		return sr_invalid("a struct whose size is not set");
	for (size_t i = our_size; i < size; i++)
		if (((const unsigned char *)theirs)[i])
			return sr_invalid("an option that this version of segreg does not know");
	memcpy(ours, theirs, size < our_size ? size : our_size);
	return 0;
}

/* Copy our struct into the caller's, as far as the caller's size permits. The caller's size field stays as it is. */
static inline void sr_copy_out(void *theirs, size_t size, const void *ours, size_t our_size)
{
	size_t most = size < our_size ? size : our_size;

	memcpy((char *)theirs + sizeof(size_t), (const char *)ours + sizeof(size_t), most - sizeof(size_t));
}

#endif
