/*
 * steps.c - segreg-steps [COUNT [PART OF A TEXT]]: all of what tests/crash/steps.c plays a sample of.
 *
 * COUNT: at most COUNT kills in each stepping, spread over it; in a double crash, the root of COUNT for each of the
 * two deaths. 0: all, and every instruction of each act is stepped, LMDB's and the C library's as well.
 */
#include "../crash/steps.h"
#include "harness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CANNOT_RUN 77
#define A_DAY 86400u

static struct steps_bound bound;
static const struct stepping *stepping;

static void play(void)
{
	t_allow_seconds(30 * A_DAY);
	steps_play(stepping, &bound);
	printf("%s\n", stepping->text);
}

/* How many violations: a stepping ends with its first. */
static unsigned judge(void)
{
	if (bound.shows)
		fprintf(stderr, "\r\033[K");
	if (!t_outcome->claimed)
		return 0;
	if (t_outcome->skipped) {
		printf("skipped: %s\n", t_outcome->text);
		exit(CANNOT_RUN);
	}
	printf("VIOLATION: %s: %s:%d: %s\n", stepping->text, t_outcome->file, t_outcome->line, t_outcome->text);
	return 1;
}

int main(int argc, char **argv)
{
	const struct steps_tally *t = steps_tally;
	unsigned violations = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 3) {
		fprintf(stderr, "usage: %s [COUNT [PART OF A TEXT]]\n", argv[0]);
		return 2;
	}
	t_outcome = mmap(NULL, sizeof(*t_outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t_outcome == MAP_FAILED || !t) {
		fprintf(stderr, "out of memory\n");
		return 2;
	}
	bound.kills = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	bound.everything = !bound.kills;
	bound.shows = isatty(STDERR_FILENO);
	for (unsigned i = 0; i < steppings_count; i++) {
		stepping = &steppings[i];
		if (argc > 2 && !strstr(stepping->text, argv[2]))
			continue;
		t_run_isolated(play);
		violations += judge();
	}
	printf("proof\tsteps\t%" PRIu64
	       " instructions stepped in %u acts, %u changes of shared memory and %u system calls seen; killed at "
	       "%u of %u places, at %u of them as the second to die, on the %u ways that there are after %u first "
	       "deaths (%u changes did "
	       "not come again)\t%u violations\n",
	       t->steps, t->acts, t->changes, t->calls, t->kills + t->double_kills, t->places, t->double_kills, t->ways,
	       t->first_deaths, t->strays, violations);
	return violations > 0;
}
