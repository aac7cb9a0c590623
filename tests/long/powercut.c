/*
 * powercut.c - segreg-powercut COUNT TYPE...: at least COUNT cuts of the power on each type of file system.
 * The cuts are spread over the system calls of all acts. If there are more cuts than places, round follows round.
 */
#include "../crash/powercut.h"
#include "harness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CANNOT_RUN 77
#define A_DAY 86400u

static const struct cutting *cutting;
static const char *type;
static unsigned most; /* cuts in each act */

static void play(void)
{
	t_allow_seconds(A_DAY);
	powercut_play(cutting, type, most);
}

/* How many violations: an act ends with its first. */
static unsigned judge(void)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%s: %" PRIu64 " cuts\r", type, powercut_tally->cuts);
	if (!t_outcome->claimed)
		return 0;
	if (t_outcome->skipped) {
		printf("skipped: %s\n", t_outcome->text);
		exit(CANNOT_RUN);
	}
	printf("VIOLATION: %s on %s: %s:%d: %s\n", cutting->text, type, t_outcome->file, t_outcome->line,
	       t_outcome->text);
	return 1;
}

static unsigned play_type(uint64_t cycles)
{
	uint64_t end = powercut_tally->cuts + cycles;
	unsigned violations = 0;

	most = (unsigned)(cycles / cuttings_count + 1);
	while (powercut_tally->cuts < end && !violations)
		for (unsigned i = 0; i < cuttings_count; i++) {
			cutting = &cuttings[i];
			t_run_isolated(play);
			violations += judge();
		}
	return violations;
}

int main(int argc, char **argv)
{
	uint64_t cycles = argc > 2 ? strtoull(argv[1], NULL, 10) : 0;
	unsigned violations = 0;
	char told[256] = "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	t_outcome = mmap(NULL, sizeof(*t_outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!cycles || t_outcome == MAP_FAILED || !powercut_tally) {
		fprintf(stderr, "usage: %s COUNT TYPE...\n", argv[0]);
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		uint64_t before = powercut_tally->cuts;
		size_t length = strlen(told);

		type = argv[i];
		violations += play_type(cycles);
		snprintf(told + length, sizeof(told) - length, "%s%" PRIu64 " on %s", length ? ", " : "",
			 powercut_tally->cuts - before, type);
	}
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\033[K");
	printf("proof\tpowercut\t%" PRIu64
	       " cuts of the power at both ends of system calls of %u acts: %s\t%u violations\n",
	       powercut_tally->cuts, cuttings_count, told, violations);
	return violations > 0;
}
