/*
 * stepper.h - a victim's act instruction by instruction, with an eye on the shared memory; and its death after one.
 *
 * A victim is a fork without exec, so its code has the same addresses each time. What it does to the registry is the
 * same each time.
 */
#ifndef STEPPER_H
#define STEPPER_H

#include "tracer.h"

/* A change of the region by one instruction: the nth that the instruction at this address makes. */
struct change {
	uintptr_t at;
	unsigned nth;
};

/* What an act does. */
struct trail {
	uint64_t steps; /* instructions that were stepped */
	uint64_t way;   /* a hash of those of the program, in order, and of which words of the region they changed */
	struct change *change;
	unsigned changes, room;
	unsigned call_stops; /* tracer_kill_at_call counts them */
};

/* Skip the test where the kernel, a filter or the processor does not let a process be stepped. */
void stepper_probe(void);
/* Step through the act and fill the trail but for its call_stops. Unless `everything` is set, run at full speed
 * through functions of other libraries that get no address in the region. */
void stepper_record(pid_t pid, struct trail *trail, bool everything);
/* Let it go on until it has made this change, and kill it there. */
void stepper_kill_after(struct scene *scene, pid_t pid, const struct change *change);

#endif
