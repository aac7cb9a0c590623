/*
 * sample.c - for gdb.sh: a process with a handle, two segments, a pin and a snapshot. "sample DIR", in a registry with
 * segments 1 and 2.
 */
#include <stdio.h>
#include <stdlib.h>

#include "segreg.h"

static volatile int passed;

/* The place for a breakpoint. */
__attribute__((noinline)) static void here(struct segreg *reg)
{
	passed = reg != NULL;
}

int main(int argc, char **argv)
{
	struct segreg_open_options options = { .size = sizeof options, .label = "sample" };
	struct segreg_snapshot snapshot;
	struct segreg_pin pin;
	struct segreg *reg;

	if (argc != 2 || segreg_open(argv[1], &options, &reg) || segreg_pin(reg, 1, 0, &pin) ||
	    segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &snapshot) || segreg_retire(reg, 2)) {
		fprintf(stderr, "sample: %s\n", segreg_last_error());
		return EXIT_FAILURE;
	}
	here(reg);
	return EXIT_SUCCESS;
}
