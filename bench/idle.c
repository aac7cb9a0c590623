/*
 * idle.c - how often does a segregd with nothing to do wake up? Asked last: it idles from the beginning of the run.
 */
#include "daemon.h"

#include <time.h>

#define MINUTE 60.0
#define SETTLE 4.0 /* seconds after its start that do not count: it looks a last time two seconds after a death */

static pid_t daemon_pid;
static struct segreg *holder;
static double started;

void bench_idle_begin(void)
{
	struct segreg_pin pin;

	holder = bench_registry("idle", 0, 0);
	bench_fill(holder, "idle", 10, 0);
	BENCH_OK(segreg_pin(holder, 1, 0, &pin));
	BENCH_OK(segreg_retire(holder, 1)); /* something is pending, and held */
	daemon_pid = daemon_start("idle");
	started = bench_now();
}

static void sleep_until(double time)
{
	double left = time - bench_now();

	if (left > 0)
		nanosleep(&(struct timespec){ .tv_sec = (time_t)left, .tv_nsec = (long)((left - (double)(time_t)left) * 1e9) }, NULL);
}

void bench_idle(void)
{
	double length = bench_quick() ? 5 : MINUTE, begin;
	uint64_t before;

	sleep_until(started + SETTLE);
	begin = bench_now();
	before = daemon_wakeups(daemon_pid);
	sleep_until(begin + length);
	bench_bound(bench_quick() ? "idle segregd, in 5 seconds" : "idle segregd, in a minute", (double)(daemon_wakeups(daemon_pid) - before), 0,
		    false, "wake-ups");
	bench_end(daemon_pid);
	BENCH_OK(segreg_close(holder, NULL));
}
