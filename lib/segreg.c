/*
 * segreg.c - the public calls: what comes from outside is checked here, once.
 */
#include "segreg.h"
#include "ask/sr_ask.h"
#include "sys/sr_call.h"
#include "sweep/sr_check.h"
#include "edit/sr_edit.h"
#include "sys/sr_error.h"
#include "base/sr_file.h"
#include "edit/sr_commit.h"
#include "registry/sr_handle.h"
#include "registry/sr_journal.h"
#include "registry/sr_lane.h"
#include "hold/sr_pin.h"
#include "edit/sr_remove.h"
#include "hold/sr_snapshot.h"
#include "sweep/sr_sweep.h"
#include "shm/sr_paths.h"
#include "shm/sr_table.h"
#include "ask/sr_wait.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_TIMEOUT_MS 10000u

static int invalid(const char *what)
{
	return sr_fail(SEGREG_E_INVAL, "invalid argument: %s", what);
}

/* Is this a handle, attached in this process? Then a call may go on at once. */
static inline bool is_ready(const struct segreg *reg)
{
	return reg && sr_load_acquire_u32(&reg->magic) == SR_HANDLE_MAGIC;
}

static SR_COLD int make_ready(struct segreg *reg)
{
	SR_UNCANCELLED();
	return reg ? sr_handle_arrive(reg) : invalid("not an open handle");
}

/* Every call's first step. */
static inline int check(struct segreg *reg)
{
	return is_ready(reg) ? 0 : make_ready(reg);
}

/* The same, of a call that cannot do without something: is it given? */
static int check_with(struct segreg *reg, bool given, const char *what_is_missing)
{
	int rc = check(reg);

	return rc || given ? rc : invalid(what_is_missing);
}

/*
 * Structs from callers built against other versions: take what both know, zero for the rest; refuse what we do not
 * know and is not zero. size is the caller's.
 */
static int copy_in(void *ours, size_t our_size, const void *theirs, size_t size)
{
	memset(ours, 0, our_size);
	if (!theirs)
		return 0;
	if (size < sizeof(size_t))
		return invalid("a struct whose size is not set");
	for (size_t i = our_size; i < size; i++)
		if (((const unsigned char *)theirs)[i])
			return invalid("an option that this version of segreg does not know");
	memcpy(ours, theirs, size < our_size ? size : our_size);
	return 0;
}

/* Fill the caller's struct up to its size, which stays. */
static void copy_out(void *theirs, size_t size, const void *ours, size_t our_size)
{
	size_t most = size < our_size ? size : our_size;

	memcpy((char *)theirs + sizeof(size_t), (const char *)ours + sizeof(size_t), most - sizeof(size_t));
}

/* ---------------------------------------------------------------- life */

int segreg_open(const char *dir, const struct segreg_open_options *options, struct segreg **reg)
{
	SR_UNCANCELLED();
	struct segreg_open_options o;
	int rc = copy_in(&o, sizeof(o), options, options ? options->size : 0);

	if (rc)
		return rc;
	if (!dir || !*dir || !reg)
		return invalid("no directory, or nowhere to put the handle");
	if (o.flags & ~(SEGREG_CREATE | SEGREG_ADOPT))
		return invalid("unknown flags");
	if (o.flags & SEGREG_CREATE && o.flags & SEGREG_ADOPT)
		return invalid("SEGREG_CREATE and SEGREG_ADOPT exclude each other");
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
	*edit = (struct segreg_edit){ .magic = SR_EDIT_MAGIC, .reg = reg, .fork_generation = sr_fork_generation() };
}

static int commit_one(struct segreg_edit *edit, int rc)
{
	if (!rc)
		rc = sr_commit_edit(edit, NULL);
	sr_edit_clear(edit);
	return rc;
}

/* An edit of one operation: on a path, or on an id alone. */
static int edit_path(struct segreg *reg, int (*operation)(struct segreg_edit *, uint64_t, const char *), uint64_t id,
		     const char *path)
{
	SR_UNCANCELLED();
	struct segreg_edit edit;
	int rc = check_with(reg, path, "no path");

	if (rc)
		return rc;
	begin(reg, &edit);
	return commit_one(&edit, operation(&edit, id, path));
}

static int edit_id(struct segreg *reg, int (*operation)(struct segreg_edit *, uint64_t), uint64_t id)
{
	SR_UNCANCELLED();
	struct segreg_edit edit;
	int rc = check(reg);

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

int segreg_force_remove(struct segreg *reg, uint64_t id, unsigned flags)
{
	SR_UNCANCELLED();
	int rc = check(reg);

	if (rc)
		return rc;
	if (flags & ~SEGREG_FORCE)
		return invalid("unknown flags");
	return sr_force_remove(reg, id, flags & SEGREG_FORCE);
}

static int check_edit(const struct segreg_edit *edit)
{
	if (!edit || edit->magic != SR_EDIT_MAGIC)
		return invalid("not an edit");
	if (edit->fork_generation != sr_fork_generation())
		return invalid("the edit was begun by the parent process");
	return 0;
}

int segreg_edit_begin(struct segreg *reg, struct segreg_edit **edit)
{
	SR_UNCANCELLED();
	int rc = check_with(reg, edit, "nowhere to put the edit");

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
	return path ? sr_edit_add(edit, id, path) : invalid("no path");
}

int segreg_edit_retire(struct segreg_edit *edit, uint64_t id)
{
	SR_UNCANCELLED();
	int rc = check_edit(edit);

	return rc ? rc : sr_edit_retire(edit, id);
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
		return invalid("no token");
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
	int rc = check_with(reg, version, "nowhere to put the version");

	if (rc)
		return rc;
	*version = sr_load_acquire_u64(&reg->region.header->version);
	return 0;
}

/* ---------------------------------------------------------------- pins */

static SR_COLD int pin_checked(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin)
{
	int rc = check(reg);

	if (!rc && (!pin || flags & ~SEGREG_PIN_LIVE))
		rc = invalid("nowhere to put the pin, or unknown flags");
	return rc ? rc : sr_pin(reg, id, flags, pin);
}

SR_HOT int segreg_pin(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin)
{
	return is_ready(reg) && pin && !(flags & ~SEGREG_PIN_LIVE) ? sr_pin(reg, id, flags, pin) : pin_checked(reg, id, flags, pin);
}

int segreg_pin_many(struct segreg *reg, const uint64_t *ids, size_t n, unsigned flags, struct segreg_pin *pins)
{
	SR_UNCANCELLED();
	int rc = check(reg);

	if (rc)
		return rc;
	if ((n && (!ids || !pins)) || flags & ~SEGREG_PIN_LIVE)
		return invalid("no ids, nowhere to put the pins, or unknown flags");
	return sr_pin_many(reg, ids, n, flags, pins);
}

static SR_COLD int unpin_checked(struct segreg *reg, struct segreg_pin *pin)
{
	int rc = check(reg);

	if (!rc && !pin)
		rc = invalid("no pin");
	return rc ? rc : sr_unpin(reg, pin);
}

SR_HOT int segreg_unpin(struct segreg *reg, struct segreg_pin *pin)
{
	return is_ready(reg) && pin ? sr_unpin(reg, pin) : unpin_checked(reg, pin);
}

int segreg_pin_receive(struct segreg *reg, const struct segreg_pin *theirs, struct segreg_pin *pin)
{
	SR_UNCANCELLED();
	struct segreg_pin ours;
	int rc = check(reg);

	if (rc)
		return rc;
	if (!theirs || !pin)
		return invalid("no pin, or nowhere to put it");
	rc = sr_pin(reg, theirs->id, 0, &ours);
	if (rc)
		return rc;
	if (theirs->owner && ours.slot == theirs->slot && ours.generation == theirs->generation) {
		*pin = ours;
		return 0;
	}
	sr_unpin(reg, &ours);
	return sr_fail(SEGREG_E_NOENT, "segment %" PRIu64 " is not the one that was pinned: the id was used again", theirs->id);
}

/* The path below base of a segment that this handle pins. */
static int pinned_path(struct segreg *reg, const struct segreg_pin *pin, char path[SEGREG_PATH_MAX + 1])
{
	int rc = check_with(reg, pin, "no pin");

	if (rc)
		return rc;
	if (!sr_pin_is_held(reg, pin))
		return sr_pin_fail(reg, pin);
	if (!sr_paths_get(&reg->region, pin->slot, path))
		return sr_fail(SEGREG_E_CORRUPT, "the shared memory is damaged (path of segment %" PRIu64 ")", pin->id);
	return 0;
}

int segreg_pin_path(struct segreg *reg, const struct segreg_pin *pin, char *buf, size_t size)
{
	const char *base;
	char path[SEGREG_PATH_MAX + 1];
	int rc = pinned_path(reg, pin, path);

	if (rc)
		return rc;
	base = reg->registry->base.path;
	if (!buf || strlen(base) + 1 + strlen(path) >= size)
		return invalid("the buffer is too small for the path");
	sprintf(buf, "%s/%s", base[1] ? base : "", path);
	return 0;
}

int segreg_pin_open(struct segreg *reg, const struct segreg_pin *pin, const char *file, int *fd)
{
	SR_UNCANCELLED();
	char path[SEGREG_PATH_MAX + 1];
	int rc;

	if (!fd || (file && !*file))
		return invalid("nowhere to put the descriptor, or an empty file name");
	rc = pinned_path(reg, pin, path);
	return rc ? rc : sr_file_open(&reg->registry->base, path, file, fd);
}

int segreg_map(struct segreg *reg, uint64_t id, const char *file, unsigned flags, struct segreg_map *map)
{
	SR_UNCANCELLED();
	struct segreg_map made = { .data = NULL };
	int fd, rc;

	if (!map)
		return invalid("nowhere to put the map");
	rc = segreg_pin(reg, id, flags, &made.pin);
	if (rc)
		return rc;
	rc = segreg_pin_open(reg, &made.pin, file, &fd);
	if (!rc) {
		rc = sr_file_map(fd, file, &made.data, &made.length);
		sr_sys_close(fd);
	}
	if (rc) {
		sr_unpin(reg, &made.pin);
		return rc;
	}
	*map = made;
	return 0;
}

int segreg_unmap(struct segreg *reg, struct segreg_map *map)
{
	SR_UNCANCELLED();
	int rc;

	if (!map)
		return invalid("no map");
	rc = segreg_unpin(reg, &map->pin);
	if (rc)
		return rc;
	sr_file_unmap(map->data, map->length);
	*map = (struct segreg_map){ .data = NULL };
	return 0;
}

/* ---------------------------------------------------------------- snapshots */

static bool is_kind(enum segreg_snapshot_kind kind)
{
	return kind == SEGREG_SNAPSHOT || kind == SEGREG_HORIZON;
}

SR_HOT int segreg_snapshot_take(struct segreg *reg, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot)
{
	int rc = check(reg);

	if (SR_UNLIKELY(rc))
		return rc;
	if (!snapshot || !is_kind(kind))
		return invalid("nowhere to put the snapshot, or an unknown kind");
	return sr_snapshot_take(reg, kind, snapshot);
}

SR_HOT int segreg_snapshot_release(struct segreg *reg, struct segreg_snapshot *snapshot)
{
	int rc = check(reg);

	if (SR_UNLIKELY(rc))
		return rc;
	return snapshot ? sr_snapshot_release(reg, snapshot) : invalid("no snapshot");
}

int segreg_snapshot_trade(struct segreg *reg, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot)
{
	SR_UNCANCELLED();
	struct segreg_snapshot fresh;
	int rc = check(reg);

	if (rc)
		return rc;
	if (!snapshot || !is_kind(kind))
		return invalid("no snapshot, or an unknown kind");
	rc = sr_snapshot_take(reg, kind, &fresh);
	if (rc)
		return rc;
	rc = sr_snapshot_release(reg, snapshot);
	if (rc)
		sr_snapshot_release(reg, &fresh);
	else
		*snapshot = fresh;
	return rc;
}

int segreg_snapshot_receive(struct segreg *reg, const struct segreg_snapshot *theirs, struct segreg_snapshot *snapshot)
{
	SR_UNCANCELLED();
	int rc = check(reg);

	if (rc)
		return rc;
	if (!theirs || !snapshot || !is_kind(theirs->kind))
		return invalid("no snapshot, or nowhere to put it");
	return sr_snapshot_receive(reg, theirs, snapshot);
}

int segreg_snapshot_next(struct segreg *reg, const struct segreg_snapshot *snapshot, struct segreg_entry *entry)
{
	int rc = check(reg);

	if (rc)
		return rc;
	if (!snapshot || !entry || entry->size < sizeof(*entry))
		return invalid("no snapshot, no entry, or its size is not set");
	if (snapshot->kind == SEGREG_HORIZON)
		return invalid("a horizon has no set of segments to walk; trade it for a snapshot");
	return sr_snapshot_next(reg, snapshot, entry);
}

/* ---------------------------------------------------------------- asking */

int segreg_state(struct segreg *reg, uint64_t id, enum segreg_state *state)
{
	uint64_t word;
	int rc = check_with(reg, state, "nowhere to put the state");

	if (rc)
		return rc;
	rc = sr_ask_word(reg, id, &word);
	if (!rc)
		*state = (enum segreg_state)sr_word_state(word);
	return rc;
}

int segreg_is_live(struct segreg *reg, uint64_t id)
{
	uint64_t word;
	int rc = check(reg);

	if (!rc)
		rc = sr_ask_word(reg, id, &word);
	if (rc)
		return rc == SEGREG_E_NOENT ? 0 : rc;
	return sr_word_state(word) == SR_LIVE;
}

int segreg_refcount(struct segreg *reg, uint64_t id, uint64_t *count)
{
	SR_UNCANCELLED();
	int rc = check_with(reg, count, "nowhere to put the count");

	return rc ? rc : sr_ask_count(reg, id, count);
}

int segreg_stats(struct segreg *reg, struct segreg_stats *stats)
{
	SR_UNCANCELLED();
	struct segreg_stats ours;
	int rc = check(reg);

	if (rc)
		return rc;
	if (!stats || stats->size < sizeof(size_t))
		return invalid("no stats, or their size is not set");
	rc = sr_ask_stats(reg, &ours);
	if (!rc)
		copy_out(stats, stats->size, &ours, sizeof(ours));
	return rc;
}

int segreg_stats_format(const struct segreg_stats *stats, char *buf, size_t size)
{
	uint64_t pending;

	if (!stats || (!buf && size) || stats->size < offsetof(struct segreg_stats, failed))
		return invalid("no stats, their size is not set, or no buffer");
	pending = stats->pending + stats->deleting;
	return snprintf(buf, size, "Registry: %" PRIu64 " live, %" PRIu64 " pending deletion, %" PRIu64 " total", stats->live, pending,
			stats->live + pending);
}

int segreg_list(struct segreg *reg, segreg_list_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = check_with(reg, fn, "no function to call");

	return rc ? rc : sr_ask_list(reg, fn, arg);
}

int segreg_list_retired(struct segreg *reg, segreg_list_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = check_with(reg, fn, "no function to call");

	return rc ? rc : sr_ask_list_retired(reg, fn, arg);
}

int segreg_list_one(struct segreg *reg, uint64_t id, segreg_list_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = check_with(reg, fn, "no function to call");

	return rc ? rc : sr_ask_list_one(reg, id, fn, arg);
}

int segreg_holders(struct segreg *reg, uint64_t id, segreg_holder_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = check_with(reg, fn, "no function to call");

	return rc ? rc : sr_ask_holders(reg, id, fn, arg);
}

int segreg_lanes(struct segreg *reg, segreg_holder_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = check_with(reg, fn, "no function to call");

	return rc ? rc : sr_ask_lanes(reg, fn, arg);
}

/* ---------------------------------------------------------------- sweeping */

int segreg_sweep(struct segreg *reg, const struct segreg_sweep_options *options, struct segreg_sweep_result *result)
{
	SR_UNCANCELLED();
	struct segreg_sweep_options o;
	struct segreg_sweep_result r = { .size = sizeof(r) };
	int rc = check(reg);

	if (!rc)
		rc = copy_in(&o, sizeof(o), options, options ? options->size : 0);
	if (rc)
		return rc;
	if (o.flags & ~(SEGREG_SWEEP_DRY_RUN | SEGREG_SWEEP_RETRY_NOW))
		return invalid("unknown flags");
	if (o.grace_ms > INT64_MAX / 2000000)
		return invalid("a grace of more than a century");
	if (result && result->size < sizeof(size_t))
		return invalid("a struct whose size is not set");
	rc = sr_sweep(reg, &o, &r);
	if (!rc && result)
		copy_out(result, result->size, &r, sizeof(r));
	return rc;
}

int segreg_sweep_wait(struct segreg *reg, uint32_t *ticket, int timeout_ms)
{
	SR_UNCANCELLED();
	int rc = check_with(reg, ticket, "no ticket");

	return rc ? rc : sr_wait_for_work(reg, ticket, timeout_ms);
}

int segreg_check(struct segreg *reg, unsigned flags, segreg_check_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = check(reg);

	if (rc)
		return rc;
	if (flags & ~SEGREG_CHECK_REPAIR)
		return invalid("unknown flags");
	return fn ? sr_check(reg, flags & SEGREG_CHECK_REPAIR, fn, arg) : invalid("no function to call");
}

int segreg_evict(struct segreg *reg, uint32_t lane, uint32_t epoch, uint64_t *released)
{
	SR_UNCANCELLED();
	uint64_t holds = 0;
	int rc = check(reg);

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
	int rc = check_with(reg, fn, "no function to call");

	return rc ? rc : sr_journal_each(reg, after, fn, arg);
}

int segreg_sweep_wake(struct segreg *reg)
{
	SR_UNCANCELLED();
	int rc = check(reg);

	if (!rc)
		sr_region_wake(&reg->region);
	return rc;
}

int segreg_wait(struct segreg *reg, uint64_t version, int timeout_ms, uint64_t *now)
{
	SR_UNCANCELLED();
	uint64_t current;
	int rc = check(reg);

	return rc ? rc : sr_wait_for_version(reg, version, timeout_ms, now ? now : &current);
}
