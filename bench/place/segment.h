/*
 * segment.h - segments with empty files: made, registered and retired many at a time.
 */
#ifndef BENCH_SEGMENT_H
#define BENCH_SEGMENT_H

#include "segreg.h"

#include <stdint.h>

#define SEGMENT_PATH_LENGTH 40u

/* The path of segment `id` relative to base: SEGMENT_PATH_LENGTH bytes; 10,000 segments share a directory. */
void segment_path(uint64_t id, char path[SEGMENT_PATH_LENGTH + 1]);

/* Make the segments first..last without registering them: empty files, or directories of `files` empty files. */
void segment_make_files(struct segreg *reg, uint64_t first, uint64_t last, unsigned files);
/* Make and register the segments 1..n, 10,000 in one edit. */
void segment_fill(struct segreg *reg, uint64_t n, unsigned files);

/*
 * Make and register the segments with the numbers first..last, `batch` in one edit. A number decides the path;
 * id_of(number) is the id.
 */
void segment_fill_as(struct segreg *reg, uint64_t first, uint64_t last, uint64_t (*id_of)(uint64_t number),
		     uint64_t batch);

/* Retire the segments first..last in one edit. */
void segment_retire(struct segreg *reg, uint64_t first, uint64_t last);

#endif
