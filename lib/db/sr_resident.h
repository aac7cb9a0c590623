/*
 * sr_resident.h - a disk that cannot be read must not end the host process.
 *
 * LMDB reads registry.mdb through a mapping: where the disk fails, a load from it is a SIGBUS. The kernel can be asked to read the
 * pages first, and then answers with an error.
 */
#ifndef SR_RESIDENT_H
#define SR_RESIDENT_H

#include <stddef.h>
#include <stdint.h>

/* Where this process has a file mapped, whole and shared, with size bytes; NULL if it cannot be told (no /proc). */
void *sr_resident_find(uint64_t ino, size_t size);

/* Read the first size bytes into memory, as far as they are not there. 0, or an errno: the disk failed. */
int sr_resident_read(void *map, size_t size);

#endif
