/*
 * demo.c - segreg at work: a small search engine whose processes are killed while they share segments.
 *
 *      segreg-demo --bin DIR [--input FOLDER] [--seconds N]
 */
#include "director.h"
#include "show.h"
#include "tree.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define SECONDS 20
#define SECONDS_MAX 600

static volatile sig_atomic_t interrupted;

struct settings {
	const char *bin;
	const char *input;
	long seconds;
};

/* The demo's files, all below one fresh directory. */
struct world {
	char dir[PATH_MAX];
	char base[PATH_MAX + 16];
	char registry[PATH_MAX + 16];
	char log[PATH_MAX + 16];
	char segregd[PATH_MAX + 16];
};

static void on_signal(int signal)
{
	(void)signal;
	interrupted = 1;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN); /* the reader of our output may go; we still have to clear up */
}

static int usage(FILE *stream)
{
	fprintf(stream,
		"usage: segreg-demo --bin DIR [--input FOLDER] [--seconds N]\n\n"
		"A small search engine over text shares segments through segreg, while its processes are killed.\n\n"
		"  --bin DIR       where segregd is\n"
		"  --input FOLDER  the text to index (default: /usr/include)\n"
		"  --seconds N     how long it works (default: %d)\n",
		SECONDS);
	return stream == stdout ? EX_OK : EX_USAGE;
}

/* -1, or the exit status to end with. */
static int read_settings(struct settings *settings, int argc, char **argv)
{
	static const struct option options[] = {
		{ "bin", required_argument, NULL, 'b' },
		{ "input", required_argument, NULL, 'i' },
		{ "seconds", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	char *end = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'b':
			settings->bin = optarg;
			break;
		case 'i':
			settings->input = optarg;
			break;
		case 's':
			settings->seconds = strtol(optarg, &end, 10);
			if (end == optarg || *end || settings->seconds < 1 || settings->seconds > SECONDS_MAX) {
				fprintf(stderr, "segreg-demo: --seconds takes a number from 1 to %d\n", SECONDS_MAX);
				return EX_USAGE;
			}
			break;
		case 'h':
			return usage(stdout);
		default:
			return usage(stderr);
		}
	}
	return settings->bin && optind == argc ? -1 : usage(stderr);
}

static bool make_world(struct world *world, const char *bin)
{
	const char *tmp = getenv("TMPDIR");
	char template[PATH_MAX];

	snprintf(world->segregd, sizeof(world->segregd), "%s/segregd", bin);
	if (access(world->segregd, X_OK) == -1) {
		fprintf(stderr, "segreg-demo: cannot run %s: %s\n", world->segregd, strerror(errno));
		return false;
	}
	snprintf(template, sizeof(template), "%s/segreg-demo-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(template) || !realpath(template, world->dir)) {
		fprintf(stderr, "segreg-demo: cannot make %s: %s\n", template, strerror(errno));
		return false;
	}
	snprintf(world->base, sizeof(world->base), "%s/segments", world->dir);
	snprintf(world->registry, sizeof(world->registry), "%s/registry", world->dir);
	snprintf(world->log, sizeof(world->log), "%s/segregd.log", world->dir);
	if (mkdir(world->base, 0755) == -1) {
		fprintf(stderr, "segreg-demo: cannot make %s: %s\n", world->base, strerror(errno));
		tree_remove(world->dir);
		return false;
	}
	return true;
}

static void introduce(const struct crawl *crawl, const struct world *world)
{
	char files[SHOW_SIZE], found[SHOW_SIZE], bytes[SHOW_SIZE];

	printf("segreg demo: a small search engine on text from %s\n", crawl->folder);
	printf("(%s of %s files, %s; at work in %s)\n\n", show_count(crawl->count, files),
	       show_count(crawl->found, found), show_bytes(crawl->bytes, bytes), world->dir);
	printf("  ingester    crawls the files again and again; registers new segments of five files\n"
	       "  compactor   pins a few, merges them, swaps them for the result in one atomic edit\n"
	       "  %d readers   pin all that are live, look words up in them, check every answer\n"
	       "  segregd     deletes what is retired and pinned by nobody\n\n",
	       DIRECTOR_READERS);
	show_status_head();
}

static int finish(const struct director *d, const struct world *world, bool performed)
{
	bool ok = performed && director_sum_up(d);

	if (ok || interrupted) {
		tree_remove(world->dir);
		printf(ok ? "\nEverything holds.\n" : "\ninterrupted; everything is cleared up\n");
		return ok ? EX_OK : 128 + SIGINT;
	}
	if (!performed)
		printf("\nWRONG  %s\n", d->trouble);
	printf("\nSomething is wrong. All files are kept in %s; what segregd said is in segregd.log there.\n",
	       world->dir);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct settings settings = { .input = "/usr/include", .seconds = SECONDS };
	struct world world;
	struct crawl crawl;
	struct director director;
	char why[PATH_MAX + 256];
	int status = read_settings(&settings, argc, argv);

	if (status != -1)
		return status;
	if (!crawl_folder(&crawl, settings.input, why, sizeof(why))) {
		fprintf(stderr, "segreg-demo: %s\n", why);
		return EX_NOINPUT;
	}
	catch_signals();
	if (!make_world(&world, settings.bin))
		return EX_UNAVAILABLE;
	director = (struct director){
		.registry = world.registry,
		.base = world.base,
		.seconds = (double)settings.seconds,
		.interrupted = &interrupted,
		.crew = { .segregd = world.segregd, .registry = world.registry, .log = world.log, .crawl = &crawl },
	};
	director.crew.tally = director.audit.tally = tally_make();
	director.audit.base = world.base;
	if (!director.crew.tally) {
		fprintf(stderr, "segreg-demo: no memory for the tally: %s\n", strerror(errno));
		tree_remove(world.dir);
		return EX_OSERR;
	}
	show_begin();
	introduce(&crawl, &world);
	status = finish(&director, &world, director_perform(&director));
	crawl_free(&crawl);
	return status;
}
