/*
 * engine.h - storage engines, each in a shared object of its own: segreg-bench-NAME.so.
 */
#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include <stddef.h>

/*
 * Make a database in dir, write `bytes` bytes at random keys in files of file_bytes each, and compact all of it. With a
 * registry, the database uses segreg. NULL: the engine as it is. Returns the seconds that this took, or a negative
 * number after it has printed why it failed.
 */
typedef double engine_write_fn(const char *dir, const char *registry, size_t file_bytes, size_t bytes);

#endif
