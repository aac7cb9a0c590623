/*
 * director.c - the demo's plot. The director edits nothing: it starts processes, kills some, and watches.
 */
#include "director.h"
#include "job.h"
#include "show.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define PATIENCE 60.0 /* seconds until something that must come to an end counts as stuck */

__attribute__((format(printf, 2, 3))) static bool trouble(struct director *d, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(d->trouble, sizeof(d->trouble), format, args);
	va_end(args);
	return false;
}

static bool checked(struct director *d, int rc, const char *what)
{
	return rc == 0 || trouble(d, "%s: %s (%s)", what, segreg_strerror(rc), segreg_last_error());
}

static uint64_t sum_of_pins(const struct tally *tally)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < tally->workers; i++)
		sum += tally->worker[i].pid ? tally->worker[i].held : 0;
	return sum;
}

static uint64_t sum_of_lookups(const struct tally *tally)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < tally->workers; i++)
		sum += tally->worker[i].lookups;
	return sum;
}

/* ------------------------------------------------------------------ passing the time */

static bool get_stats(struct director *d, struct segreg_stats *stats)
{
	*stats = (struct segreg_stats){ .size = sizeof(*stats) };
	return checked(d, segreg_stats(d->reg, stats), "segreg_stats");
}

static bool show_progress(struct director *d)
{
	struct segreg_stats stats;

	if (!d->reg)
		return true;
	if (!get_stats(d, &stats))
		return false;
	show_status(&(struct show_status){
		.made = d->crew.tally->segments,
		.deleted = d->audit.deleted + stats.deleted,
		.bytes_freed = d->audit.bytes_freed + stats.bytes_freed,
		.live = stats.live,
		.lookups = sum_of_lookups(d->crew.tally),
		.pins = sum_of_pins(d->crew.tally),
	});
	return true;
}

/* A moment passes. False: it is over. */
static bool tick(struct director *d)
{
	struct worker *lost;

	if (*d->interrupted)
		return false;
	lost = crew_find_lost(&d->crew);
	if (lost)
		return trouble(d, "%s ended by itself: %s", lost->name, lost->failure);
	job_nap(20);
	return show_progress(d);
}

/* Let them work until this share of the time has passed. */
static bool watch(struct director *d, double share)
{
	while (show_seconds() < d->seconds * share)
		if (!tick(d))
			return false;
	return true;
}

static bool wait_until(struct director *d, bool (*reached)(struct director *d), const char *what)
{
	double limit = show_seconds() + PATIENCE;

	while (!reached(d)) {
		if (d->trouble[0] || !tick(d))
			return false;
		if (show_seconds() > limit)
			return trouble(d, "waited in vain for %s", what);
	}
	return true;
}

/* ------------------------------------------------------------------ the scenes */

static bool start(struct director *d, enum role role)
{
	return crew_start(&d->crew, role) || trouble(d, "cannot start a %s: %s", role_name(role), strerror(errno));
}

static bool start_readers(struct director *d)
{
	for (int i = 0; i < DIRECTOR_READERS; i++)
		if (!start(d, ROLE_READER))
			return false;
	return true;
}

static bool open_registry(struct director *d, unsigned flags)
{
	struct segreg_open_options options = {
		.size = sizeof(options), .flags = flags, .label = "director", .base = d->base
	};

	return checked(d, segreg_open(d->registry, &options, &d->reg), "segreg_open");
}

static bool begin(struct director *d)
{
	return open_registry(d, SEGREG_CREATE) && start(d, ROLE_SEGREGD) && start(d, ROLE_INGESTER) &&
	       start(d, ROLE_COMPACTOR) && start_readers(d);
}

static bool pins_are_back(struct director *d)
{
	struct segreg_stats stats;

	return get_stats(d, &stats) && stats.reclaimed_pins >= d->audit.pins_of_killed;
}

static bool kill_one(struct director *d, enum role role, const char *at_what)
{
	struct worker *victim = crew_catch_holding(&d->crew, role);
	struct worker *sweeper = crew_find(&d->crew, ROLE_SEGREGD);
	uint64_t pins, before = d->audit.unfinished;
	pid_t pid;

	if (!victim || !sweeper)
		return trouble(d, "no %s was ever seen holding a pin", role_name(role));
	pid = victim->pid;
	pins = victim->held;
	crew_pause(sweeper); /* or it might delete what the dead one left before we have measured that */
	crew_kill(victim);
	audit_unfinished(&d->audit);
	crew_resume(sweeper);
	d->audit.pins_of_killed += pins;
	show_event("kill -9 %s (pid %d) %s, holding %llu pins", victim->name, pid, at_what, (unsigned long long)pins);
	if (!start(d, role) || !wait_until(d, pins_are_back, "the pins of the dead"))
		return false;
	show_result("segregd took its %llu pins back%s; %s-%u takes over", (unsigned long long)pins,
		    d->audit.unfinished > before ? ", its half-written segment goes" : "", role_name(role),
		    d->crew.tally->workers);
	return true;
}

static bool close_registry(struct director *d)
{
	int rc = segreg_close(d->reg, NULL);

	d->reg = NULL;
	return checked(d, rc, "segreg_close");
}

static bool witness_is_there(struct director *d)
{
	const struct worker *witness = crew_find(&d->crew, ROLE_WITNESS);

	return witness && witness->opened_at;
}

static bool witness_has_testified(struct director *d)
{
	return d->crew.tally->testimony.given;
}

/* Nobody closes the registry: the director leaves while others are there, and the witness is killed like them. */
static bool kill_all(struct director *d)
{
	struct worker *witness;
	uint64_t pins;
	unsigned killed;

	if (!start(d, ROLE_WITNESS) || !wait_until(d, witness_is_there, "the witness") || !close_registry(d))
		return false;
	witness = crew_find(&d->crew, ROLE_WITNESS);
	pins = sum_of_pins(d->crew.tally);
	killed = crew_kill_all(&d->crew, witness);
	show_event("kill -9 all %u processes, segregd too, holding about %llu pins", killed, (unsigned long long)pins);
	crew_ask_to_stop(witness);
	if (!wait_until(d, witness_has_testified, "the witness's word"))
		return false;
	crew_kill(witness);
	audit_crash(&d->audit, &d->crew.tally->testimony);
	return true;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a && (!b || a < b) ? a : b;
}

static bool answers_again(struct director *d)
{
	const struct tally *tally = d->crew.tally;

	for (uint32_t i = d->second_cast; i < tally->workers; i++) {
		d->recovery_open = sooner(tally->worker[i].opened_at, d->recovery_open);
		d->recovery_answer = sooner(tally->worker[i].answered_at, d->recovery_answer);
	}
	return d->recovery_answer != 0;
}

/* First those who only read: builders and the sweeper would change what is to be looked at. */
static bool start_again(struct director *d)
{
	uint64_t began = tally_now();

	d->second_cast = d->crew.tally->workers;
	if (!start_readers(d) || !open_registry(d, 0) ||
	    !checked(d, audit_acknowledged(&d->audit, d->reg), "segreg_is_live") ||
	    !checked(d, audit_reserved(&d->audit, d->reg), "segreg_list") || !start(d, ROLE_SEGREGD) ||
	    !start(d, ROLE_INGESTER) || !start(d, ROLE_COMPACTOR) ||
	    !wait_until(d, answers_again, "the first answer after the restart"))
		return false;
	d->recovery_open -= began;
	d->recovery_answer -= began;
	show_result("all started again: segreg_open after %.1f ms, the first verified lookup after %.1f ms",
		    (double)d->recovery_open / 1e6, (double)d->recovery_answer / 1e6);
	return true;
}

static bool stop(struct director *d, enum role role)
{
	double limit = show_seconds() + PATIENCE;
	struct worker *worker;
	bool ok;

	while ((worker = crew_find(&d->crew, role))) {
		if (!worker->asked_to_stop)
			crew_ask_to_stop(worker);
		if (crew_has_ended(worker, &ok)) {
			if (!ok)
				return trouble(d, "%s failed at its end: %s", worker->name, worker->failure);
		} else if (!tick(d)) {
			return false;
		} else if (show_seconds() > limit) {
			return trouble(d, "%s does not end", worker->name);
		}
	}
	return true;
}

static bool all_is_deleted(struct director *d)
{
	struct segreg_stats stats;

	return get_stats(d, &stats) && !stats.building && !stats.pending && !stats.deleting;
}

/* The compactor's last merge retires all segments but one; when the readers are gone, nothing keeps those. */
static bool wind_down(struct director *d)
{
	struct segreg_stats stats;

	show_event("no new segments; the compactor merges what there is into one, and retires the rest");
	if (!stop(d, ROLE_INGESTER) || !stop(d, ROLE_COMPACTOR) || !stop(d, ROLE_READER) ||
	    !wait_until(d, all_is_deleted, "the sweeper") || !get_stats(d, &stats) || !stop(d, ROLE_SEGREGD))
		return false;
	show_result("nothing is left to delete");
	audit_add_counters(&d->audit, &stats);
	return checked(d, audit_live_segments(&d->audit, d->reg), "checking the live segments") && close_registry(d);
}

bool director_perform(struct director *d)
{
	bool done = begin(d) && watch(d, 0.25) && kill_one(d, ROLE_READER, "in the middle of its lookups") &&
		    watch(d, 0.45) && kill_one(d, ROLE_COMPACTOR, "in the middle of a merge") && watch(d, 0.7) &&
		    kill_all(d) && start_again(d) && watch(d, 1) && wind_down(d);

	crew_kill_all(&d->crew, NULL);
	segreg_close(d->reg, NULL);
	d->reg = NULL;
	return done;
}
