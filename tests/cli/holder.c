/*
 * holder.c - for the scripts: a process that pins segments. "holder DIR LABEL ID..." says "ready". ID=PATH reserves
 * that path instead, and makes a directory there. On SIGUSR1 it unpins, says "unpinned" and stays attached; on SIGUSR2
 * it unpins and pins the first one without end; on SIGHUP it becomes another program. Kill it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segreg.h"

#define PINS_MAX 64

static void must(int code)
{
	if (!code)
		return;
	fprintf(stderr, "holder: %s\n", segreg_last_error());
	exit(EXIT_FAILURE);
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

/* Reserve what text "7=path" says, and begin to build it. */
static void build(struct segreg *reg, const char *text)
{
	char absolute[SEGREG_PATH_SIZE], *path;
	uint64_t id = strtoull(text, &path, 0);

	must(segreg_reserve(reg, id, ++path));
	snprintf(absolute, sizeof absolute, "%s/%s", segreg_base_path(reg), path);
	if (mkdir(absolute, 0777) == -1)
		exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	struct segreg_open_options options = { .size = sizeof options, .label = argc > 3 ? argv[2] : NULL };
	struct segreg_pin pins[PINS_MAX];
	struct segreg *reg;
	sigset_t signals;
	int n = 0, signal;

	if (argc < 4 || argc - 3 > PINS_MAX)
		return EXIT_FAILURE;
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	must(segreg_open(argv[1], &options, &reg));
	for (int i = 3; i < argc; i++) {
		if (strchr(argv[i], '='))
			build(reg, argv[i]);
		else
			must(segreg_pin(reg, strtoull(argv[i], NULL, 0), 0, &pins[n++]));
	}
	say("ready");
	must(sigwait(&signals, &signal));
	if (signal == SIGHUP)
		return execlp("sleep", "sleep", "infinity", NULL);
	while (signal == SIGUSR2) {
		uint64_t id = pins[0].id;

		must(segreg_unpin(reg, &pins[0]));
		must(segreg_pin(reg, id, 0, &pins[0]));
	}
	while (n)
		must(segreg_unpin(reg, &pins[--n]));
	say("unpinned");
	for (;;)
		pause();
}
