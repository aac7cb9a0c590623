/*
 * segregd.h - the parts of segregd: the server, and the bell that wakes it.
 */
#ifndef SEGREGD_H
#define SEGREGD_H

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segreg.h"
#include "tool.h"

#define PREFIX "segregd: "
#define say(...) tool_say(stderr, PREFIX, __VA_ARGS__)

struct settings {
	const char *dir;
	bool once;
	uint64_t grace_ms;
	uint64_t pace; /* bytes per second; 0: no limit */
	uint64_t interval_ms;
};

/* Serve the registry until one of the signals comes, which are blocked; sweep it once. Both return the exit status. */
int server_run(const struct settings *settings, const sigset_t *signals);
int server_sweep_once(const struct settings *settings, const sigset_t *signals);

/* ------------------------------------------------------------------ segregd_bell.c */

/*
 * The bell rings when the registry has something to sweep: a thread sleeps in segreg_sweep_wait and writes to an
 * eventfd. It has its ticket before it rings, so what comes later makes it ring again. In between it waits for
 * bell_release, so that a thousand unpins are not a thousand rings.
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

#endif /* SEGREGD_H */
