/*
 * segregd.c - the sweeper daemon: its command line.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "segreg.h"
#include "common/out.h"
#include "segregd/config.h"
#include "segregd/herd.h"
#include "segregd/log.h"
#include "segregd/server.h"

#define LETTERS "r:c:1g:p:P:f:t:M:i:m:b:ul:hV"
#define CONFIG "/etc/segregd.conf"

static const struct option options[] = {
	{ "registry", required_argument, NULL, 'r' },
	{ "config", required_argument, NULL, 'c' },
	{ "once", no_argument, NULL, '1' },
	{ "grace", required_argument, NULL, 'g' },
	{ "pace", required_argument, NULL, 'p' },
	{ "pace-files", required_argument, NULL, 'P' },
	{ "free", required_argument, NULL, 'f' },
	{ "patience", required_argument, NULL, 't' },
	{ "pressure", required_argument, NULL, 'M' },
	{ "interval", required_argument, NULL, 'i' },
	{ "metrics", required_argument, NULL, 'm' },
	{ "heartbeat", required_argument, NULL, 'b' },
	{ "unconfined", no_argument, NULL, 'u' },
	{ "log-format", required_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

struct command {
	struct config config;
	const char *file; /* --config */
	bool once;
	bool has_settings; /* a setting that a file would have was given */
};

static int show_help(void)
{
	printf("Usage: segregd [OPTION]... [-r DIR | DIR]...\n"
	       "       segregd [-l FORMAT] [-c FILE]\n\n"
	       "Delete the retired segments of registries as soon as nobody holds them.\n\n"
	       "Options:\n"
	       "  -r, --registry DIR      a registry (default: SEGREG_REGISTRY)\n"
	       "  -c, --config FILE       registries and settings; read again on SIGHUP\n"
	       "                          (default, without a registry: /etc/segregd.conf)\n"
	       "  -1, --once              sweep once and exit, for cron\n"
	       "  -g, --grace DURATION    keep segments for DURATION (90s, 5m, 2h, 1d) after\n"
	       "                          they were retired\n"
	       "  -p, --pace BYTES        delete at most BYTES per second, such as 20M\n"
	       "  -P, --pace-files N      delete at most N files per second\n"
	       "  -f, --free PERCENT      no pace while less than PERCENT of the disk is free\n"
	       "  -t, --patience DURATION no pace while a deletion is late by DURATION\n"
	       "  -M, --pressure PERCENT  wait while memory costs over PERCENT of time\n"
	       "  -i, --interval DURATION how often to look for deaths if inotify has\n"
	       "                          no watch left (default: 5)\n"
	       "  -m, --metrics DIR       write metrics for Prometheus into this directory\n"
	       "  -b, --heartbeat DURATION  how often to write them even without news\n"
	       "                          (default: 1m; 0: never)\n"
	       "  -u, --unconfined        do without Landlock\n"
	       "  -l, --log-format FORMAT auto, plain, time, journal or json\n"
	       "  -h, --help              show this and exit\n"
	       "  -V, --version           show the version and exit\n\n"
	       "SIGTERM and SIGINT end it, also amid a deletion; SIGHUP does not.\n"
	       "segregd(8) has all.\n");
	return fflush(stdout) ? EX_IOERR : EX_OK;
}

static int show_version(void)
{
	printf("segregd %s\n", segreg_version_string());
	return fflush(stdout) ? EX_IOERR : EX_OK;
}

static int try_help(void)
{
	fputs("Try 'segregd --help'.\n", stderr);
	return EX_USAGE;
}

static const char *name_of(int letter)
{
	const struct option *option = options;

	while (option->val != letter)
		option++;
	return option->name;
}

/* Parse an option that can also stand in a file. */
static bool parse_setting(struct command *command, int letter)
{
	command->has_settings = true;
	return config_set(&command->config.common, "--", name_of(letter), letter == 'u' ? "yes" : optarg);
}

static bool parse_option(struct command *command, int letter)
{
	switch (letter) {
	case 'c':
		command->file = optarg;
		return true;
	case '1':
		command->once = true;
		return true;
	case 'l':
		if (log_parse_format(optarg, &command->config.format))
			return true;
		warn("--log-format: '%s' is none of auto, plain, time, journal, json", optarg);
		return false;
	case 'r': /* added when all settings are known */
		return true;
	case '?':
		return false;
	default:
		return parse_setting(command, letter);
	}
}

/* Add the registries of the command line, or else that of the environment. */
static bool add_registries(struct command *command, int argc, char **argv)
{
	const char *named = getenv("SEGREG_REGISTRY");
	int letter;

	optind = 0;
	while ((letter = getopt_long(argc, argv, LETTERS, options, NULL)) != -1)
		if (letter == 'r' && !config_add(&command->config, "", optarg))
			return false;
	for (; optind < argc; optind++)
		if (!config_add(&command->config, "", argv[optind]))
			return false;
	return command->config.n || command->file || !named || config_add(&command->config, "", named);
}

/* Choose the file or the command line. Both would contradict one another. */
static bool choose_source(struct command *command)
{
	if (!command->file && !command->config.n && access(CONFIG, F_OK) == 0)
		command->file = CONFIG;
	if (command->file && (command->config.n || command->has_settings || command->once)) {
		warn("registries and settings come from %s; give the command line without them, or without the file",
		     command->file);
		return false;
	}
	if (command->file || command->config.n == 1 || (command->config.n && !command->once))
		return true;
	warn(command->config.n ? "--once: one registry at a time; run segregd --once for each"
			       : "which registry? Give -r DIR or set SEGREG_REGISTRY, or write " CONFIG);
	return false;
}

/* Returns -1 to go on, or the exit status. */
static int parse(struct command *command, int argc, char **argv)
{
	static char name[] = "segregd"; /* for getopt's messages */
	int letter;

	if (argc)
		argv[0] = name;
	while ((letter = getopt_long(argc, argv, LETTERS, options, NULL)) != -1) {
		if (letter == 'h')
			return show_help();
		if (letter == 'V')
			return show_version();
		if (!parse_option(command, letter))
			return try_help();
	}
	return add_registries(command, argc, argv) && choose_source(command) ? -1 : try_help();
}

/*
 * Block the signals that end a sweep, and put them into *signals. A shell starts a background job with SIGINT ignored,
 * so that the job survives that signal. So it stays ignored. SIGHUP never ends a segregd that serves.
 */
static void block_signals(sigset_t *signals, bool serves)
{
	struct sigaction interrupt;

	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	if (sigaction(SIGINT, NULL, &interrupt) == 0 && interrupt.sa_handler != SIG_IGN)
		sigaddset(signals, SIGINT);
	if (serves) {
		sigset_t hangup;

		sigemptyset(&hangup);
		sigaddset(&hangup, SIGHUP);
		sigprocmask(SIG_BLOCK, &hangup, NULL);
	}
	sigprocmask(SIG_BLOCK, signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int serve(struct command *command, const sigset_t *signals)
{
	command->config.given = command->config.format;
	log_open(command->config.format, NULL);
	if (command->file && !config_read(&command->config, command->file))
		return EX_CONFIG;
	log_open(command->config.format, NULL);
	if (command->once)
		return server_sweep_once(&command->config.servers[0], signals);
	if (command->file || command->config.n > 1)
		return herd_run(&command->config, command->file, signals);
	return server_run(&command->config.servers[0], signals);
}

int main(int argc, char **argv)
{
	struct command command = { .once = false };
	sigset_t signals;
	int status;

	tool_out_guard();
	config_init(&command.config);
	status = parse(&command, argc, argv);
	if (status == -1) {
		block_signals(&signals, !command.once);
		status = serve(&command, &signals);
	}
	config_free(&command.config);
	return status;
}
