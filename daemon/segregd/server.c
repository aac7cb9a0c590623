/*
 * server.c - segregd at work, for one registry.
 *
 * All work is done in rounds, by the main thread: sweep, set the timer for what is known to come. Three things start a
 * round; without them nothing runs at all.
 *
 *      the bell    a retirement, the last unpin of a retired segment, a handle that came or went (bell.c)
 *      a death     of a process that is attached, told by inotify: every handle has registry.lock open for reading, by a
 *                  mapping that ends with its address space. So this tells exits, kills and execve(2) alike, in any PID
 *                  namespace, at one watch for all
 *      the timer   what announces itself in no other way: the end of a grace period or of a back-off
 *
 * Why nothing is missed. The bell has its ticket before it rings, so before the sweep that looks: what comes too late
 * for that sweep makes it ring again. The kernel tells that a file is closed just before it gives back the file's locks,
 * so the round that a death starts can come too early: others follow it, at growing distances.
 *
 * Why it does not spin. A sweep rings the bell only when it reclaims a handle, once per death, and opens registry.lock
 * for writing only, which is not watched. Those who pin and unpin a retired segment that others hold can ring at any
 * rate, and so can a stranger who opens registry.lock; so a round that found nothing keeps the next at a distance, which grows
 * as long as the next is asked for before it is over. After an error, all wait for the end of the back-off.
 *
 * Signals. SIGTERM and SIGINT are blocked in all threads; the event loop reads them from a signalfd. The loop stands
 * still during a sweep, so the sweep's callback, which runs between two deletions, asks whether one is pending and ends
 * the sweep. The loop finds it still pending and does the rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sysexits.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "segreg.h"
#include "common/event.h"
#include "common/format.h"
#include "common/now.h"
#include "common/served.h"
#include "common/status.h"
#include "segregd/bell.h"
#include "segregd/config.h"
#include "segregd/confine.h"
#include "segregd/lock.h"
#include "segregd/log.h"
#include "segregd/metrics.h"
#include "segregd/notify.h"
#include "segregd/pace.h"
#include "segregd/server.h"

#define MILLISECOND UINT64_C(1000) /* sd-event counts microseconds */
#define SECOND (1000 * MILLISECOND)
#define NEVER UINT64_MAX

/* After a round that found nothing; longer and longer while others are asked for before it is over. */
#define QUIET_FIRST (10 * MILLISECOND)
#define QUIET_LAST (250 * MILLISECOND)
#define WAIT SECOND /* for memory */

/* What each handle has open, and what else can happen to it. */
#define WATCHED "registry.lock"
#define WATCHED_FOR IN_CLOSE_NOWRITE

/* Back-offs double from the first to the last. */
#define DEATH_FIRST (1 * MILLISECOND)
#define DEATH_LAST (1 * SECOND)
#define BUSY_FIRST (20 * MILLISECOND)
#define BUSY_LAST (1 * SECOND)
#define TROUBLE_FIRST (1 * SECOND)
#define TROUBLE_LAST (60 * SECOND)

struct server {
	const struct settings *settings;

	sd_event *event;
	sd_event_source *timer;
	uint64_t due;        /* of the timer, or NEVER */
	uint64_t not_before; /* neither bell nor death starts a round earlier, */
	bool wanted_early;     /* though one of them wanted to */
	uint64_t quiet;

	struct segreg *reg;  /* NULL: closed after an error */
	int lock;            /* TOOL_SWEEPER_LOCK, held until the end; or -1 */
	struct bell bell;
	struct metrics *metrics; /* NULL: none are wanted */
	bool is_confined, is_once;
	bool is_paced;    /* the sweep at hand, */
	bool was_hurried; /* and it ended since there is no time for that any more */
	bool is_waiting;  /* for memory */
	bool is_blind;    /* to how short that is */
	bool is_late;     /* something is overdue, when that was looked for last */
	uint64_t late_at;
	sd_event_source *deaths; /* NULL: they cannot be watched, so each interval starts a round */

	uint64_t death_pause; /* to the next round that follows a death; 0: none does */
	uint64_t trouble_pause;
	int trouble;         /* the SEGREG_E_* code that was said last; 0 after a success */
	char error[TOOL_SERVED_ERROR]; /* and its text */

	uint64_t n_events, n_deleted, bytes_freed;
};

/* ------------------------------------------------------------------ time */

/* Start a round at when, unless one is due earlier. */
static void schedule(struct server *s, uint64_t when)
{
	if (when >= s->due)
		return;
	s->due = when;
	sd_event_source_set_time(s->timer, when);
	sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

static void schedule_soon(struct server *s)
{
	uint64_t now = tool_now_us();

	s->wanted_early |= now < s->not_before;
	schedule(s, now > s->not_before ? now : s->not_before);
}

static uint64_t back_off(uint64_t *pause, uint64_t first, uint64_t last)
{
	*pause *= 2;
	if (*pause < first)
		*pause = first;
	if (*pause > last)
		*pause = last;
	return *pause;
}

/* ------------------------------------------------------------------ what starts a round */

static int on_ring(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct server *s = arg;

	(void)source;
	(void)fd;
	(void)events;
	bell_hear(&s->bell);
	schedule_soon(s);
	return 0;
}

/* Until the round begins, nobody listens: the kernel makes one event of all that are alike. */
static int on_death(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	char told[4096];
	struct server *s = arg;

	(void)events;
	while (read(fd, told, sizeof told) > 0)
		;
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	s->death_pause = DEATH_FIRST;
	schedule_soon(s);
	return 0;
}

/* At a time in CLOCK_REALTIME nanoseconds. */
static void schedule_waiting(struct server *s, int64_t when)
{
	int64_t left = when - tool_now();

	schedule(s, tool_now_us() + (left > 0 ? (uint64_t)left / 1000 + 1 : 0));
}

static void schedule_checks(struct server *s)
{
	uint64_t now = tool_now_us();

	if (!s->deaths)
		schedule(s, now + s->settings->interval_ms * MILLISECOND);
	if (!s->death_pause)
		return;
	schedule(s, now + s->death_pause);
	s->death_pause = s->death_pause < DEATH_LAST ? 2 * s->death_pause : 0;
}

/* ------------------------------------------------------------------ the sweep */

/* There is no time for a pace. Asked again and again, so what is overdue is looked for once a second. */
static bool is_hurried(struct server *s)
{
	uint64_t now = tool_now_us();

	if (pace_is_short(s->settings, segreg_base_path(s->reg)))
		return true;
	if (now - s->late_at >= SECOND) {
		s->late_at = now;
		s->is_late = pace_is_late(s->settings, s->reg);
	}
	return s->is_late;
}

/* Sweeps wait until memory is to be had; said when it begins and when it ends. */
static bool has_to_wait(struct server *s)
{
	double percent = -1; /* unknown */
	bool waits = pace_is_pressed(s->settings, &percent) && !is_hurried(s);
	bool is_blind = s->settings->pressure && percent < 0;

	if (is_blind && !s->is_blind)
		warn("/proc/pressure/memory cannot be read, so sweeps do not wait for memory");
	s->is_blind = is_blind;
	if (waits && !s->is_waiting) {
		say("memory is short: %.3g %% of time is lost to that; sweeps wait", percent);
		metrics_count_wait(s->metrics);
	} else if (!waits && s->is_waiting) {
		say("sweeps go on");
	}
	s->is_waiting = waits;
	return waits;
}

static bool is_told_to_stop(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGTERM) || sigismember(&pending, SIGINT);
}

static int is_to_end(void *arg)
{
	struct server *s = arg;

	s->was_hurried = s->is_paced && is_hurried(s);
	return is_told_to_stop() || s->was_hurried;
}

static int on_event(void *arg, const struct segreg_sweep_event *event)
{
	struct server *s = arg;
	struct segreg_sweep_event told = *event;

	s->n_events++;
	if (s->is_once)
		told.retry_at = 0; /* not by this process */
	log_event(&told);
	s->n_deleted += event->action == SEGREG_SWEEP_DELETED;
	return is_to_end(s);
}

static int sweep(struct server *s, struct segreg_sweep_result *result)
{
	struct segreg_sweep_options options = {
		.size = sizeof options,
		.grace_ms = s->settings->grace_ms,
		.pace = s->settings->pace,
		.fn = on_event,
		.arg = s,
		.pace_files = s->settings->pace_files,
		.stop = is_to_end,
	};

	s->was_hurried = false;
	s->is_paced = (options.pace || options.pace_files) && !is_hurried(s);
	if (!s->is_paced && (options.pace || options.pace_files)) {
		options.pace = options.pace_files = 0;
		metrics_count_hurry(s->metrics);
	}
	*result = (struct segreg_sweep_result){ .size = sizeof *result };
	return segreg_sweep(s->reg, &options, result);
}

/* ------------------------------------------------------------------ the registry */

/* An error is said once, however often it comes back. */
static bool is_news(struct server *s, int code)
{
	bool is_new = code != s->trouble;

	s->trouble = code;
	return is_new;
}

/* To the herd, in a line of its own. */
__attribute__((format(printf, 2, 3)))
static void report(const struct server *s, const char *format, ...)
{
	va_list args;

	if (s->settings->report == -1)
		return;
	va_start(args, format);
	vdprintf(s->settings->report, format, args);
	va_end(args);
}

/* Into the log, and into the locked file, where segctl finds it. */
__attribute__((format(printf, 2, 3)))
static void tell_trouble(struct server *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->error, sizeof s->error, format, args);
	va_end(args);
	warn("%s", s->error);
	if (s->lock != -1)
		tool_served_write(s->lock, s->error);
}

static void complain(struct server *s, int code)
{
	const char *story = *segreg_last_error() ? segreg_last_error() : segreg_strerror(code);
	char user[96] = "";

	if (!is_news(s, code))
		return;
	if (code == SEGREG_E_PERM)
		snprintf(user, sizeof user, "; segregd runs as uid %u, which needs the right to write there", geteuid());
	tell_trouble(s, "%s%s%s%s", story, tool_way_out(code, story), user, s->is_confined && code == SEGREG_E_PERM ?
	     "; if a directory was replaced since segregd started, start it anew: it is confined to those that it found" : "");
	report(s, "%s: %s\n", s->settings->dir, segreg_strerror(code));
}

/* error: of lock_take. Returns a SEGREG_E_* code. */
static int refuse_lock(struct server *s, int error)
{
	int code = error == EAGAIN ? SEGREG_E_BUSY : error == EACCES ? SEGREG_E_PERM : SEGREG_E_IO;

	if (!is_news(s, code))
		return code;
	if (code == SEGREG_E_BUSY)
		warn("another segregd serves %s already; segctl stats -o SWEEPER_PID tells which", s->settings->dir);
	else if (code == SEGREG_E_PERM)
		warn("cannot lock %s/" TOOL_SWEEPER_LOCK ": %s; start segregd as the user that owns that file, or remove it if no segregd runs",
		     s->settings->dir, strerror(error));
	else
		warn("cannot lock %s/" TOOL_SWEEPER_LOCK ": %s", s->settings->dir, strerror(error));
	return code;
}

/*
 * One segregd for each registry, which it holds in trouble too: segctl tells one that fails from none. Before the registry is known to be
 * one, no file is made there, and what goes wrong is left to segreg_open to tell, but for another segregd.
 */
static int lock_out_others(struct server *s, bool is_registry)
{
	if (s->lock != -1 && lock_is_current(s->lock, s->settings->dir))
		return 0;
	if (s->lock != -1)
		close(s->lock);
	s->lock = lock_take(s->settings->dir, is_registry);
	if (s->lock != -1)
		tool_served_write(s->lock, *s->error ? s->error : NULL);
	return s->lock != -1 || (!is_registry && errno != EAGAIN) ? 0 : refuse_lock(s, errno);
}

static void detach(struct server *s)
{
	bell_stop(&s->bell);
	s->deaths = sd_event_source_disable_unref(s->deaths);
	segreg_close(s->reg, NULL);
	s->reg = NULL;
}

static int open_registry(struct server *s)
{
	struct segreg_open_options options = { .size = sizeof options, .label = "segregd" };
	int code = segreg_open(s->settings->dir, &options, &s->reg);

	if (code)
		complain(s, code);
	return code;
}

/* Who dies before is found by the first round. */
static void watch_deaths(struct server *s)
{
	int rc, fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[SEGREG_PATH_SIZE];

	snprintf(path, sizeof path, "%s/%s", s->settings->dir, WATCHED);
	rc = fd == -1 || inotify_add_watch(fd, path, WATCHED_FOR) == -1 ? -errno : 0;
	if (rc >= 0)
		rc = sd_event_add_io(s->event, &s->deaths, fd, EPOLLIN, on_death, s);
	if (rc >= 0)
		sd_event_source_set_io_fd_own(s->deaths, true);
	else if (fd != -1)
		close(fd);
	if (rc < 0)
		warn("cannot watch %s by inotify: %s; looking for dead processes every %.3g s", path, strerror(-rc),
		    (double)s->settings->interval_ms / 1e3);
}

/* Once, while there is one thread. */
static void confine_once(struct server *s)
{
	int error;

	if (s->is_confined || s->settings->unconfined)
		return;
	error = confine(s->settings, segreg_base_path(s->reg));
	s->is_confined = !error;
	if (error == ENOSYS)
		say("not confined: this kernel has no Landlock, or an older one than segregd needs");
	else if (error)
		warn("not confined: Landlock: %s", strerror(error));
}

/* The bell's first ring starts the first round. What fails has been said. */
static int attach(struct server *s)
{
	int code = lock_out_others(s, false);

	if (!code)
		code = open_registry(s);
	if (code)
		return code;
	confine_once(s);
	code = lock_out_others(s, true);
	if (!code) {
		code = bell_start(&s->bell, s->reg);
		if (code && is_news(s, code))
			tell_trouble(s, "cannot start a thread: the limit of processes (ulimit -u, TasksMax=) or of memory is reached");
	}
	if (code)
		detach(s);
	else
		watch_deaths(s);
	return code;
}

/* ------------------------------------------------------------------ a round */

static int work(struct server *s)
{
	struct segreg_sweep_result result;
	uint64_t began = tool_now_us();
	int code = sweep(s, &result);

	s->bytes_freed += result.bytes_freed;
	if (s->metrics)
		metrics_update(s->metrics, s->reg, code ? NULL : &result, (double)(tool_now_us() - began) / SECOND);
	if (code)
		return code;
	if (result.next_at)
		schedule_waiting(s, result.next_at);
	if (s->was_hurried)
		schedule(s, tool_now_us());
	schedule_checks(s);
	return 0;
}

/* Another sweep comes to its end, and so does a wait for a lock. After anything else, begin afresh. */
static void retreat(struct server *s, int code)
{
	bool is_passing = code == SEGREG_E_BUSY || code == SEGREG_E_TIMEDOUT;

	if (!is_passing)
		detach(s);
	s->not_before = tool_now_us() + back_off(&s->trouble_pause, is_passing ? BUSY_FIRST : TROUBLE_FIRST,
					    is_passing ? BUSY_LAST : TROUBLE_LAST);
	schedule(s, s->not_before);
}

static void recover(struct server *s)
{
	if (s->trouble) {
		say("serving %s again", s->settings->dir);
		report(s, "serving\n");
		tool_served_write(s->lock, NULL);
	}
	*s->error = '\0';
	s->trouble = 0;
	s->trouble_pause = 0;
}

/* Returns a SEGREG_E_* code, which has been said. */
static int try_round(struct server *s)
{
	int code = s->reg ? 0 : attach(s);

	if (code)
		return code;
	if (has_to_wait(s)) {
		schedule(s, tool_now_us() + WAIT);
		return 0;
	}
	code = work(s);
	if (code && code != SEGREG_E_BUSY)
		complain(s, code);
	return code;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct server *s = arg;
	uint64_t began = tool_now_us(), n_events = s->n_events, spent;
	int code;

	(void)source;
	(void)usec;
	s->due = NEVER;
	if (is_told_to_stop())
		return 0;
	if (s->deaths)
		sd_event_source_set_enabled(s->deaths, SD_EVENT_ON);
	code = try_round(s);
	if (code) {
		retreat(s, code);
	} else {
		recover(s);
		spent = tool_now_us() - began;
		s->quiet = s->wanted_early && n_events == s->n_events ? 2 * s->quiet : QUIET_FIRST;
		if (s->quiet > QUIET_LAST)
			s->quiet = QUIET_LAST;
		s->wanted_early = false;
		s->not_before = n_events != s->n_events ? 0 : tool_now_us() + (spent > s->quiet ? spent : s->quiet);
	}
	bell_release(&s->bell);
	return 0;
}

/* ------------------------------------------------------------------ start and stop */

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct server *s = arg;
	char freed[TOOL_SPAN_SIZE];

	(void)source;
	notify_send("STOPPING=1");
	say("stopped by SIG%s; %" PRIu64 " deleted, %s freed", sigabbrev_np((int)info->ssi_signo), s->n_deleted,
	    tool_format_bytes(s->bytes_freed, freed));
	return sd_event_exit(s->event, EX_OK);
}

static int make_loop(struct server *s, const sigset_t *signals)
{
	int rc = sd_event_new(&s->event);

	if (rc >= 0)
		rc = sd_event_add_signal(s->event, NULL, SIGTERM, on_signal, s);
	if (rc >= 0 && sigismember(signals, SIGINT))
		rc = sd_event_add_signal(s->event, NULL, SIGINT, on_signal, s);
	if (rc >= 0)
		rc = sd_event_add_time(s->event, &s->timer, CLOCK_MONOTONIC, NEVER, 1, on_timer, s);
	if (rc >= 0)
		rc = notify_open(s->event);
	if (rc < 0)
		return rc;
	s->bell.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return s->bell.fd == -1 ? -errno : sd_event_add_io(s->event, NULL, s->bell.fd, EPOLLIN, on_ring, s);
}

static void free_loop(struct server *s)
{
	notify_close();
	sd_event_source_unref(s->timer);
	sd_event_unref(s->event);
	if (s->bell.fd != -1)
		close(s->bell.fd);
}

/* What a bug report needs to begin with. */
static void say_served(struct server *s)
{
	struct segreg_stats stats = { .size = sizeof stats };

	if (segreg_stats(s->reg, &stats))
		stats.schema = stats.layout = 0;
	say("serving %s for segments below %s (segreg %s, schema %" PRIu32 ", layout %" PRIu32 ")", s->settings->dir,
	    segreg_base_path(s->reg), segreg_version_string(), stats.schema, stats.layout);
}

static int run_loop(struct server *s)
{
	int rc, code = attach(s);

	if (code)
		return tool_exit_status(code);
	say_served(s);
	notify_send("READY=1\nSTATUS=serving %s", s->settings->dir);
	report(s, "serving\n");
	rc = sd_event_loop(s->event);
	if (rc < 0)
		warn("the event loop failed: %s", strerror(-rc));
	detach(s);
	if (s->lock != -1)
		tool_served_write(s->lock, NULL); /* it ends in order: its troubles are nobody's any more */
	return rc < 0 ? EX_OSERR : rc;
}

int server_run(const struct settings *settings, const sigset_t *signals)
{
	struct server s = { .settings = settings, .due = NEVER, .lock = -1, .bell = { .fd = -1 } };
	int status, rc = make_loop(&s, signals);

	if (rc < 0)
		warn("cannot make an event loop: %s", strerror(-rc));
	s.metrics = settings->metrics ? metrics_new(settings) : NULL;
	status = rc < 0 ? EX_OSERR : run_loop(&s);
	if (s.lock != -1)
		close(s.lock);
	metrics_free(s.metrics);
	free_loop(&s);
	return status;
}

/* A deletion that failed earlier is not done: cron is to hear of it as long as that is so. */
static int say_failed(struct server *s, const struct segreg_sweep_result *result)
{
	char *line;
	int code = tool_describe_failed(s->reg, &line);

	if (code)
		complain(s, code);
	else if (line)
		warn("%s", line);
	code = code ? tool_exit_status(code) : line || result->failed ? EX_TEMPFAIL : EX_OK;
	free(line);
	return code;
}

/* For cron. It serves nothing, so it takes no lock: the library sees to it that two sweeps do not meet. */
int server_sweep_once(const struct settings *settings, const sigset_t *signals)
{
	struct server s = { .settings = settings, .lock = -1, .is_once = true };
	struct segreg_sweep_result result;
	int status, code = open_registry(&s);

	if (code)
		return tool_exit_status(code);
	confine_once(&s);
	code = sweep(&s, &result);
	if (code)
		complain(&s, code);
	status = code ? tool_exit_status(code) : say_failed(&s, &result);
	detach(&s);
	sigprocmask(SIG_UNBLOCK, signals, NULL); /* whoever ended the sweep ends the process */
	return status;
}
