/*
 * idle.c - how often does an idle segregd wake up? This question comes last: its segregd idles from the beginning of
 * the run.
 */
#include "questions/questions.h"

#include "common/fail.h"
#include "common/measure.h"
#include "common/process.h"
#include "place/daemon.h"
#include "place/registry.h"
#include "place/segment.h"
#include "result/result.h"
#include "segreg.h"

#include <time.h>

#define MINUTE 60.0
#define SETTLE 4.0 /* seconds after its start that do not count: two seconds after a death segregd sweeps once more */

static pid_t daemon_pid;
static struct segreg *holder;
static double started;

void question_idle_begin(void)
{
	struct segreg_pin pin;

	holder = registry_create("idle", 0, 0);
	segment_fill(holder, 10, 0);
	MUST(segreg_pin(holder, 1, 0, &pin));
	MUST(segreg_retire(holder, 1)); /* so segregd has a pending segment, which is held */
	daemon_pid = daemon_start("idle");
	started = measure_now();
}

static void sleep_until(double time)
{
	double left = time - measure_now();

	if (left > 0)
		nanosleep(
			&(struct timespec){
				.tv_sec = (time_t)left,
				.tv_nsec = (long)((left - (double)(time_t)left) * 1e9),
			},
			NULL);
}

void question_idle(void)
{
	double length = measure_is_quick() ? 5 : MINUTE, begin;
	uint64_t before;

	sleep_until(started + SETTLE);
	begin = measure_now();
	before = daemon_wakeups(daemon_pid);
	sleep_until(begin + length);
	result_goal(measure_is_quick() ? "idle segregd, in 5 seconds" : "idle segregd, in a minute",
		    (double)(daemon_wakeups(daemon_pid) - before), 0, false, "wake-ups");
	process_kill(daemon_pid);
	MUST(segreg_close(holder, NULL));
}
