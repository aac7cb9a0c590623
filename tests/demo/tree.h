/*
 * tree.h - the disk's own account, as du(1) and rm(1) would give it. Nothing here knows of segreg.
 */
#ifndef TREE_H
#define TREE_H

#include <stdbool.h>
#include <stdint.h>

/* Disk space of the tree at path in bytes, directories included; 0 if there is none. */
uint64_t tree_usage(const char *path);

/* Remove the tree at path. False: something stays. */
bool tree_remove(const char *path);

/* Call fn for each entry of dir but "." and "..". False: dir cannot be read. */
bool tree_entries(const char *dir, void (*fn)(void *arg, const char *name), void *arg);

#endif
