/*
 * attach.c - how long does it take to open a registry that others have open, and to close it again? And if a thousand
 * processes open it at once?
 */
#include "bench.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CROWD 1000u /* processes, each with a handle */

static void attend(void *arg)
{
	(void)arg;
	bench_reopen("attach");
	bench_started();
	for (;;)
		pause();
}

static double open_and_close(void *arg)
{
	enum { N = 20 };
	double begin = bench_now();

	(void)arg;
	for (unsigned i = 0; i < N; i++)
		BENCH_OK(segreg_close(bench_reopen("attach"), NULL));
	return (bench_now() - begin) / N * 1e3;
}

static void beside_a_crowd(unsigned crowd)
{
	struct bench_contender c = { .name = "segreg_open and segreg_close beside a crowd", .run = open_and_close };
	pid_t *others = malloc(crowd * sizeof(*others));

	if (!others)
		bench_fail("malloc");
	for (unsigned i = 0; i < crowd; i++)
		others[i] = bench_spawn(attend, NULL);
	bench_contest("attach beside a crowd", "ms", &c, 1, 11);
	if (crowd == CROWD)
		bench_bound("attach and close beside 1,000 handles", c.cost.median, 1, false, "ms");
	else
		bench_note("attach and close beside a crowd", "%.2f ms beside %u handles", c.cost.median, crowd);
	for (unsigned i = 0; i < crowd; i++)
		bench_end(others[i]);
	free(others);
}

/* When each began and ended. */
struct opening {
	double begin, end;
};

/* The handle goes with the process, which ends after all have opened. */
static double open_with_others(void *arg, unsigned number)
{
	struct opening *opening = (struct opening *)arg + number;

	bench_barrier();
	opening->begin = bench_now();
	bench_reopen("attach");
	opening->end = bench_now();
	bench_barrier();
	return opening->end - opening->begin;
}

/* A process that cannot open the registry ends the bench. */
static void all_at_once(unsigned crowd)
{
	size_t size = crowd * sizeof(struct opening);
	struct opening *openings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double *took = malloc(crowd * sizeof(*took)), begin, end;

	if (openings == MAP_FAILED || !took)
		bench_fail("memory");
	bench_processes(crowd, open_with_others, openings, took);
	begin = openings[0].begin;
	end = openings[0].end;
	for (unsigned i = 1; i < crowd; i++) {
		begin = openings[i].begin < begin ? openings[i].begin : begin;
		end = openings[i].end > end ? openings[i].end : end;
	}
	bench_note("opens at once", "%u processes: %.2f seconds until the last has opened, none failed", crowd, end - begin);
	munmap(openings, size);
	free(took);
}

void bench_attach(void)
{
	unsigned crowd = bench_quick() ? 100 : CROWD;
	struct segreg *reg = bench_registry("attach", 0, 2 * CROWD);
	struct bench_contender c = { .name = "segreg_open and segreg_close", .run = open_and_close };
	pid_t others[3];

	bench_fill(reg, "attach", 1000, 0);
	for (unsigned i = 0; i < 3; i++)
		others[i] = bench_spawn(attend, NULL);
	BENCH_OK(segreg_close(reg, NULL));
	bench_contest("attach", "ms", &c, 1, 31);
	bench_bound("attach and close beside others", c.cost.median, 1, false, "ms");
	beside_a_crowd(crowd);
	all_at_once(crowd);
	for (unsigned i = 0; i < 3; i++)
		bench_end(others[i]);
}
