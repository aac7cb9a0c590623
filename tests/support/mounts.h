/*
 * mounts.h - file systems for tests: each test has a mount namespace of its own, so nothing that it mounts outlives it.
 *
 * Whatever a machine lacks (root, namespaces, loop devices, a mkfs, FUSE) skips the test, with the reason.
 */
#ifndef T_MOUNTS_H
#define T_MOUNTS_H

#include "world.h"

/* Before any mount: the namespace. */
void t_need_mounts(void);
void t_mount_tmpfs(const char *where, const char *options);
/* A file system in the file "image" below around, made by mkfs.TYPE with these options. */
void t_mount_image(const struct t_world *around, const char *where, const char *type, const char *options,
		   unsigned megabytes);
/* An overlay of LAYERS/lower and LAYERS/upper, which this call makes where they are missing. */
void t_mount_overlay(const struct t_world *around, const char *layers, const char *where);
/* What lies in from, seen through FUSE. */
void t_mount_bindfs(const char *from, const char *where);

#endif
