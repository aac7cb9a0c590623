/*
 * bell.h - a thread that sleeps until the registry has something to sweep.
 */
#ifndef SEGREGD_BELL_H
#define SEGREGD_BELL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "segreg.h"

/*
 * The bell rings when the registry has something to sweep: a thread sleeps in segreg_sweep_wait and writes to an
 * eventfd. The thread has its ticket before it rings, so what comes later makes it ring again. Between two rings it
 * waits for bell_release, so that a thousand unpins are not a thousand rings.
 */
struct bell {
	int fd; /* eventfd, the caller's */
	struct segreg *reg;
	pthread_t ringer;
	sem_t released;
	sem_t leaving; /* posted once, by bell_stop */
	bool is_running;
	bool has_rung;
};

/* Rings once at the start. Returns 0 or SEGREG_E_NOMEM. */
int bell_start(struct bell *bell, struct segreg *reg);
void bell_stop(struct bell *bell);

/* Take the ring from the eventfd; let the bell ring again. */
void bell_hear(struct bell *bell);
void bell_release(struct bell *bell);

#endif /* SEGREGD_BELL_H */
