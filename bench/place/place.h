/*
 * place.h - the temporary directories of this run.
 */
#ifndef BENCH_PLACE_H
#define BENCH_PLACE_H

/* A directory on a real disk: below $BENCH_DIR, or below /var/tmp. */
const char *place_disk(void);
/* A directory in memory (/dev/shm), for a million files whose disk is not what a question measures. */
const char *place_memory(void);

/* Remove both directories with all that is in them. */
void place_remove_all(void);

#endif
