/*
 * main.c - the test runner: build/segreg-tests [SUITE [PART OF A TEST'S NAME]], or --suites for the names of all
 * suites.
 */
#include "harness.h"

#include <CUnit/Basic.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static unsigned skipped;

static const struct t_test *current_test(void)
{
	const char *suite_name = CU_get_current_suite()->pName, *name = CU_get_current_test()->pName;

	for (const struct t_suite *suite = t_suites(); suite; suite = suite->next)
		for (size_t i = 0; strcmp(suite->name, suite_name) == 0 && i < suite->count; i++)
			if (strcmp(suite->tests[i].name, name) == 0)
				return &suite->tests[i];
	return NULL;
}

/* What CUnit runs for every test: the test itself runs in a child, and its checks are counted here. */
static void run_current_test(void)
{
	t_run_isolated(current_test()->fn);
	for (uint32_t i = 0; i < t_outcome->checks; i++)
		CU_PASS("");
	if (!t_outcome->claimed)
		return;
	if (t_outcome->skipped) {
		skipped++;
		printf("(skipped: %s) ", t_outcome->text);
		return;
	}
	CU_assertImplementation(CU_FALSE, (unsigned)t_outcome->line, t_outcome->text, t_outcome->file, "", CU_FALSE);
}

static bool is_chosen(const struct t_suite *suite, const struct t_test *test, int argc, char **argv)
{
	return (argc < 2 || strcmp(suite->name, argv[1]) == 0) && (argc < 3 || strstr(test->name, argv[2]));
}

static bool add_suite(const struct t_suite *suite, int argc, char **argv)
{
	CU_pSuite added = NULL;

	for (size_t i = 0; i < suite->count; i++) {
		if (!is_chosen(suite, &suite->tests[i], argc, argv))
			continue;
		if (!added)
			added = CU_add_suite(suite->name, NULL, NULL);
		if (!added || !CU_add_test(added, suite->tests[i].name, run_current_test) ||
		    CU_get_error() != CUE_SUCCESS) {
			fprintf(stderr, "%s: \"%s\": %s\n", suite->name, suite->tests[i].name, CU_get_error_msg());
			return false;
		}
	}
	return true;
}

/* For tests/run-check, which runs each suite in a process of its own. */
static int list_suites(void)
{
	for (const struct t_suite *suite = t_suites(); suite; suite = suite->next)
		puts(suite->name);
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 3) {
		fprintf(stderr, "usage: %s [--suites | SUITE [PART OF A TEST'S NAME]]\n", argv[0]);
		return 2;
	}
	if (argc == 2 && strcmp(argv[1], "--suites") == 0)
		return list_suites();
	t_outcome = mmap(NULL, sizeof(*t_outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t_outcome == MAP_FAILED || CU_initialize_registry() != CUE_SUCCESS) {
		fprintf(stderr, "out of memory\n");
		return 2;
	}
	for (const struct t_suite *suite = t_suites(); suite; suite = suite->next)
		if (!add_suite(suite, argc, argv))
			return 2;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned run = CU_get_number_of_tests_run(), failed = CU_get_number_of_failure_records();

	CU_cleanup_registry();
	printf("%u tests run, %u of them skipped\n", run, skipped);
	if (run == 0)
		fprintf(stderr, "no such suite or test\n");
	return run == 0 || failed > 0;
}
