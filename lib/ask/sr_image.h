/*
 * sr_image.h - a region read as a file, without mapping it: for segreg_debug.
 *
 * A reader of a file needs no memory to be there (no SIGBUS), gives none to what it reads, and takes part in nothing.
 * So it reads a region that is stuck, half built, damaged, of another layout, or a copy of one.
 */
#ifndef SR_IMAGE_H
#define SR_IMAGE_H

#include "base/sr_lockinfo.h"
#include "shm/sr_layout.h"

struct sr_image {
	int fd;
	int lock_fd; /* of registry.lock; -1: this is a copy, and nobody's locks say anything about it */
	struct stat st, lock_st;
	struct sr_lockinfo info; /* if lock_fd is not -1 */
	char name[SEGREG_PATH_SIZE];
};

/* The shared memory that the registry in dir uses now; or a copy of one in a file. */
int sr_image_open(struct sr_image *image, const char *dir);
int sr_image_open_file(struct sr_image *image, const char *path);
void sr_image_close(struct sr_image *image);

/* Copy size bytes at offset; false if the file is shorter, or cannot be read. */
bool sr_image_read(const struct sr_image *image, uint64_t offset, void *to, size_t size);

/* Whether a process holds that byte of registry.lock: 1, 0, or -1 if that cannot be known. */
int sr_image_locked(const struct sr_image *image, off_t byte);

#endif
