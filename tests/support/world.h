/*
 * world.h - a base directory with a registry in it, fresh for each test, and what tests do with both all the time.
 */
#ifndef T_WORLD_H
#define T_WORLD_H

#include "segreg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum t_place {
	T_DISK,   /* below $TMPDIR, or /tmp */
	T_MEMORY, /* below /dev/shm, for tests with many commits: there fsync costs nothing */
};

struct t_world {
	char base[256];
	char dir[272]; /* of the registry: "registry" in base */
};

/* A new world, removed after the test. The registry is not there before somebody opens it. */
struct t_world t_world(enum t_place place);
/* A world whose base is at path, which is there already; the caller removes it. */
struct t_world t_world_at(const char *path);

void t_remove_tree(const char *path);
/* For the runner: a base, and the shared memory of the registry in it. */
void t_remove_world(const char *base);

/* ---------------------------------------------------------------- files below base */

/* The absolute path of what lies below base under that name; valid until the 8th call after. */
const char *t_path(const struct t_world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool t_exists(const struct t_world *world, const char *path);
/* How many names the directory holds; 0 if it is missing. */
size_t t_count_entries(const struct t_world *world, const char *path);
#define T_TRASH ".segreg-trash"
/* Disk space of a file or a directory with all below, as du(1) counts it. */
uint64_t t_disk_usage(const struct t_world *world, const char *path);

/* Bytes of files that tests make: byte i is (i * 7 + 13) mod 251. */
void t_make_file(const struct t_world *world, const char *path, size_t size);
/* A directory with one file "data" of that size. */
void t_make_dir(const struct t_world *world, const char *path, size_t size);
bool t_is_pattern(const void *bytes, size_t size);
bool t_fd_has_pattern(int fd, size_t size);

/* ---------------------------------------------------------------- the registry */

/* Open, or create with base; a failure ends the test. */
struct segreg *t_open(const struct t_world *world);
struct segreg *t_open_with(const struct t_world *world, struct segreg_open_options options);
void t_close(struct segreg *reg);

/* "seg-ID", valid until the 8th call after. */
const char *t_segment(uint64_t id);
/* Make the directory t_segment(id) with 4096 bytes of data; and register it. */
void t_make_segment(const struct t_world *world, uint64_t id);
void t_add(const struct t_world *world, struct segreg *reg, uint64_t id);

/* SEGREG_LIVE, SEGREG_PENDING, SEGREG_DELETING, or the (negative) error. */
int t_state(struct segreg *reg, uint64_t id);
uint64_t t_refcount(struct segreg *reg, uint64_t id);
struct segreg_stats t_stats(struct segreg *reg);
uint64_t t_version(struct segreg *reg);
struct segreg_info t_info(struct segreg *reg, uint64_t id);
struct segreg_sweep_result t_sweep(struct segreg *reg);
/* Begin an edit. */
struct segreg_edit *t_edit(struct segreg *reg);

#endif
