/*
 * program.h - files beside the bench's own program: segregd, shared objects, results.
 */
#ifndef BENCH_PROGRAM_H
#define BENCH_PROGRAM_H

#define PROGRAM_PATH_SIZE 4160

/* The path of NAME in the directory of the running program. */
void program_path(const char *name, char path[PROGRAM_PATH_SIZE]);

/* Load the shared object NAME from that directory. NULL if it does not load; dlerror() has the reason. */
void *program_load(const char *name);
/* A symbol of a loaded object. A missing symbol ends the run. */
void *program_symbol(void *object, const char *name);

#endif
