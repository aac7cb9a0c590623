/*
 * sweep.c - how long does a sweep take to delete trees, beside rm -rf of equal trees?
 */
#include "questions/questions.h"

#include "common/fail.h"
#include "common/measure.h"
#include "common/spread.h"
#include "place/registry.h"
#include "place/segment.h"
#include "result/result.h"
#include "segreg.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES 3u
#define ROUNDS 3u

extern char **environ;

struct scene {
	struct segreg *reg;
	struct segreg *other; /* its base has the trees that rm removes */
	uint64_t n;           /* segments of a round */
};

/*
 * Make the trees of all rounds and both sides first: a file system may be slow to make files where it has just removed
 * many. sync, so that neither side deletes files that were never written to the disk.
 */
static void grow_trees(struct scene *s, unsigned rounds)
{
	segment_fill(s->reg, rounds * s->n, FILES);
	segment_make_files(s->other, 1, rounds * s->n, FILES);
	sync();
}

static double sweep_tree(struct scene *s, unsigned round)
{
	struct segreg_sweep_result result = { .size = sizeof(result) };
	double begin;

	segment_retire(s->reg, round * s->n + 1, (round + 1) * s->n);
	begin = measure_now();
	MUST(segreg_sweep(s->reg, NULL, &result));
	begin = measure_now() - begin;
	if (result.deleted != s->n)
		fail("a sweep that must delete all");
	return begin * 1e3;
}

static double remove_tree(struct scene *s, unsigned round)
{
	char sh[] = "sh", option[] = "-c", command[512];
	char *const argv[] = { sh, option, command, NULL };
	double begin;
	pid_t pid;
	int status;

	/* The segments of a round are one directory: segment_path puts 10,000 into each. */
	snprintf(command, sizeof(command), "rm -rf '%s'/part-%06u", segreg_base_path(s->other), round);
	begin = measure_now();
	if (posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) || waitpid(pid, &status, 0) == -1 || status)
		fail("rm -rf");
	return (measure_now() - begin) * 1e3;
}

void question_sweep(void)
{
	unsigned rounds = measure_is_quick() ? 1 : ROUNDS;
	struct scene s = { .n = 10000 };
	double ratios[ROUNDS], ours[ROUNDS], theirs[ROUNDS];
	struct spread ratio;

	s.reg = registry_create("sweep", 0, 0);
	s.other = registry_create("sweep-rm", 0, 0);
	grow_trees(&s, rounds);
	for (unsigned i = 0; i < rounds; i++) {
		if (i % 2)
			theirs[i] = remove_tree(&s, i);
		ours[i] = sweep_tree(&s, i);
		if (i % 2 == 0)
			theirs[i] = remove_tree(&s, i);
		ratios[i] = ours[i] / theirs[i];
	}
	ratio = spread_of(ratios, rounds);
	result_goal("sweeping 10,000 directories of 3 files", ratio.median, 1.15, false, "x rm -rf");
	result_note("  in milliseconds", "segreg %.0f, rm -rf %.0f; ratio %.2f to %.2f", spread_of(ours, rounds).median,
		    spread_of(theirs, rounds).median, ratio.low, ratio.high);
	MUST(segreg_close(s.other, NULL));
	MUST(segreg_close(s.reg, NULL));
}
