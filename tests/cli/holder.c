/*
 * holder.c - for the scripts: a process that pins segments. "holder DIR LABEL ID..." says "ready". On SIGUSR1
 * it unpins, says "unpinned" and stays attached; on SIGUSR2 it unpins and pins the first one without end; on SIGHUP it
 * becomes another program. Kill it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

int main(int argc, char **argv)
{
	struct segreg_open_options options = { .size = sizeof options, .label = argc > 3 ? argv[2] : NULL };
	struct segreg_pin pins[PINS_MAX];
	struct segreg *reg;
	sigset_t signals;
	int n = argc - 3, signal;

	if (n < 1 || n > PINS_MAX)
		return EXIT_FAILURE;
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	must(segreg_open(argv[1], &options, &reg));
	for (int i = 0; i < n; i++)
		must(segreg_pin(reg, strtoull(argv[3 + i], NULL, 0), 0, &pins[i]));
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
