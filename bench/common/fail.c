/*
 * fail.c - the end of a run whose call failed.
 */
#include "common/fail.h"

#include "segreg.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_child;

void fail(const char *what)
{
	fprintf(stderr, "bench: %s failed: %s; segreg: %s\n", what, strerror(errno), segreg_last_error());
	if (is_child)
		_exit(1);
	exit(1);
}

void fail_set_child(void)
{
	is_child = true;
}
