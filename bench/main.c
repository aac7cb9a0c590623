/*
 * main.c - the bench: how fast is segreg, against what else one would take, against the machine, and how does it grow?
 *
 *      segreg-bench [-o DIR] [QUESTION...]     results into DIR; all questions, or those named
 *      QUICK=1                                 fewer rounds, smaller sizes
 *      BENCH_DIR=DIR                           where registries and segments lie while it runs (/var/tmp)
 *
 * Each question is one file and one function. It runs its contests, which print their lines, and adds rows to the table that
 * comes at the end. A bound that is missed is said, and is no failure; a call that fails ends the run with 1.
 */
#include "result.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct question {
	const char *name, *text;
	void (*run)(void);
} questions[] = {
#define QUESTION(name, text) { #name, text, bench_##name },
	QUESTIONS(QUESTION)
#undef QUESTION
};
#define N_QUESTIONS (sizeof(questions) / sizeof(questions[0]))

static void usage(void)
{
	printf("usage: segreg-bench [-o DIR] [QUESTION...]\n");
	for (size_t i = 0; i < N_QUESTIONS; i++)
		printf("  %-12s %s\n", questions[i].name, questions[i].text);
}

static const struct question *find(const char *name)
{
	for (size_t i = 0; i < N_QUESTIONS; i++)
		if (!strcmp(questions[i].name, name))
			return &questions[i];
	return NULL;
}

static void ask(const struct question *question)
{
	double begin = bench_now();

	question->run();
	printf("  [%s: %.1f s]\n", question->name, bench_now() - begin);
}

/* Ended from outside: leave through exit, so that the places are removed. */
static void interrupted(int signal_number)
{
	(void)signal_number;
	exit(130);
}

int main(int argc, char **argv)
{
	const char *dir = ".";
	int option;

	while ((option = getopt(argc, argv, "o:h")) != -1)
		if (option == 'o') {
			dir = optarg;
		} else {
			usage();
			return option == 'h' ? 0 : 2;
		}
	for (int i = optind; i < argc; i++)
		if (!find(argv[i])) {
			fprintf(stderr, "segreg-bench: no question '%s'\n", argv[i]);
			usage();
			return 2;
		}
	atexit(bench_remove_places);
	signal(SIGINT, interrupted);
	signal(SIGTERM, interrupted);
	result_print_machine();
	bench_idle_begin();
	for (size_t i = 0; optind == argc && i < N_QUESTIONS; i++)
		ask(&questions[i]);
	for (int i = optind; i < argc; i++)
		ask(find(argv[i]));
	bench_results(dir);
	return 0;
}
