/*
 * segreg.c - the public calls, except those of segreg_hold.c. A public call checks its arguments here, once, and then
 * calls down.
 */
#include "segreg_args.h"
#include "ask/sr_ask.h"
#include "ask/sr_debug.h"
#include "ask/sr_find.h"
#include "sweep/sr_check.h"
#include "edit/sr_discard.h"
#include "edit/sr_edit.h"
#include "edit/sr_commit.h"
#include "registry/sr_journal.h"
#include "registry/sr_lane.h"
#include "edit/sr_remove.h"
#include "edit/sr_vacate.h"
#include "sweep/sr_sweep.h"
#include "shm/sr_table.h"
#include "ask/sr_wait.h"
#include "ask/sr_watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_TIMEOUT_MS 10000u

SR_COLD int sr_invalid(const char *what)
{
	return sr_fail(SEGREG_E_INVAL, "invalid argument: %s", what);
}

SR_COLD int sr_make_ready(struct segreg *reg)
{
	SR_UNCANCELLED();
	return reg ? sr_handle_arrive(reg) : sr_invalid("not an open handle");
}

/* ---------------------------------------------------------------- life */

int segreg_open(const char *dir, const struct segreg_open_options *options, struct segreg **reg)
{
	SR_UNCANCELLED();
	struct segreg_open_options o;
	int rc = sr_copy_in(&o, sizeof(o), options, options ? options->size : 0);

	if (rc)
		return rc;
	if (!dir || !*dir || !reg)
		return sr_invalid("no directory, or nowhere to put the handle");
	if (o.flags & ~(SEGREG_CREATE | SEGREG_ADOPT | SEGREG_TAKE_BASE))
		return sr_invalid("unknown flags");
	if (o.flags & SEGREG_CREATE && o.flags & SEGREG_ADOPT)
		return sr_invalid("SEGREG_CREATE and SEGREG_ADOPT exclude each other");
	if (o.flags & SEGREG_TAKE_BASE && !(o.flags & SEGREG_CREATE))
		return sr_invalid("SEGREG_TAKE_BASE is for a creation: give SEGREG_CREATE too");
	if (!o.timeout_ms)
		o.timeout_ms = DEFAULT_TIMEOUT_MS;
	if (!o.label)
		o.label = program_invocation_short_name;
	return sr_handle_open(dir, &o, reg);
}

int segreg_close(struct segreg *reg, uint64_t *released)
{
	SR_UNCANCELLED();
	if (!reg) {
		if (released)
			*released = 0;
		return 0;
	}
	if (sr_is_ready(reg))
		sr_discard_try_flush(reg);
	return sr_handle_close(reg, released);
}

const char *segreg_base_path(const struct segreg *reg)
{
	SR_UNCANCELLED();
	return reg ? sr_handle_base(reg) : NULL;
}

/* ---------------------------------------------------------------- segments and edits */

static void begin(struct segreg *reg, struct segreg_edit *edit)
{
	*edit = (struct segreg_edit){
		.magic = SR_EDIT_MAGIC, .reg = reg, .fork_no = sr_fork_no(), .open_number = reg->open_number
	};
}

static int commit_one(struct segreg_edit *edit, int rc)
{
	if (!rc)
		rc = sr_commit_edit(edit, NULL);
	sr_edit_clear(edit);
	return rc;
}

/* An edit of one operation with a path. */
static int edit_path(struct segreg *reg, int (*operation)(struct segreg_edit *, uint64_t, const char *), uint64_t id,
		     const char *path)
{
	SR_UNCANCELLED();
	struct segreg_edit edit;
	int rc = sr_check_handle_and(reg, path, "no path");

	if (rc)
		return rc;
	begin(reg, &edit);
	return commit_one(&edit, operation(&edit, id, path));
}

/* An edit of one operation with an id alone. */
static int edit_id(struct segreg *reg, int (*operation)(struct segreg_edit *, uint64_t), uint64_t id)
{
	SR_UNCANCELLED();
	struct segreg_edit edit;
	int rc = sr_check_handle(reg);

	if (rc)
		return rc;
	begin(reg, &edit);
	return commit_one(&edit, operation(&edit, id));
}

int segreg_register(struct segreg *reg, uint64_t id, const char *path)
{
	return edit_path(reg, sr_edit_add, id, path);
}

int segreg_reserve(struct segreg *reg, uint64_t id, const char *path)
{
	return edit_path(reg, sr_edit_reserve, id, path);
}

int segreg_unreserve(struct segreg *reg, uint64_t id)
{
	return edit_id(reg, sr_edit_unreserve, id);
}

int segreg_retire(struct segreg *reg, uint64_t id)
{
	return edit_id(reg, sr_edit_retire, id);
}

int segreg_retire_path(struct segreg *reg, const char *path)
{
	SR_UNCANCELLED();
	struct segreg_edit edit;
	int rc = sr_check_handle_and(reg, path, "no path");

	if (rc)
		return rc;
	begin(reg, &edit);
	return commit_one(&edit, sr_edit_retire_path(&edit, path));
}

int segreg_discard(struct segreg *reg, const char *const *paths, size_t n, unsigned flags)
{
	SR_UNCANCELLED();
	struct segreg_edit edit;
	int rc = sr_check_handle(reg);

	if (rc)
		return rc;
	if (flags & ~SEGREG_DISCARD_RELAXED)
		return sr_invalid("unknown flags");
	if (n && !paths)
		return sr_invalid("no paths");
	if (!n)
		return flags ? 0 : sr_discard_flush(reg);
	for (size_t i = 0; i < n; i++)
		if (!paths[i])
			return sr_invalid("one of the paths is missing");
	rc = flags ? sr_discard_relaxed(reg, paths, n) : SR_DISCARDS_FULL;
	if (rc != SR_DISCARDS_FULL)
		return rc;
	begin(reg, &edit);
	rc = 0;
	for (size_t i = 0; i < n && !rc; i++)
		rc = sr_edit_discard(&edit, paths[i]);
	return commit_one(&edit, rc);
}

int segreg_vacate(struct segreg *reg, const char *path)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, path, "no path");

	return rc ? rc : sr_vacate(reg, path);
}

int segreg_force_remove(struct segreg *reg, uint64_t id, unsigned flags)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle(reg);

	if (rc)
		return rc;
	if (flags & ~SEGREG_FORCE)
		return sr_invalid("unknown flags");
	return sr_force_remove(reg, id, flags & SEGREG_FORCE);
}

static int check_edit(const struct segreg_edit *edit)
{
	if (!edit || edit->magic != SR_EDIT_MAGIC)
		return sr_invalid("not an edit");
	if (edit->fork_no != sr_fork_no())
		return sr_invalid("the parent process began this edit");
	if (edit->open_number != edit->reg->open_number)
		return sr_invalid("the handle of this edit was closed");
	return 0;
}

int segreg_edit_begin(struct segreg *reg, struct segreg_edit **edit)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, edit, "nowhere to put the edit");

	if (rc)
		return rc;
	*edit = sr_sys_malloc(sizeof(**edit));
	if (!*edit)
		return sr_fail(SEGREG_E_NOMEM, "no memory for an edit");
	begin(reg, *edit);
	return 0;
}

int segreg_edit_add(struct segreg_edit *edit, uint64_t id, const char *path)
{
	SR_UNCANCELLED();
	int rc = check_edit(edit);

	if (rc)
		return rc;
	return path ? sr_edit_add(edit, id, path) : sr_invalid("no path");
}

int segreg_edit_set_user(struct segreg_edit *edit, const void *bytes, size_t n)
{
	int rc = check_edit(edit);

	if (rc)
		return rc;
	if (n > SEGREG_USER_SIZE || (n && !bytes))
		return sr_invalid("more than SEGREG_USER_SIZE bytes for a segment, or no bytes");
	return sr_edit_set_user(edit, bytes, n) ? 0 : sr_invalid("the edit has no addition that could get bytes");
}

int segreg_edit_retire(struct segreg_edit *edit, uint64_t id)
{
	SR_UNCANCELLED();
	int rc = check_edit(edit);

	return rc ? rc : sr_edit_retire(edit, id);
}

int segreg_edit_retire_path(struct segreg_edit *edit, const char *path)
{
	SR_UNCANCELLED();
	int rc = check_edit(edit);

	if (rc)
		return rc;
	return path ? sr_edit_retire_path(edit, path) : sr_invalid("no path");
}

int segreg_edit_discard(struct segreg_edit *edit, const char *path)
{
	SR_UNCANCELLED();
	int rc = check_edit(edit);

	if (rc)
		return rc;
	return path ? sr_edit_discard(edit, path) : sr_invalid("no path");
}

int segreg_edit_expect(struct segreg_edit *edit, uint64_t version)
{
	int rc = check_edit(edit);

	if (rc)
		return rc;
	edit->expects = true;
	edit->expected = version;
	return 0;
}

int segreg_edit_expect_live(struct segreg_edit *edit)
{
	int rc = check_edit(edit);

	if (!rc)
		edit->expects_live = true;
	return rc;
}

int segreg_edit_sync(struct segreg_edit *edit)
{
	int rc = check_edit(edit);

	if (!rc)
		edit->syncs = true;
	return rc;
}

int segreg_edit_token(struct segreg_edit *edit, const unsigned char token[16])
{
	int rc = check_edit(edit);

	if (rc)
		return rc;
	if (!token)
		return sr_invalid("no token");
	memcpy(edit->token, token, sizeof(edit->token));
	edit->has_token = true;
	return 0;
}

int segreg_edit_commit(struct segreg_edit *edit, uint64_t *version)
{
	SR_UNCANCELLED();
	int rc = check_edit(edit);

	if (!rc)
		rc = sr_commit_edit(edit, version);
	segreg_edit_abort(edit);
	return rc;
}

void segreg_edit_abort(struct segreg_edit *edit)
{
	SR_UNCANCELLED();
	if (!edit || edit->magic != SR_EDIT_MAGIC)
		return;
	sr_edit_clear(edit);
	edit->magic = 0;
	free(edit);
}

int segreg_version(struct segreg *reg, uint64_t *version)
{
	int rc = sr_check_handle_and(reg, version, "nowhere to put the version");

	if (rc)
		return rc;
	*version = sr_load_acquire_u64(&reg->region.header->version);
	return 0;
}

/* ---------------------------------------------------------------- asking */

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
	return snprintf(buf, size, "Registry: %" PRIu64 " live, %" PRIu64 " pending deletion, %" PRIu64 " total", stats->live, pending,
			stats->live + pending);
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
