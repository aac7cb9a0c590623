/*
 * death.c - from the SIGKILL of a holder to its segment gone, through the real segregd.
 */
#include "daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 31u

static void hold(void *arg)
{
	const uint64_t *id = arg;
	struct segreg *reg = bench_reopen("death");
	struct segreg_pin pin;

	BENCH_OK(segreg_pin(reg, *id, 0, &pin));
	bench_started();
	for (;;)
		pause();
}

static bool is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

static void nap(long ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
}

void bench_death(void)
{
	unsigned rounds = bench_quick() ? 9 : ROUNDS;
	struct segreg *reg = bench_registry("death", 0, 0);
	double took[ROUNDS];
	struct bench_stat stat;
	pid_t daemon;

	bench_fill(reg, "death", rounds + 1, 0);
	daemon = daemon_start("death");
	for (uint64_t id = 1; id <= rounds; id++) {
		char path[BENCH_PATH_LENGTH + 1], full[512];
		pid_t holder = bench_spawn(hold, &id);
		double begin;

		bench_path(id, path);
		snprintf(full, sizeof(full), "%s/%s", segreg_base_path(reg), path);
		BENCH_OK(segreg_retire(reg, id));
		nap(20000000); /* the daemon has seen that it is held, and sleeps */
		if (!is_there(full))
			bench_fail("a segment that is held");
		begin = bench_now();
		kill(holder, SIGKILL);
		while (is_there(full))
			nap(100000);
		took[id - 1] = (bench_now() - begin) * 1e3;
		waitpid(holder, NULL, 0);
	}
	bench_end(daemon);
	stat = bench_stat_of(took, rounds);
	bench_bound("SIGKILL of a holder to its segment gone", stat.median, 20, false, "ms");
	bench_note("  quartiles", "%.1f to %.1f ms", stat.low, stat.high);
	BENCH_OK(segreg_close(reg, NULL));
}
