/*
 * herd.c - several registries: a process for each, and this one, which keeps them running.
 *
 * Each registry has a process of its own. So a long sweep keeps no other registry waiting, a crash concerns one
 * registry, and each process is confined to its registry for good. The herd forks servers without executing a program;
 * it has one thread and no registry open. Each server reports its state over a pipe, in lines. When all have reported,
 * segregd is ready. The servers end with the herd, however it ends (PR_SET_PDEATHSIG).
 *
 * The herd starts a server that ended again, after a pause that grows. On SIGHUP it reads the configuration again. It
 * ends servers that the configuration lacks, restarts those whose settings have changed, and starts new ones. A file
 * that is wrong changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "common/format.h"
#include "common/now.h"
#include "segregd/config.h"
#include "segregd/herd.h"
#include "segregd/log.h"
#include "segregd/notify.h"
#include "segregd/server.h"

#define SECOND UINT64_C(1000000) /* sd-event counts microseconds */
#define PAUSE_FIRST (1 * SECOND)
#define PAUSE_LAST (60 * SECOND)

struct child {
	struct herd *herd;
	struct settings settings;
	struct child *next;
	pid_t pid;      /* 0: not running */
	int report;     /* -1: none */
	uint64_t pause; /* before the next start */
	sd_event_source *child, *lines, *timer;
	char state[256]; /* its last line; "": none yet */
	bool is_leaving; /* the configuration lacks it; it ends for good */
	bool is_renewed; /* it ends to be started with new settings */
};

struct herd {
	struct config *config;
	const char *path;
	const sigset_t *signals;
	sd_event *event;
	struct child *servers;
	bool is_ready, is_stopping;
};

static int start(struct child *server);

/* ------------------------------------------------------------------ messages to systemd */

static void notify(struct herd *herd)
{
	size_t n = 0, n_serving = 0;
	const char *trouble = "";

	for (const struct child *server = herd->servers; server; server = server->next) {
		n++;
		n_serving += !strcmp(server->state, "serving");
		if (!*server->state)
			return; /* a server has not reported yet */
		if (strcmp(server->state, "serving"))
			trouble = server->state;
	}
	if (herd->is_stopping)
		return;
	notify_send("%sSTATUS=serving %zu of %zu %s%s%s", herd->is_ready ? "" : "READY=1\n", n_serving, n,
		    tool_plural(n, "registry", "registries"), *trouble ? "; " : "", trouble);
	herd->is_ready = true;
}

/* ------------------------------------------------------------------ one server */

static void free_server(struct child *server)
{
	struct child **link = &server->herd->servers;

	while (*link != server)
		link = &(*link)->next;
	*link = server->next;
	sd_event_source_disable_unref(server->child);
	sd_event_source_disable_unref(server->lines);
	sd_event_source_disable_unref(server->timer);
	if (server->report != -1)
		close(server->report);
	free(server->settings.dir);
	free(server->settings.metrics);
	free(server);
}

static int on_lines(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct child *server = arg;
	char text[1024];
	ssize_t length = read(fd, text, sizeof text - 1);

	(void)events;
	if (length == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (length <= 0) {
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
		return 0;
	}
	text[length - (text[length - 1] == '\n')] = '\0';
	snprintf(server->state, sizeof server->state, "%.255s", strrchr(text, '\n') ? strrchr(text, '\n') + 1 : text);
	if (!strcmp(server->state, "serving"))
		server->pause = 0;
	notify(server->herd);
	return 0;
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)source;
	(void)usec;
	return start(arg);
}

static int start_later(struct child *server)
{
	server->pause = server->pause ? 2 * server->pause : PAUSE_FIRST;
	if (server->pause > PAUSE_LAST)
		server->pause = PAUSE_LAST;
	server->timer = sd_event_source_disable_unref(server->timer);
	return sd_event_add_time(server->herd->event, &server->timer, CLOCK_MONOTONIC, tool_now_us() + server->pause, 1,
				 on_pause_over, server);
}

static int on_end(sd_event_source *source, const siginfo_t *info, void *arg)
{
	struct child *server = arg;
	struct herd *herd = server->herd;

	(void)source;
	server->pid = 0;
	server->child = sd_event_source_disable_unref(server->child);
	server->lines = sd_event_source_disable_unref(server->lines);
	close(server->report);
	server->report = -1;
	if (server->is_leaving || herd->is_stopping) {
		free_server(server);
		if (!herd->servers)
			return sd_event_exit(herd->event, EX_OK);
		notify(herd);
		return 0;
	}
	if (server->is_renewed) {
		server->is_renewed = false;
		return start(server);
	}
	if (info->si_code == CLD_EXITED)
		snprintf(server->state, sizeof server->state, "%.200s: ended with status %d", server->settings.dir,
			 info->si_status);
	else
		snprintf(server->state, sizeof server->state, "%.200s: ended by SIG%s", server->settings.dir,
			 sigabbrev_np(info->si_status));
	notify(herd);
	start_later(server);
	warn("%s; starting it again in %" PRIu64 " s", server->state, server->pause / SECOND);
	return 0;
}

/* Become a server, in the child. It keeps stderr and the pipe of its parent, and nothing else. */
__attribute__((noreturn)) static void serve(const struct child *server, int report, pid_t parent)
{
	struct settings settings = server->settings;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EX_TEMPFAIL);
	settings.report = dup2(report, 3);
	close_range(4, ~0u, 0);
	fcntl(settings.report, F_SETFD, FD_CLOEXEC);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	log_open(server->herd->config->format, settings.dir);
	_exit(server_run(&settings, server->herd->signals));
}

static int start(struct child *server)
{
	pid_t parent = getpid();
	int fds[2], rc;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1) /* O_NONBLOCK: a herd that is stopped holds up no server */
		return start_later(server);
	server->pid = fork();
	if (!server->pid)
		serve(server, fds[1], parent);
	close(fds[1]);
	server->report = fds[0];
	if (server->pid == -1) {
		warn("%s: cannot start a process (ulimit -u, TasksMax=): %s", server->settings.dir, strerror(errno));
		server->pid = 0;
		close(fds[0]);
		server->report = -1;
		return start_later(server);
	}
	rc = sd_event_add_child(server->herd->event, &server->child, server->pid, WEXITED, on_end, server);
	if (rc >= 0)
		rc = sd_event_add_io(server->herd->event, &server->lines, server->report, EPOLLIN, on_lines, server);
	return rc < 0 ? rc : 0;
}

static void end(struct child *server)
{
	if (server->pid)
		kill(server->pid, SIGTERM);
	else
		free_server(server);
}

/* ------------------------------------------------------------------ all of them */

static struct child *find(const struct herd *herd, const char *dir)
{
	struct child *server = herd->servers;

	while (server && (server->is_leaving || strcmp(server->settings.dir, dir)))
		server = server->next;
	return server;
}

/* Takes over what settings points to. */
static int add(struct herd *herd, struct settings *settings)
{
	struct child *server = calloc(1, sizeof *server);

	if (!server)
		return -ENOMEM;
	*server = (struct child){ .herd = herd, .settings = *settings, .next = herd->servers, .report = -1 };
	*settings = (struct settings){ .dir = NULL };
	herd->servers = server;
	return start(server);
}

static int renew(struct child *server, struct settings *settings)
{
	struct settings old = server->settings;

	server->settings = *settings;
	*settings = old; /* config_free frees it */
	if (server->pid) {
		server->is_renewed = true;
		kill(server->pid, SIGTERM);
		return 0;
	}
	server->timer = sd_event_source_disable_unref(server->timer);
	return start(server);
}

static bool is_wanted(const struct config *config, const char *dir)
{
	for (size_t i = 0; i < config->n; i++)
		if (config->servers[i].dir && !strcmp(config->servers[i].dir, dir))
			return true;
	return false;
}

static int apply(struct herd *herd, bool all_anew)
{
	struct config *config = herd->config;
	struct child *next;
	int rc = 0;

	for (struct child *server = herd->servers; server; server = next) {
		next = server->next;
		if (server->is_leaving || is_wanted(config, server->settings.dir))
			continue;
		server->is_leaving = true;
		end(server);
	}
	for (size_t i = 0; i < config->n && rc >= 0; i++) {
		struct child *server = find(herd, config->servers[i].dir);

		if (!server)
			rc = add(herd, &config->servers[i]);
		else if (all_anew || !config_is_same(&server->settings, &config->servers[i]))
			rc = renew(server, &config->servers[i]);
	}
	return rc;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct herd *herd = arg;
	struct config config;
	bool is_other_format;
	int rc = 0;

	(void)source;
	(void)info;
	notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRIu64, tool_now_us());
	config_init(&config);
	config.format = config.given = herd->config->given;
	if (config_read(&config, herd->path)) {
		is_other_format = config.format != herd->config->format;
		config_free(herd->config);
		*herd->config = config;
		log_open(config.format, NULL);
		say("read %s again: %zu %s", herd->path, config.n, tool_plural(config.n, "registry", "registries"));
		rc = apply(herd, is_other_format);
	} else {
		warn("nothing was changed: mend %s and send SIGHUP again", herd->path);
		config_free(&config);
	}
	notify_send("READY=1");
	notify(herd);
	return rc;
}

/* Without a file. */
static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	(void)source;
	(void)info;
	(void)arg;
	say("SIGHUP changes nothing: there is no configuration file to read again");
	return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct herd *herd = arg;
	struct child *next;

	(void)source;
	if (herd->is_stopping)
		return 0;
	herd->is_stopping = true;
	notify_send("STOPPING=1");
	say("stopped by SIG%s", sigabbrev_np((int)info->ssi_signo));
	for (struct child *server = herd->servers; server; server = next) {
		next = server->next;
		end(server);
	}
	return herd->servers ? 0 : sd_event_exit(herd->event, EX_OK);
}

static int make_loop(struct herd *herd)
{
	sigset_t others;
	int rc = sd_event_new(&herd->event);

	sigemptyset(&others);
	sigaddset(&others, SIGCHLD);
	sigaddset(&others, SIGHUP);
	sigprocmask(SIG_BLOCK, &others, NULL);
	if (rc >= 0)
		rc = sd_event_add_signal(herd->event, NULL, SIGTERM, on_stop, herd);
	if (rc >= 0 && sigismember(herd->signals, SIGINT))
		rc = sd_event_add_signal(herd->event, NULL, SIGINT, on_stop, herd);
	if (rc >= 0)
		rc = sd_event_add_signal(herd->event, NULL, SIGHUP, herd->path ? on_reload : on_hangup, herd);
	if (rc >= 0)
		rc = notify_open(herd->event);
	return rc;
}

int herd_run(struct config *config, const char *path, const sigset_t *signals)
{
	struct herd herd = { .config = config, .path = path, .signals = signals };
	int rc = make_loop(&herd);

	if (rc >= 0)
		rc = apply(&herd, false);
	if (rc >= 0)
		rc = sd_event_loop(herd.event);
	if (rc < 0)
		warn("the event loop failed: %s", strerror(-rc));
	while (herd.servers) {
		if (herd.servers->pid)
			kill(herd.servers->pid, SIGTERM);
		free_server(herd.servers);
	}
	notify_close();
	sd_event_unref(herd.event);
	return rc < 0 ? EX_OSERR : rc;
}
