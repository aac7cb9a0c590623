/*
 * segregd.h - the parts of segregd: the server, and the two things that wake it.
 */
#ifndef SEGREGD_H
#define SEGREGD_H

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

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

/* ------------------------------------------------------------------ segregd_watch.c */

struct watch;

/* Watches on the processes that are attached, by pidfd: on_death(arg) is called by the event loop, once for each. */
struct watches {
	sd_event *event;
	sd_event_io_handler_t on_death;
	void *arg;
	struct watch *items;
	size_t n, max;
	size_t n_dying;     /* processes that are dead, but still attached when the watches were renewed */
	size_t n_unwatched; /* handles or processes that cannot be watched */
};

/* Watch those who are attached now, and nobody else. Returns a SEGREG_E_* code or 0. */
int watches_renew(struct watches *watches, struct segreg *reg);
void watches_drop(struct watches *watches);

#endif /* SEGREGD_H */
