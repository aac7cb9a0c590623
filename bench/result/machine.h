/*
 * machine.h - the machine that a run measures.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

struct machine_fact {
	const char *name; /* "cpu", "cores", ...; NULL after the last fact */
	char value[160];
};

/* The facts of this machine, with the file system of dir. The array is static. */
const struct machine_fact *machine_look(const char *dir);
void machine_print(const struct machine_fact *facts);

#endif
