/*
 * attach.c - how long does it take to open a registry that others have open, and to close it again?
 */
#include "bench.h"

#include <unistd.h>

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

void bench_attach(void)
{
	struct segreg *reg = bench_registry("attach", 0, 0);
	struct bench_contender c = { .name = "segreg_open and segreg_close", .run = open_and_close };
	pid_t others[3];

	bench_fill(reg, "attach", 1000, 0);
	for (unsigned i = 0; i < 3; i++)
		others[i] = bench_spawn(attend, NULL);
	BENCH_OK(segreg_close(reg, NULL));
	bench_contest("attach", "ms", &c, 1, 31);
	bench_bound("attach and close beside others", c.cost.median, 1, false, "ms");
	for (unsigned i = 0; i < 3; i++)
		bench_end(others[i]);
}
