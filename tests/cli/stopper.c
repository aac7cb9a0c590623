/*
 * stopper.c - for the scripts: a process that stops itself in the midst of a change. "stopper DIR POINT ID PATH"
 * registers a segment with the library's testing build, and gets SIGSTOP at that stop point. On SIGCONT it goes on.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "segreg.h"

extern void (*sr_stop_hook)(const char *point);

static const char *where;

static void stop(const char *point)
{
	if (!strcmp(point, where))
		raise(SIGSTOP);
}

int main(int argc, char **argv)
{
	struct segreg_open_options options = { .size = sizeof options, .label = "stopper" };
	struct segreg *reg;

	if (argc != 5)
		return EXIT_FAILURE;
	if (segreg_open(argv[1], &options, &reg))
		goto failed;
	where = argv[2];
	sr_stop_hook = stop;
	if (segreg_register(reg, strtoull(argv[3], NULL, 0), argv[4]) || segreg_close(reg, NULL))
		goto failed;
	return EXIT_SUCCESS;
failed:
	fprintf(stderr, "stopper: %s\n", segreg_last_error());
	return EXIT_FAILURE;
}
