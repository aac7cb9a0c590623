/*
 * tour.c - all public calls of a handle, in turn or by number.
 */
#include "tour.h"

#include <unistd.h>

#define MANY 4096 /* more than there can be of anything here */

/* A callback checks what it gets; calls without end are a fault. */
static void look(const char *text, size_t most, unsigned *n)
{
	FUZZ_CLAIM(strlen(text) <= most);
	FUZZ_CLAIM(++*n < MANY);
}

static int on_info(void *arg, const struct segreg_info *info)
{
	look(info->path, SEGREG_PATH_MAX, arg);
	FUZZ_CLAIM(*segreg_state_name(info->state));
	return 0;
}

static int on_holder(void *arg, const struct segreg_holder *holder)
{
	look(holder->label, SEGREG_LABEL_SIZE - 1, arg);
	return 0;
}

static int on_hold(void *arg, const struct segreg_hold *hold)
{
	*(unsigned *)arg += hold->kind == SEGREG_HOLD_PINS && hold->pins;
	return 0;
}

static int on_finding(void *arg, const struct segreg_finding *finding)
{
	look(finding->path, SEGREG_PATH_SIZE, arg);
	look(finding->reason, 2 * SEGREG_PATH_SIZE, arg);
	return 0;
}

static int on_event(void *arg, const struct segreg_sweep_event *event)
{
	look(event->path ? event->path : "", SEGREG_PATH_MAX, arg);
	look(event->reason ? event->reason : "", 2 * SEGREG_PATH_SIZE, arg);
	look(event->label ? event->label : "", SEGREG_LABEL_SIZE - 1, arg);
	return 0;
}

/* ---------------------------------------------------------------- asking */

static void ask(struct tour *t, uint64_t id)
{
	enum segreg_state state;
	uint64_t count;

	fuzz_rc(segreg_is_live(t->reg, id));
	fuzz_rc(segreg_state(t->reg, id, &state));
	fuzz_rc(segreg_refcount(t->reg, id, &count));
}

static void ask_all(struct tour *t, uint64_t id)
{
	struct segreg_stats stats = { .size = sizeof(stats) };
	char line[128];
	uint64_t version;
	uint32_t ticket = 0;

	(void)id;
	FUZZ_CLAIM(segreg_base_path(t->reg));
	fuzz_rc(segreg_version(t->reg, &version));
	fuzz_rc(segreg_wait(t->reg, version, 0, NULL));
	fuzz_rc(segreg_sweep_wait(t->reg, &ticket, 0));
	fuzz_rc(segreg_sweep_wake(t->reg));
	if (fuzz_rc(segreg_stats(t->reg, &stats)) == 0)
		fuzz_rc(segreg_stats_format(&stats, line, sizeof(line)));
}

static void list(struct tour *t, uint64_t id)
{
	unsigned n = 0;

	fuzz_rc(segreg_list(t->reg, on_info, &n));
	fuzz_rc(segreg_list_retired(t->reg, on_info, &n));
	fuzz_rc(segreg_list_one(t->reg, id, on_info, &n));
}

static void holders(struct tour *t, uint64_t id)
{
	unsigned n = 0;

	fuzz_rc(segreg_holders(t->reg, id, on_holder, &n));
	fuzz_rc(segreg_lanes(t->reg, on_holder, &n));
	fuzz_rc(segreg_holds(t->reg, on_hold, &n));
}

/* ---------------------------------------------------------------- holding */

static void pin(struct tour *t, uint64_t id)
{
	fuzz_rc(segreg_pin(t->reg, id, 0, &t->pin));
}

static void use_pin(struct tour *t, uint64_t id)
{
	char path[SEGREG_PATH_SIZE];
	int fd;

	if (fuzz_rc(segreg_pin_path(t->reg, &t->pin, path, sizeof(path))) == 0)
		FUZZ_CLAIM(strlen(path) < sizeof(path));
	if (fuzz_rc(segreg_pin_open(t->reg, &t->pin, id & 1 ? NULL : "file", &fd)) == 0)
		close(fd);
	if (fuzz_rc(segreg_pin_receive(t->reg, &t->pin, &t->other)) == 0)
		fuzz_rc(segreg_unpin(t->reg, &t->other));
}

static void unpin(struct tour *t, uint64_t id)
{
	(void)id;
	fuzz_rc(segreg_unpin(t->reg, &t->pin));
}

static void pin_many(struct tour *t, uint64_t id)
{
	const uint64_t ids[3] = { id, 1, 6 };
	struct segreg_pin pins[3] = { { .id = 0 } };

	if (fuzz_rc(segreg_pin_many(t->reg, ids, 3, SEGREG_PIN_LIVE, pins)))
		return;
	fuzz_rc(segreg_unpin_many(t->reg, pins, 3));
}

static void map(struct tour *t, uint64_t id)
{
	if (fuzz_rc(segreg_map(t->reg, id, id == 2 || id == 5 || id == 6 ? "file" : NULL, 0, &t->map)) == 0)
		fuzz_rc(segreg_unmap(t->reg, &t->map));
}

static void snapshot(struct tour *t, uint64_t id)
{
	enum segreg_snapshot_kind kind = id & 1 ? SEGREG_SNAPSHOT : SEGREG_HORIZON;

	fuzz_rc(t->snapshot.owner ? segreg_snapshot_trade(t->reg, kind, &t->snapshot)
				  : segreg_snapshot_take(t->reg, kind, &t->snapshot));
}

static int look_at_entry(void *arg, const struct segreg_entry *entry)
{
	look(entry->path, SEGREG_PATH_MAX, arg);
	return 0;
}

static void walk(struct tour *t, uint64_t id)
{
	struct segreg_entry entry = { .size = sizeof(entry) };
	struct segreg_snapshot other;
	unsigned n = 0;

	while (fuzz_rc(segreg_snapshot_next(t->reg, &t->snapshot, &entry)) == 1)
		look(entry.path, SEGREG_PATH_MAX, &n);
	fuzz_rc(segreg_snapshot_list(t->reg, &t->snapshot, id & 1 ? SEGREG_BY_PATH : SEGREG_BY_ID, look_at_entry, &n));
	fuzz_rc(segreg_snapshot_find(t->reg, &t->snapshot, id, &entry));
	if (fuzz_rc(segreg_snapshot_receive(t->reg, &t->snapshot, &other)) == 0)
		fuzz_rc(segreg_snapshot_release(t->reg, &other));
}

static void release(struct tour *t, uint64_t id)
{
	(void)id;
	fuzz_rc(segreg_snapshot_release(t->reg, &t->snapshot));
}

/* ---------------------------------------------------------------- changing */

static void edit(struct tour *t, uint64_t id)
{
	struct segreg_edit *e;

	if (fuzz_rc(segreg_edit_begin(t->reg, &e)))
		return;
	fuzz_rc(segreg_edit_add(e, 20 + id, "spare"));
	fuzz_rc(segreg_edit_retire(e, id));
	fuzz_rc(segreg_edit_token(e, (const unsigned char *)"sixteen bytes..."));
	if (id & 1)
		fuzz_rc(segreg_edit_expect_live(e));
	fuzz_rc(segreg_edit_commit(e, NULL));
}

static void add_and_remove(struct tour *t, uint64_t id)
{
	fuzz_rc(segreg_register(t->reg, 40 + id, "spare"));
	fuzz_rc(segreg_force_remove(t->reg, 40 + id, SEGREG_FORCE));
}

static void reserve(struct tour *t, uint64_t id)
{
	if (fuzz_rc(segreg_reserve(t->reg, 60 + id, "fresh")) == 0)
		fuzz_rc(segreg_unreserve(t->reg, 60 + id));
}

static void retire(struct tour *t, uint64_t id)
{
	fuzz_rc(segreg_retire(t->reg, id));
}

static void forget(struct tour *t, uint64_t id)
{
	fuzz_rc(segreg_force_remove(t->reg, id, id & 1 ? SEGREG_FORCE : 0));
}

/* ---------------------------------------------------------------- care */

static void check(struct tour *t, uint64_t id)
{
	unsigned n = 0;

	fuzz_rc(segreg_check(t->reg, id & 1 ? SEGREG_CHECK_REPAIR : 0, on_finding, &n));
}

static void sweep(struct tour *t, uint64_t id)
{
	struct segreg_sweep_result result = { .size = sizeof(result) };
	unsigned n = 0;
	const struct segreg_sweep_options options = {
		.size = sizeof(options),
		.flags = id & 1 ? SEGREG_SWEEP_DRY_RUN : 0,
		.fn = on_event,
		.arg = &n,
	};

	fuzz_rc(segreg_sweep(t->reg, &options, &result));
}

static void discard(struct tour *t, uint64_t id)
{
	static const char *const paths[] = { "spare", "absent/file", "./spare" };

	fuzz_rc(segreg_discard(t->reg, paths, 1 + id % 3, id & 4 ? SEGREG_DISCARD_RELAXED : 0));
	fuzz_rc(segreg_discard(t->reg, NULL, 0, 0));
}

static void vacate(struct tour *t, uint64_t id)
{
	fuzz_rc(segreg_vacate(t->reg, id & 1 ? "spare" : "absent/file"));
}

static void by_path(struct tour *t, uint64_t id)
{
	enum segreg_state state;
	uint64_t found;

	if (fuzz_rc(segreg_find(t->reg, "spare", &found, &state)) == 0)
		FUZZ_CLAIM(*segreg_state_name(state));
	if (id & 1)
		fuzz_rc(segreg_retire_path(t->reg, "spare"));
}

static void watch(struct tour *t, uint64_t id)
{
	struct segreg_watch watch;

	if (fuzz_rc(segreg_watch(t->reg, id & 1 ? SEGREG_WATCH_SWEEP : SEGREG_WATCH_VERSION, &watch)))
		return;
	fuzz_rc(segreg_watch_clear(t->reg, &watch));
	fuzz_rc(segreg_unwatch(t->reg, &watch));
}

static void evict(struct tour *t, uint64_t id)
{
	uint64_t released;

	fuzz_rc(segreg_evict(t->reg, (uint32_t)id % 16, 1 + (uint32_t)id / 16, &released));
}

static void (*const calls[])(struct tour *t, uint64_t id) = {
	ask,  ask_all,        list,    holders, pin,    use_pin, unpin, pin_many, map,     snapshot, walk,    release,
	edit, add_and_remove, reserve, retire,  forget, check,   sweep, evict,    discard, vacate,   by_path, watch,
};
#define CALLS (sizeof(calls) / sizeof(*calls))

void tour_call(struct tour *tour, unsigned n, uint64_t id)
{
	calls[n % CALLS](tour, id);
}

void tour_all(struct tour *tour)
{
	static const struct {
		void (*call)(struct tour *t, uint64_t id);
		uint64_t ids[4];
	} steps[] = {
		{ ask_all, { 1 } },  { ask, { 1, 3, 7, 99 } }, { list, { 1, 4 } },       { holders, { 2, 3, 9 } },
		{ pin, { 1 } },      { use_pin, { 1, 2 } },    { pin_many, { 2 } },      { map, { 2, 10 } },
		{ snapshot, { 1 } }, { walk, { 1 } },          { reserve, { 1 } },       { add_and_remove, { 1 } },
		{ edit, { 6 } },     { retire, { 1 } },        { check, { 2, 1 } },      { sweep, { 1, 2 } },
		{ unpin, { 1 } },    { snapshot, { 2 } },      { release, { 1 } },       { forget, { 2, 7 } },
		{ sweep, { 2 } },    { list, { 2 } },          { discard, { 1, 6, 3 } }, { by_path, { 2, 1 } },
		{ watch, { 1, 2 } }, { vacate, { 1, 2 } },     { evict, { 16 } },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		for (size_t n = 0; n < 4 && steps[i].ids[n]; n++)
			steps[i].call(tour, steps[i].ids[n]);
}

void tour_close(struct tour *tour)
{
	uint64_t released;

	fuzz_rc(segreg_close(tour->reg, &released));
}
