/*
 * ground.h - where targets play: a small registry with something of everything, the same before each input; and
 * canaries.
 *
 *      ROOT/registry        the registry: 64 segments at most, 8 handles
 *      ROOT/base            s1, s2, ... are segments (GROUND_SEGMENTS); "spare" is a file;
 *                           "stranger" is a directory that is nobody's;
 *                           "link" and "up" are symlinks that lead out of base
 *      ROOT/outside         canaries
 *      ROOT/store           second names of the files in base: what was deleted comes back with the same inode
 *
 *      1 file, 2 directory, 6 directory       live; another process pins 2
 *      3 file                                 retired, pinned by another process
 *      4 file, 5 directory                    retired, free
 *      7 file                                 being deleted, and it fails: something else stands there
 *      8                                      reserved by another process
 *      9, 10 file                             retired, and live; pinned by one who died
 *
 * Putting things back takes a few tens of microseconds. Bytes of registry.mdb, registry.lock, the marker and the
 * shared memory are written over. Segments that are gone are linked or made again. A directory that is made again has
 * another inode, which is written into the saved registry.mdb.
 */
#ifndef GROUND_H
#define GROUND_H

#include "fuzz.h"
#include "segreg.h"
#include "shm/sr_region.h"

#define GROUND_SEGMENTS 10
#define GROUND_MAX_SEGMENTS 64u
#define GROUND_MAX_LANES 8u
#define GROUND_PATH 128

struct ground {
	char root[GROUND_PATH - 32];
	char dir[GROUND_PATH], base[GROUND_PATH], mdb[GROUND_PATH];
	struct sr_geometry geometry;
	unsigned char *region; /* GROUND_KEPT: the shared memory */
};

/*
 * GROUND_KEPT: another process has the registry open, so a process that opens it joins. GROUND_ALONE: no process has
 * it open, so a process that opens it builds the shared memory from the database.
 */
enum ground_company { GROUND_KEPT, GROUND_ALONE };

const struct ground *ground_prepare(enum ground_company company);

/* Everything as it was. */
void ground_restore(void);

/* Remove what was put beside all that into root, base and outside. */
void ground_tidy(void);

/* Claim that the canaries outside base are there, and if nobody may touch what is not registered, the stranger too. */
void ground_check(bool and_stranger);

/* Open the registry; NULL if it fails. */
struct segreg *ground_open(void);

/* Remove path with all that is in it. */
void ground_remove(const char *path);

#endif
