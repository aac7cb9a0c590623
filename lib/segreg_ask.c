/*
 * segreg_ask.c - the public calls that ask, sweep, wait and watch.
 */
#include "segreg_args.h"
#include "ask/sr_ask.h"
#include "ask/sr_debug.h"
#include "ask/sr_find.h"
#include "ask/sr_holds.h"
#include "ask/sr_wait.h"
#include "ask/sr_watch.h"
#include "registry/sr_journal.h"
#include "registry/sr_lane.h"
#include "shm/sr_table.h"
#include "sweep/sr_check.h"
#include "sweep/sr_sweep.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- asking */

int segreg_version(struct segreg *reg, uint64_t *version)
{
	int rc = sr_check_handle_and(reg, version, "nowhere to put the version");

	if (rc)
		return rc;
	*version = sr_load_acquire_u64(&reg->region.header->version);
	return 0;
}

int segreg_state(struct segreg *reg, uint64_t id, enum segreg_state *state)
{
	uint64_t word;
	int rc = sr_check_handle_and(reg, state, "nowhere to put the state");

	if (rc)
		return rc;
	rc = sr_ask_word(reg, id, &word);
	if (!rc)
		*state = (enum segreg_state)sr_word_state(word);
	return rc;
}

int segreg_find(struct segreg *reg, const char *path, uint64_t *id, enum segreg_state *state)
{
	SR_UNCANCELLED();
	uint64_t found;
	enum segreg_state now;
	int rc = sr_check_handle_and(reg, path, "no path");

	return rc ? rc : sr_find(reg, path, id ? id : &found, state ? state : &now);
}

int segreg_is_discarded(struct segreg *reg, const char *path)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, path, "no path");

	return rc ? rc : sr_find_discarded(reg, path);
}

int segreg_is_live(struct segreg *reg, uint64_t id)
{
	uint64_t word;
	int rc = sr_check_handle(reg);

	if (!rc)
		rc = sr_ask_word(reg, id, &word);
	if (rc)
		return rc == SEGREG_E_NOENT ? 0 : rc;
	return sr_word_state(word) == SR_LIVE;
}

int segreg_refcount(struct segreg *reg, uint64_t id, uint64_t *count)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, count, "nowhere to put the count");

	return rc ? rc : sr_ask_count(reg, id, count);
}

int segreg_stats(struct segreg *reg, struct segreg_stats *stats)
{
	SR_UNCANCELLED();
	struct segreg_stats ours;
	int rc = sr_check_handle(reg);

	if (rc)
		return rc;
	if (!stats || stats->size < sizeof(size_t))
		return sr_invalid("no stats, or their size is not set");
	rc = sr_ask_stats(reg, &ours);
	if (!rc)
		sr_copy_out(stats, stats->size, &ours, sizeof(ours));
	return rc;
}

int segreg_stats_format(const struct segreg_stats *stats, char *buf, size_t size)
{
	uint64_t pending;

	if (!stats || (!buf && size) || stats->size < offsetof(struct segreg_stats, failed))
		return sr_invalid("no stats, their size is not set, or no buffer");
	pending = stats->pending + stats->deleting;
	return snprintf(buf, size, "Registry: %" PRIu64 " live, %" PRIu64 " pending deletion, %" PRIu64 " total",
			stats->live, pending, stats->live + pending);
}

int segreg_list(struct segreg *reg, segreg_list_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, fn, "no function to call");

	return rc ? rc : sr_ask_list(reg, fn, arg);
}

int segreg_list_retired(struct segreg *reg, segreg_list_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, fn, "no function to call");

	return rc ? rc : sr_ask_list_retired(reg, fn, arg);
}

int segreg_list_many(struct segreg *reg, const uint64_t *ids, size_t n, segreg_list_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, fn, "no function to call");

	if (rc)
		return rc;
	return ids || !n ? sr_ask_list_many(reg, ids, n, fn, arg) : sr_invalid("no ids");
}

int segreg_list_one(struct segreg *reg, uint64_t id, segreg_list_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, fn, "no function to call");

	return rc ? rc : sr_ask_list_one(reg, id, fn, arg);
}

int segreg_holders(struct segreg *reg, uint64_t id, segreg_holder_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, fn, "no function to call");

	return rc ? rc : sr_ask_holders(reg, id, fn, arg);
}

int segreg_lanes(struct segreg *reg, segreg_holder_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, fn, "no function to call");

	return rc ? rc : sr_ask_lanes(reg, fn, arg);
}

int segreg_holds(struct segreg *reg, segreg_hold_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, fn, "no function to call");

	return rc ? rc : sr_holds_each(reg, fn, arg);
}

/* ---------------------------------------------------------------- sweeping */

int segreg_sweep(struct segreg *reg, const struct segreg_sweep_options *options, struct segreg_sweep_result *result)
{
	SR_UNCANCELLED();
	struct segreg_sweep_options o;
	struct segreg_sweep_result r = { .size = sizeof(r) };
	int rc = sr_check_handle(reg);

	if (!rc)
		rc = sr_copy_in(&o, sizeof(o), options, options ? options->size : 0);
	if (rc)
		return rc;
	if (o.flags & ~(SEGREG_SWEEP_DRY_RUN | SEGREG_SWEEP_RETRY_NOW))
		return sr_invalid("unknown flags");
	if (o.grace_ms > INT64_MAX / 2000000)
		return sr_invalid("grace_ms is more than a century");
	if (result && result->size < sizeof(size_t))
		return sr_invalid("a struct whose size is not set");
	rc = sr_sweep(reg, &o, &r);
	if (!rc && result)
		sr_copy_out(result, result->size, &r, sizeof(r));
	return rc;
}

int segreg_sweep_wait(struct segreg *reg, uint32_t *ticket, int timeout_ms)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, ticket, "no ticket");

	return rc ? rc : sr_wait_for_work(reg, ticket, timeout_ms);
}

int segreg_check(struct segreg *reg, unsigned flags, segreg_check_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle(reg);

	if (rc)
		return rc;
	if (flags & ~SEGREG_CHECK_REPAIR)
		return sr_invalid("unknown flags");
	return fn ? sr_check(reg, flags & SEGREG_CHECK_REPAIR, fn, arg) : sr_invalid("no function to call");
}

int segreg_evict(struct segreg *reg, uint32_t lane, uint32_t epoch, uint64_t *released)
{
	SR_UNCANCELLED();
	uint64_t holds = 0;
	int rc = sr_check_handle(reg);

	if (!rc)
		rc = sr_lane_evict(reg, lane, epoch, &holds);
	if (!rc)
		sr_journal_flush(reg, false);
	if (!rc && released)
		*released = holds;
	return rc;
}

int segreg_log(struct segreg *reg, uint64_t after, segreg_log_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, fn, "no function to call");

	return rc ? rc : sr_journal_each(reg, after, fn, arg);
}

int segreg_sweep_wake(struct segreg *reg)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle(reg);

	if (!rc)
		sr_region_wake(&reg->region);
	return rc;
}

int segreg_wait(struct segreg *reg, uint64_t version, int timeout_ms, uint64_t *now)
{
	SR_UNCANCELLED();
	uint64_t current;
	int rc = sr_check_handle(reg);

	return rc ? rc : sr_wait_for_version(reg, version, timeout_ms, now ? now : &current);
}

/* Async-signal-safe: does not attach an inherited handle, which has no waits. */
int segreg_wait_off(struct segreg *reg, int is_off)
{
	if (!sr_is_ready(reg))
		return sr_invalid("no open handle, or a handle that this forked child has not used yet");
	sr_wait_off(reg, is_off);
	return 0;
}

int segreg_watch(struct segreg *reg, unsigned what, struct segreg_watch *watch)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, watch, "nowhere to put the watch");

	if (rc)
		return rc;
	if (!what || what & ~(SEGREG_WATCH_VERSION | SEGREG_WATCH_SWEEP))
		return sr_invalid("nothing to watch, or unknown flags");
	return sr_watch_open(reg, what, watch);
}

int segreg_watch_clear(struct segreg *reg, const struct segreg_watch *watch)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, watch, "no watch");

	return rc ? rc : sr_watch_clear(reg, watch);
}

int segreg_unwatch(struct segreg *reg, struct segreg_watch *watch)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, watch, "no watch");

	return rc ? rc : sr_watch_close(reg, watch);
}

int segreg_debug(const char *dir, const struct segreg_debug_options *options, segreg_debug_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	struct segreg_debug_options o;
	int rc = sr_copy_in(&o, sizeof(o), options, options ? options->size : 0);

	if (rc)
		return rc;
	if (!fn)
		return sr_invalid("no function to call");
	if (o.flags & ~(SEGREG_DEBUG_ALL | SEGREG_DEBUG_SLOT | SEGREG_DEBUG_ID))
		return sr_invalid("unknown flags");
	if (o.flags & SEGREG_DEBUG_SLOT && o.flags & SEGREG_DEBUG_ID)
		return sr_invalid("SEGREG_DEBUG_SLOT and SEGREG_DEBUG_ID exclude each other");
	if (!o.region && (!dir || !*dir))
		return sr_invalid("neither a registry's directory nor a file with shared memory");
	return sr_debug(dir, &o, fn, arg);
}
