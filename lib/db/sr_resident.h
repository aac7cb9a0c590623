/*
 * sr_resident.h - read a mapped file ahead, so that a disk that fails does not end the host process.
 *
 * LMDB reads registry.mdb through a mapping. If the disk fails, a load from the mapping raises SIGBUS. So we first ask
 * the kernel to read the pages, and get an error instead.
 */
#ifndef SR_RESIDENT_H
#define SR_RESIDENT_H

#include <stddef.h>
#include <stdint.h>

/* Find the shared mapping of the whole file in this process. Returns NULL if there is none, or no /proc. */
void *sr_resident_find(uint64_t ino, size_t size);

/* Read those of the first size bytes that are not in memory. Returns 0, or an errno if the disk failed. */
int sr_resident_read(void *map, size_t size);

#endif
