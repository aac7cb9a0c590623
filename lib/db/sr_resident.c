/*
 * sr_resident.c - read a mapped file ahead, so that a disk that fails does not end the host process.
 */
#include "db/sr_resident.h"
#include "sys/sr_sys.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

/* Compares inode number and size alone: on btrfs /proc/self/maps names another device than fstat. */
void *sr_resident_find(uint64_t ino, size_t size)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char *line = NULL;
	size_t room = 0;
	void *found = NULL;

	while (maps && !found && getline(&line, &room, maps) != -1) {
		uintptr_t from, to;
		uint64_t offset, number;
		char rights[5];

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %" SCNx64 " %*s %" SCNu64, &from, &to, rights, &offset,
			   &number) == 5 &&
		    number == ino && !offset && to - from == size && rights[0] == 'r' && rights[3] == 's')
			found = (void *)from;
	}
	free(line);
	if (maps)
		fclose(maps);
	return found;
}

int sr_resident_read(void *map, size_t size)
{
	/* Other errors mean that the kernel did not try (for lack of memory, say), and not that the disk failed. */
	if (sr_sys_madvise(map, size, MADV_POPULATE_READ) == 0 ||
	    (errno != EFAULT && errno != EHWPOISON && errno != EIO))
		return 0;
	return EIO;
}
