/*
 * sweep.c - one sweep of a server: its pace, its end, and what it logs.
 *
 * SIGTERM and SIGINT are blocked in all threads; the event loop reads them from a signalfd. The loop stands still
 * during a sweep. Therefore the callback of the sweep, which runs between two deletions, asks whether a signal is
 * pending, and ends the sweep. The loop finds it still pending and does the rest.
 */
#include <signal.h>

#include "common/now.h"
#include "segregd/log.h"
#include "segregd/pace.h"
#include "segregd/sweep.h"

#define SECOND UINT64_C(1000000) /* in microseconds */

/*
 * Decide whether there is time for a pace. The sweep asks often, so this looks for overdue segments only once a
 * second.
 */
static bool find_hurry(struct sweep *s)
{
	uint64_t now = tool_now_us();

	if (pace_is_short(s->settings, segreg_base_path(s->reg)))
		return true;
	if (now - s->late_at >= SECOND) {
		s->late_at = now;
		s->is_late = pace_is_late(s->settings, s->reg);
	}
	return s->is_late;
}

bool sweep_wait(struct sweep *s)
{
	double percent = -1; /* unknown */
	bool waits = pace_is_pressed(s->settings, &percent) && !find_hurry(s);
	bool is_blind = s->settings->pressure && percent < 0;

	if (is_blind && !s->is_blind)
		warn("/proc/pressure/memory cannot be read, so sweeps do not wait for memory");
	s->is_blind = is_blind;
	if (waits && !s->is_waiting) {
		say("memory is short: %.3g %% of time is lost to that; sweeps wait", percent);
		metrics_count_wait(s->metrics);
	} else if (!waits && s->is_waiting) {
		say("sweeps go on");
	}
	s->is_waiting = waits;
	return waits;
}

bool sweep_is_stopped(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGTERM) || sigismember(&pending, SIGINT);
}

/* Returns nonzero to end the sweep. */
static int note_end(void *arg)
{
	struct sweep *s = arg;

	log_say_sums(true);
	metrics_beat(s->metrics);
	s->was_hurried = s->is_paced && find_hurry(s);
	return sweep_is_stopped() || s->was_hurried;
}

static int on_event(void *arg, const struct segreg_sweep_event *event)
{
	struct sweep *s = arg;
	struct segreg_sweep_event logged = *event;

	s->n_events++;
	if (s->is_once)
		logged.retry_at = 0;
	log_say_event(&logged);
	s->n_deleted += event->action == SEGREG_SWEEP_DELETED;
	return note_end(s);
}

int sweep_run(struct sweep *s, struct segreg_sweep_result *result)
{
	struct segreg_sweep_options options = {
		.size = sizeof options,
		.grace_ms = s->settings->grace_ms,
		.pace = s->settings->pace,
		.fn = on_event,
		.arg = s,
		.pace_files = s->settings->pace_files,
		.stop = note_end,
	};
	int code;

	s->was_hurried = false;
	s->is_paced = (options.pace || options.pace_files) && !find_hurry(s);
	if (!s->is_paced && (options.pace || options.pace_files)) {
		options.pace = options.pace_files = 0;
		metrics_count_hurry(s->metrics);
	}
	*result = (struct segreg_sweep_result){ .size = sizeof *result };
	code = segreg_sweep(s->reg, &options, result);
	log_say_sums(false);
	s->bytes_freed += result->bytes_freed;
	return code;
}
