/*
 * death.c - how long after the SIGKILL of a holder has the real segregd deleted the segment that it held?
 */
#include "questions/questions.h"

#include "common/fail.h"
#include "common/measure.h"
#include "common/process.h"
#include "common/spread.h"
#include "place/daemon.h"
#include "place/registry.h"
#include "place/segment.h"
#include "result/result.h"
#include "segreg.h"

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
	struct segreg *reg = registry_open("death");
	struct segreg_pin pin;

	MUST(segreg_pin(reg, *id, 0, &pin));
	process_report_ready();
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

void question_death(void)
{
	unsigned rounds = measure_is_quick() ? 9 : ROUNDS;
	struct segreg *reg = registry_create("death", 0, 0);
	double took[ROUNDS];
	struct spread stat;
	pid_t daemon;

	segment_fill(reg, rounds + 1, 0);
	daemon = daemon_start("death");
	for (uint64_t id = 1; id <= rounds; id++) {
		char path[SEGMENT_PATH_LENGTH + 1], full[512];
		pid_t holder = process_start(hold, &id);
		double begin;

		segment_path(id, path);
		snprintf(full, sizeof(full), "%s/%s", segreg_base_path(reg), path);
		MUST(segreg_retire(reg, id));
		nap(20000000); /* time for segregd to see that the segment is held, and to sleep */
		if (!is_there(full))
			fail("a segment that is held");
		begin = measure_now();
		kill(holder, SIGKILL);
		while (is_there(full))
			nap(100000);
		took[id - 1] = (measure_now() - begin) * 1e3;
		waitpid(holder, NULL, 0);
	}
	process_kill(daemon);
	stat = spread_of(took, rounds);
	result_goal("SIGKILL of a holder to its segment gone", stat.median, 20, false, "ms");
	result_note("  quartiles", "%.1f to %.1f ms", stat.low, stat.high);
	MUST(segreg_close(reg, NULL));
}
