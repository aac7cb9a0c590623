/*
 * main.c - the bench: how fast is segreg, beside its peers and beside the limits of the machine, and how does it grow?
 *
 *      segreg-bench [-o DIR] [QUESTION...]     ask all questions, or the named ones; write the results into DIR
 *      QUICK=1                                 fewer rounds, smaller sizes
 *      BENCH_DIR=DIR                           parent of the run's temporary directory (/var/tmp)
 *
 * Without -o the results go into the directory bench beside the program: never into the directory of the caller, which
 * may be a source tree. A missed goal is no failure. A call that fails ends the run with status 1.
 */
#include "common/fail.h"
#include "common/measure.h"
#include "common/program.h"
#include "place/place.h"
#include "place/registry.h"
#include "questions/questions.h"
#include "result/curves.h"
#include "result/json.h"
#include "result/machine.h"
#include "result/table.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct question {
	const char *name, *text;
	void (*run)(void);
} questions[] = {
#define QUESTION(name, text) { #name, text, question_##name },
	QUESTIONS(QUESTION)
#undef QUESTION
};
#define N_QUESTIONS (sizeof(questions) / sizeof(questions[0]))

static pid_t main_pid;

static void print_usage(void)
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
	double begin = measure_now();

	question->run();
	printf("  [%s: %.1f s]\n", question->name, measure_now() - begin);
}

/* A child that a signal ends also comes here. What the run has made is its parent's. */
static void clean_up(void)
{
	if (getpid() != main_pid)
		return;
	registry_remove_shared_memory();
	place_remove_all();
}

/* exit, so that clean_up runs. */
static void end_on_signal(int signal_number)
{
	(void)signal_number;
	exit(130);
}

static const char *default_dir(void)
{
	static char dir[PROGRAM_PATH_SIZE];

	program_path("bench", dir);
	if (mkdir(dir, 0777) == -1 && errno != EEXIST)
		fail(dir);
	return dir;
}

int main(int argc, char **argv)
{
	const struct machine_fact *facts;
	const char *dir = NULL;
	int option;

	while ((option = getopt(argc, argv, "o:h")) != -1)
		if (option == 'o') {
			dir = optarg;
		} else {
			print_usage();
			return option == 'h' ? 0 : 2;
		}
	for (int i = optind; i < argc; i++)
		if (!find(argv[i])) {
			fprintf(stderr, "segreg-bench: no question '%s'\n", argv[i]);
			print_usage();
			return 2;
		}
	main_pid = getpid();
	atexit(clean_up);
	signal(SIGINT, end_on_signal);
	signal(SIGTERM, end_on_signal);
	if (!dir)
		dir = default_dir();
	facts = machine_look(place_disk());
	machine_print(facts);
	question_idle_begin();
	for (size_t i = 0; optind == argc && i < N_QUESTIONS; i++)
		ask(&questions[i]);
	for (int i = optind; i < argc; i++)
		ask(find(argv[i]));
	table_print();
	json_write(dir, facts, optind == argc);
	curves_write(dir);
	return 0;
}
