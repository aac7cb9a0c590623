/*
 * server.c - segregd at work, for one registry.
 *
 * The main thread does all work, in rounds: sweep, then set the timer for what is known to come. Three things start a
 * round; without them nothing runs at all.
 *
 *      the bell    a retirement, the last unpin of a retired segment, a handle that came or went (bell.c)
 *      a death     of a process that is attached, by inotify (deaths.c)
 *      the timer   what nothing else announces: the end of a grace period or of a back-off (schedule.c)
 *
 * Why nothing is missed. The bell has its ticket before it rings, so before the sweep that looks. What comes too late
 * for that sweep makes it ring again. A death starts several rounds, the last of them after the kernel has given back
 * the locks of the dead.
 *
 * Why it does not spin: schedule.c. How signals end it: sweep.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "segreg.h"
#include "common/event.h"
#include "common/format.h"
#include "common/now.h"
#include "common/status.h"
#include "segregd/bell.h"
#include "segregd/config.h"
#include "segregd/confine.h"
#include "segregd/deaths.h"
#include "segregd/log.h"
#include "segregd/metrics.h"
#include "segregd/notify.h"
#include "segregd/schedule.h"
#include "segregd/server.h"
#include "segregd/sweep.h"
#include "segregd/trouble.h"

#define WAIT SECOND /* between two readings of /proc/pressure/memory */

/* Pauses after a round that failed double from the first to the last. */
#define BUSY_FIRST (20 * MILLISECOND)
#define BUSY_LAST (1 * SECOND)
#define TROUBLE_FIRST (1 * SECOND)
#define TROUBLE_LAST (60 * SECOND)

struct server {
	const struct settings *settings;
	struct segreg *reg; /* NULL: closed after an error */
	bool is_confined;

	sd_event *event;
	struct schedule schedule;
	struct bell bell;
	struct deaths deaths;

	struct sweep sweep;
	struct metrics *metrics; /* NULL: none */
	struct trouble trouble;
	uint64_t pause; /* after the last round, if that failed; else 0 */
};

/* ------------------------------------------------------------------ the registry */

static void detach(struct server *s)
{
	bell_stop(&s->bell);
	deaths_close(&s->deaths);
	segreg_close(s->reg, NULL);
	s->reg = s->sweep.reg = NULL;
}

static int open_registry(struct server *s)
{
	struct segreg_open_options options = { .size = sizeof options, .label = "segregd" };
	int code = segreg_open(s->settings->dir, &options, &s->reg);

	if (code)
		trouble_log(&s->trouble, code, s->is_confined);
	s->sweep.reg = s->reg;
	return code;
}

/* Confine this process, once, while it has one thread. */
static void confine_once(struct server *s)
{
	int error;

	if (s->is_confined || s->settings->unconfined)
		return;
	error = confine_process(s->settings, segreg_base_path(s->reg));
	s->is_confined = !error;
	if (error == ENOSYS)
		say("not confined: this kernel has no Landlock, or an older one than segregd needs");
	else if (error)
		warn("not confined: Landlock: %s", strerror(error));
}

/* The bell's first ring starts the first round. Returns a SEGREG_E_* code, which has been logged. */
static int attach(struct server *s)
{
	int code = trouble_lock(&s->trouble, false);

	if (!code)
		code = open_registry(s);
	if (code)
		return code;
	confine_once(s);
	code = trouble_lock(&s->trouble, true);
	if (!code) {
		code = bell_start(&s->bell, s->reg);
		if (code)
			trouble_tell(
				&s->trouble, code,
				"cannot start a thread: the limit of processes (ulimit -u, TasksMax=) or of memory is "
				"reached");
	}
	if (code)
		detach(s);
	else
		deaths_open(&s->deaths, s->event);
	return code;
}

/* ------------------------------------------------------------------ a round */

static int work(struct server *s)
{
	struct segreg_sweep_result result;
	uint64_t began = tool_now_us();
	int code = sweep_run(&s->sweep, &result);

	if (s->metrics)
		metrics_update(s->metrics, s->reg, code ? NULL : &result, (double)(tool_now_us() - began) / SECOND);
	if (code)
		return code;
	if (result.next_at)
		schedule_at_real(&s->schedule, result.next_at);
	if (s->sweep.was_hurried)
		schedule_at(&s->schedule, tool_now_us());
	deaths_end(&s->deaths);
	return 0;
}

/*
 * Choose when to try again. Another sweep ends by itself, and so does a wait for a lock. After any other error, open
 * the registry anew.
 */
static void retreat(struct server *s, int code)
{
	bool is_passing = code == SEGREG_E_BUSY || code == SEGREG_E_TIMEDOUT;

	if (!is_passing)
		detach(s);
	schedule_retry(&s->schedule, schedule_back_off(&s->pause, is_passing ? BUSY_FIRST : TROUBLE_FIRST,
						       is_passing ? BUSY_LAST : TROUBLE_LAST));
}

/* Returns a SEGREG_E_* code, which has been logged. */
static int try_round(struct server *s)
{
	int code = s->reg ? 0 : attach(s);

	if (code)
		return code;
	if (sweep_wait(&s->sweep)) {
		schedule_at(&s->schedule, tool_now_us() + WAIT);
		return 0;
	}
	code = work(s);
	if (code && code != SEGREG_E_BUSY)
		trouble_log(&s->trouble, code, s->is_confined);
	return code;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct server *s = arg;
	uint64_t began = tool_now_us(), n_events = s->sweep.n_events;
	int code;

	(void)source;
	(void)usec;
	schedule_begin(&s->schedule);
	if (sweep_is_stopped())
		return 0;
	deaths_begin(&s->deaths);
	code = try_round(s);
	if (code) {
		retreat(s, code);
	} else {
		trouble_clear(&s->trouble);
		s->pause = 0;
		schedule_end(&s->schedule, began, n_events == s->sweep.n_events);
	}
	bell_release(&s->bell);
	return 0;
}

static int on_ring(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct server *s = arg;

	(void)source;
	(void)fd;
	(void)events;
	bell_hear(&s->bell);
	schedule_soon(&s->schedule);
	return 0;
}

static int on_heartbeat(sd_event_source *source, uint64_t usec, void *arg)
{
	struct server *s = arg;

	(void)usec;
	metrics_beat(s->metrics);
	sd_event_source_set_time(source, tool_now_us() + s->settings->heartbeat_ms * MILLISECOND);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Begin to write metrics. The event loop has the time of a heartbeat, so without metrics an idle server never wakes. */
static void start_metrics(struct server *s)
{
	uint64_t span = s->settings->heartbeat_ms * MILLISECOND;

	s->metrics = s->sweep.metrics = metrics_new(s->settings);
	if (s->metrics && span)
		sd_event_add_time(s->event, NULL, CLOCK_MONOTONIC, tool_now_us() + span, span / 16, on_heartbeat, s);
}

/* ------------------------------------------------------------------ start and stop */

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct server *s = arg;
	char freed[TOOL_SPAN_SIZE];

	(void)source;
	notify_send("STOPPING=1");
	say("stopped by SIG%s; %" PRIu64 " deleted, %s freed", sigabbrev_np((int)info->ssi_signo), s->sweep.n_deleted,
	    tool_format_bytes(s->sweep.bytes_freed, freed));
	return sd_event_exit(s->event, EX_OK);
}

/* Of a terminal that was closed, or of an operator who thinks of a file. */
static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	(void)source;
	(void)info;
	(void)arg;
	say("SIGHUP changes nothing: there is no configuration file to read again");
	return 0;
}

static int make_loop(struct server *s, const sigset_t *signals)
{
	int rc = sd_event_new(&s->event);

	if (rc >= 0)
		rc = sd_event_add_signal(s->event, NULL, SIGTERM, on_signal, s);
	if (rc >= 0 && sigismember(signals, SIGINT))
		rc = sd_event_add_signal(s->event, NULL, SIGINT, on_signal, s);
	if (rc >= 0 && s->settings->report == -1) /* a herd's server leaves SIGHUP to the herd */
		rc = sd_event_add_signal(s->event, NULL, SIGHUP, on_hangup, s);
	if (rc >= 0)
		rc = schedule_open(&s->schedule, s->event, on_timer, s);
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
	schedule_close(&s->schedule);
	sd_event_unref(s->event);
	if (s->bell.fd != -1)
		close(s->bell.fd);
}

/* Log what a bug report begins with. */
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
		return tool_status_from_code(code);
	say_served(s);
	notify_send("READY=1\nSTATUS=serving %s", s->settings->dir);
	trouble_report(&s->trouble, "serving\n");
	rc = sd_event_loop(s->event);
	if (rc < 0)
		warn("the event loop failed: %s", strerror(-rc));
	detach(s);
	trouble_close(&s->trouble, true);
	return rc < 0 ? EX_OSERR : rc;
}

static struct server make_server(const struct settings *settings)
{
	return (struct server){
		.settings = settings,
		.bell = { .fd = -1 },
		.deaths = { .settings = settings },
		.sweep = { .settings = settings },
		.trouble = { .settings = settings, .lock = -1 },
	};
}

int server_run(const struct settings *settings, const sigset_t *signals)
{
	struct server s = make_server(settings);
	int status, rc;

	s.deaths.schedule = &s.schedule;
	rc = make_loop(&s, signals);
	if (rc < 0)
		warn("cannot make an event loop: %s", strerror(-rc));
	else if (settings->metrics)
		start_metrics(&s);
	status = rc < 0 ? EX_OSERR : run_loop(&s);
	trouble_close(&s.trouble, false);
	metrics_free(s.metrics);
	free_loop(&s);
	return status;
}

/*
 * Log the deletions that have failed and are not done. The exit status tells cron of them until they are done.
 */
static int say_failed(struct server *s, const struct segreg_sweep_result *result)
{
	char *line;
	int code = tool_event_describe_failed(s->reg, &line);

	if (code)
		trouble_log(&s->trouble, code, s->is_confined);
	else if (line)
		warn("%s", line);
	code = code ? tool_status_from_code(code) : line || result->failed ? EX_TEMPFAIL : EX_OK;
	free(line);
	return code;
}

/* The run for cron. It takes no lock, since it serves nothing: the library keeps two sweeps apart. */
int server_sweep_once(const struct settings *settings, const sigset_t *signals)
{
	struct server s = make_server(settings);
	struct segreg_sweep_result result;
	int status, code;

	s.sweep.is_once = true;
	code = open_registry(&s);
	if (code)
		return tool_status_from_code(code);
	confine_once(&s);
	code = sweep_run(&s.sweep, &result);
	if (code)
		trouble_log(&s.trouble, code, s.is_confined);
	status = code ? tool_status_from_code(code) : say_failed(&s, &result);
	detach(&s);
	sigprocmask(SIG_UNBLOCK, signals, NULL); /* the signal that ended the sweep ends the process */
	return status;
}
