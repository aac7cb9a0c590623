/*
 * segregd.c - the sweeper daemon of one registry: its command line.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>

#include "segregd.h"

#define SPAN_MAX_MS (UINT64_C(1000000000) * 1000)

static const struct option options[] = {
	{ "registry", required_argument, NULL, 'r' },
	{ "once", no_argument, NULL, '1' },
	{ "grace", required_argument, NULL, 'g' },
	{ "pace", required_argument, NULL, 'p' },
	{ "interval", required_argument, NULL, 'i' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int show_help(void)
{
	printf("Usage: segregd [OPTION]... [-r DIR | DIR]\n\n"
	       "Delete the retired segments of the registry DIR as soon as nobody holds them.\n\n"
	       "Options:\n"
	       "  -r, --registry DIR      the registry (default: SEGREG_REGISTRY)\n"
	       "  -1, --once              sweep once and exit, for cron\n"
	       "  -g, --grace SECONDS     keep segments for so long after they were retired\n"
	       "  -p, --pace BYTES        delete at most so many bytes per second (K, M, G, T)\n"
	       "  -i, --interval SECONDS  how often to look for deaths where there is no\n"
	       "                          inotify watch to be had (default: 5)\n"
	       "  -h, --help              show this and exit\n"
	       "  -V, --version           show the version and exit\n\n"
	       "SIGTERM and SIGINT end it after the deletion at hand. segregd(8) tells all.\n");
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

static bool parse_span(const char *option, uint64_t *milliseconds)
{
	uint64_t value;

	if (tool_parse_seconds(optarg, &value) && value <= SPAN_MAX_MS) {
		*milliseconds = value;
		return true;
	}
	say("%s: '%s' is not a number of seconds up to %" PRIu64, option, optarg, SPAN_MAX_MS / 1000);
	return false;
}

static bool parse_option(struct settings *settings, int letter)
{
	switch (letter) {
	case 'r':
		settings->dir = optarg;
		return true;
	case '1':
		settings->once = true;
		return true;
	case 'g':
		return parse_span("--grace", &settings->grace_ms);
	case 'i':
		if (!parse_span("--interval", &settings->interval_ms))
			return false;
		if (!settings->interval_ms)
			say("--interval: 0 would never rest");
		return settings->interval_ms;
	case 'p':
		if (tool_parse_bytes(optarg, &settings->pace) && settings->pace)
			return true;
		say("--pace: '%s' is not a number of bytes", optarg);
		return false;
	default:
		return false;
	}
}

/* Returns -1 to go on, or the exit status. */
static int parse(struct settings *settings, int argc, char **argv)
{
	static char name[] = "segregd"; /* for getopt's messages */
	int letter;

	if (argc)
		argv[0] = name;
	while ((letter = getopt_long(argc, argv, "r:1g:p:i:hV", options, NULL)) != -1) {
		if (letter == 'h')
			return show_help();
		if (letter == 'V')
			return show_version();
		if (!parse_option(settings, letter))
			return try_help();
	}
	if (optind < argc && (settings->dir || optind + 1 < argc)) {
		say("one registry at a time: '%s' is too much", argv[settings->dir ? optind : optind + 1]);
		return try_help();
	}
	if (optind < argc)
		settings->dir = argv[optind];
	if (!settings->dir)
		settings->dir = getenv("SEGREG_REGISTRY");
	if (settings->dir)
		return -1;
	say("which registry? Give -r DIR or set SEGREG_REGISTRY");
	return try_help();
}

/* Whoever started us with SIGINT ignored, as a shell does with a background job, wants us to survive it. */
static void block_signals(sigset_t *signals)
{
	struct sigaction interrupt;

	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	if (sigaction(SIGINT, NULL, &interrupt) == 0 && interrupt.sa_handler != SIG_IGN)
		sigaddset(signals, SIGINT);
	sigprocmask(SIG_BLOCK, signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	struct settings settings = { .interval_ms = 5000 };
	sigset_t signals;
	int status = parse(&settings, argc, argv);

	if (status != -1)
		return status;
	block_signals(&signals);
	return settings.once ? server_sweep_once(&settings, &signals) : server_run(&settings, &signals);
}
