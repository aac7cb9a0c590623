/*
 * segregd.h - the parts of segregd: settings, the herd of servers, one server, and what each of them needs.
 */
#ifndef SEGREGD_H
#define SEGREGD_H

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>
#include <systemd/sd-event.h>

#include "segreg.h"
#include "common/tool.h"

/* ------------------------------------------------------------------ log.c */

enum log_format {
	LOG_FORMAT_AUTO, /* journal if stderr is journald's, plain on a terminal, time otherwise */
	LOG_FORMAT_PLAIN,
	LOG_FORMAT_TIME,
	LOG_FORMAT_JOURNAL, /* sd-daemon(3)'s prefixes */
	LOG_FORMAT_JSON,
};

bool log_parse_format(const char *name, enum log_format *format);

/* From now on, write in that format, and name registry with each line (NULL: not). */
void log_open(enum log_format format, const char *registry);
void log_say(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_event(const struct segreg_sweep_event *event);

#define say(...) log_say(LOG_INFO, __VA_ARGS__)
#define warn(...) log_say(LOG_WARNING, __VA_ARGS__)

/* ------------------------------------------------------------------ config.c */

/* How one registry is served. */
struct settings {
	char *dir;
	char *metrics; /* a file; NULL: none */
	uint64_t grace_ms;
	uint64_t pace, pace_files; /* bytes, and files, per second; 0: no limit */
	uint64_t free;             /* per cent of base's file system below which there is no pace */
	uint64_t patience_ms;      /* after which there is no pace either; 0: never */
	uint64_t pressure;         /* per cent of time lost to a lack of memory beyond which sweeps wait; 0: they do not */
	uint64_t interval_ms;
	bool unconfined;
	int report; /* the herd's end of a pipe, which is told what goes on; -1: none */
};

struct config {
	enum log_format format, given; /* given: on the command line, where the file says nothing */
	struct settings common;   /* of those that follow */
	struct settings *servers; /* in the order of their directories */
	size_t n;
};

void config_init(struct config *config);
void config_free(struct config *config);

/* Set what an option or a key of that name says. False: it is wrong, which is said with where in front. */
bool config_set(struct settings *settings, const char *where, const char *name, const char *value);

/* Serve dir, too, as common says. False: it is there already, or no memory; likewise. */
bool config_add(struct config *config, const char *where, const char *dir);

/* Read a file. False: it is wrong, which is said. */
bool config_read(struct config *config, const char *path);

bool config_is_same(const struct settings *a, const struct settings *b);

/* ------------------------------------------------------------------ herd.c */

/*
 * Serve several registries, each in a process of its own, until one of the signals comes, which are blocked. path: the file that
 * the configuration is from, read again on SIGHUP; NULL: none. Returns the exit status.
 */
int herd_run(struct config *config, const char *path, const sigset_t *signals);

/* ------------------------------------------------------------------ server.c */

/* Serve the registry until one of the signals comes, which are blocked; sweep it once. Both return the exit status. */
int server_run(const struct settings *settings, const sigset_t *signals);
int server_sweep_once(const struct settings *settings, const sigset_t *signals);

/* ------------------------------------------------------------------ lock.c */

/* Lock the file of the registry in dir, which is made if it may be. A descriptor, or -1 with errno (EAGAIN: another segregd has it). */
int lock_take(const char *dir, bool may_make);

/* Whether the locked file is still that of dir: the directory may have been replaced. */
bool lock_is_current(int fd, const char *dir);

/* ------------------------------------------------------------------ notify.c */

/* Tell systemd that this process lives, where it wants to know that. Returns a negative errno if the loop does not take it. */
int notify_open(sd_event *event);
void notify_close(void);

/* As sd_notify(3), but without waiting. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ------------------------------------------------------------------ pace.c */

/* Is there too little space left on base's file system, or is something overdue, for deletions to take their time? */
bool pace_is_short(const struct settings *settings, const char *base);
bool pace_is_late(const struct settings *settings, struct segreg *reg);
/* Is memory short? *percent: of time lost to that; left alone if that cannot be read. */
bool pace_is_pressed(const struct settings *settings, double *percent);

/* ------------------------------------------------------------------ confine.c */

/*
 * Take away from this process, by Landlock, all rights to files but those that serving this registry needs. For good; the
 * process must have one thread. Returns 0, ENOSYS if the kernel cannot do it, or another errno.
 */
int confine(const struct settings *settings, const char *base);

/* ------------------------------------------------------------------ metrics.c */

struct metrics;

/* NULL: that is not possible, which has been said. */
struct metrics *metrics_new(const struct settings *settings);
void metrics_free(struct metrics *metrics);

/* A sweep does without its pace; sweeps begin to wait for memory. NULL: nobody counts. */
void metrics_count_hurry(struct metrics *metrics);
void metrics_count_wait(struct metrics *metrics);

/* A sweep took so long, in seconds, and had this result; or it failed, and result is NULL. Writes the file if it says something new. */
void metrics_update(struct metrics *metrics, struct segreg *reg, const struct segreg_sweep_result *result, double seconds);

/* ------------------------------------------------------------------ bell.c */

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
