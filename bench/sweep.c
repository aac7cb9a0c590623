/*
 * sweep.c - what does it cost to delete, beside rm -rf of the same trees?
 */
#include "bench.h"

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
	struct segreg *reg, *other; /* other: only a place for trees that rm removes */
	uint64_t n; /* segments of a round */
};

/*
 * Trees for all rounds and both sides, before anything is deleted: a file system may be slow to make files where many have
 * just gone. On the disk, so that neither side deletes what was never written.
 */
static void grow_trees(struct scene *s, unsigned rounds)
{
	bench_fill(s->reg, "sweep", rounds * s->n, FILES);
	bench_make_segments(s->other, 1, rounds * s->n, FILES);
	sync();
}

static double sweep_tree(struct scene *s, unsigned round)
{
	struct segreg_sweep_result result = { .size = sizeof(result) };
	double begin;

	bench_retire(s->reg, round * s->n + 1, (round + 1) * s->n);
	begin = bench_now();

	BENCH_OK(segreg_sweep(s->reg, NULL, &result));
	begin = bench_now() - begin;
	if (result.deleted != s->n)
		bench_fail("a sweep that must delete all");
	return begin * 1e3;
}

static double remove_tree(struct scene *s, unsigned round)
{
	char sh[] = "sh", option[] = "-c", command[512];
	char *const argv[] = { sh, option, command, NULL };
	double begin;
	pid_t pid;
	int status;

	/* A round's segments are one directory: bench_path puts 10,000 into each. */
	snprintf(command, sizeof(command), "rm -rf '%s'/part-%06u", segreg_base_path(s->other), round);
	begin = bench_now();
	if (posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) || waitpid(pid, &status, 0) == -1 || status)
		bench_fail("rm -rf");
	return (bench_now() - begin) * 1e3;
}

void bench_sweep(void)
{
	unsigned rounds = bench_quick() ? 1 : ROUNDS;
	struct scene s = { .n = 10000 };
	double ratios[ROUNDS], ours[ROUNDS], theirs[ROUNDS];
	struct bench_stat ratio;

	s.reg = bench_registry("sweep", 0, 0);
	s.other = bench_registry("sweep-rm", 0, 0);
	grow_trees(&s, rounds);
	for (unsigned i = 0; i < rounds; i++) {
		if (i % 2)
			theirs[i] = remove_tree(&s, i);
		ours[i] = sweep_tree(&s, i);
		if (i % 2 == 0)
			theirs[i] = remove_tree(&s, i);
		ratios[i] = ours[i] / theirs[i];
	}
	ratio = bench_stat_of(ratios, rounds);
	bench_bound("sweeping 10,000 directories of 3 files", ratio.median, 1.15, false, "x rm -rf");
	bench_note("  in milliseconds", "segreg %.0f, rm -rf %.0f; ratio %.2f to %.2f", bench_stat_of(ours, rounds).median,
		   bench_stat_of(theirs, rounds).median, ratio.low, ratio.high);
	BENCH_OK(segreg_close(s.other, NULL));
	BENCH_OK(segreg_close(s.reg, NULL));
}
