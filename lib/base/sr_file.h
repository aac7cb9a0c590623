/*
 * sr_file.h - opening and mapping files of a segment that cannot vanish meanwhile.
 */
#ifndef SR_FILE_H
#define SR_FILE_H

#include "base/sr_base.h"

/* Open file inside the segment at path, or the segment itself if file is NULL. */
int sr_file_open(struct sr_base *base, const char *path, const char *file, int *fd);

/* Map the open file fd read-only, as a whole. *data becomes NULL if it is empty. Errors name it as file. */
int sr_file_map(int fd, const char *file, const void **data, size_t *length);
void sr_file_unmap(const void *data, size_t length);

#endif
