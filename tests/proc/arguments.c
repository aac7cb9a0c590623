/*
 * arguments.c - every public call refuses every wrong argument, by SEGREG_E_INVAL and a text, and does nothing.
 */
#include "harness.h"
#include "world.h"

#include <string.h>

static int nothing_for_info(void *arg, const struct segreg_info *info)
{
	(void)arg, (void)info;
	return 0;
}

static int nothing_for_hold(void *arg, const struct segreg_hold *hold)
{
	(void)arg;
	(void)hold;
	return 0;
}

static int nothing_for_holder(void *arg, const struct segreg_holder *holder)
{
	(void)arg, (void)holder;
	return 0;
}

static int nothing_for_finding(void *arg, const struct segreg_finding *finding)
{
	(void)arg, (void)finding;
	return 0;
}

static int nothing_for_entry(void *arg, const struct segreg_log_entry *entry)
{
	(void)arg, (void)entry;
	return 0;
}

static int nothing_for_snapshot(void *arg, const struct segreg_entry *entry)
{
	(void)arg, (void)entry;
	return 0;
}

static int nothing_for_item(void *arg, const struct segreg_debug_item *item)
{
	(void)arg, (void)item;
	return 0;
}

/* A text of its own. */
#define REFUSED(call)                                                                                                  \
	do {                                                                                                           \
		t_forget_text();                                                                                       \
		T_ERR(SEGREG_E_INVAL, (call));                                                                         \
		T_HAS(segreg_last_error(), "invalid argument");                                                        \
	} while (0)

/* Every call with what is no open handle. */
static void refuse_handle(struct segreg *reg)
{
	struct segreg_stats stats = { .size = sizeof(stats) };
	struct segreg_entry entry = { .size = sizeof(entry) };
	struct segreg_snapshot snapshot = { .kind = SEGREG_SNAPSHOT };
	struct segreg_pin pin = { .id = 1 };
	struct segreg_map map = { .pin = pin };
	struct segreg_watch watch = { .fd = -1, .what = SEGREG_WATCH_VERSION };
	struct segreg_edit *edit = NULL;
	char path[SEGREG_PATH_SIZE];
	enum segreg_state state;
	uint64_t number = 1;
	uint32_t ticket = 0;
	int fd = -1;

	REFUSED(segreg_register(reg, 1, "a"));
	REFUSED(segreg_reserve(reg, 1, "a"));
	REFUSED(segreg_unreserve(reg, 1));
	REFUSED(segreg_retire(reg, 1));
	REFUSED(segreg_force_remove(reg, 1, 0));
	REFUSED(segreg_is_discarded(reg, "a"));
	REFUSED(segreg_edit_begin(reg, &edit));
	REFUSED(segreg_version(reg, &number));
	REFUSED(segreg_wait(reg, 1, 0, NULL));
	REFUSED(segreg_pin(reg, 1, 0, &pin));
	REFUSED(segreg_pin_many(reg, &number, 1, 0, &pin));
	REFUSED(segreg_unpin(reg, &pin));
	REFUSED(segreg_unpin_many(reg, &pin, 1));
	REFUSED(segreg_pin_receive(reg, &pin, &pin));
	REFUSED(segreg_pin_path(reg, &pin, path, sizeof(path)));
	REFUSED(segreg_pin_open(reg, &pin, NULL, &fd));
	REFUSED(segreg_map(reg, 1, NULL, 0, &map));
	REFUSED(segreg_unmap(reg, &map));
	REFUSED(segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &snapshot));
	REFUSED(segreg_snapshot_release(reg, &snapshot));
	REFUSED(segreg_snapshot_trade(reg, SEGREG_SNAPSHOT, &snapshot));
	REFUSED(segreg_snapshot_receive(reg, &snapshot, &snapshot));
	REFUSED(segreg_snapshot_next(reg, &snapshot, &entry));
	REFUSED(segreg_snapshot_list(reg, &snapshot, SEGREG_BY_ID, nothing_for_snapshot, NULL));
	REFUSED(segreg_snapshot_find(reg, &snapshot, 1, &entry));
	REFUSED(segreg_is_live(reg, 1));
	REFUSED(segreg_state(reg, 1, &state));
	REFUSED(segreg_refcount(reg, 1, &number));
	REFUSED(segreg_stats(reg, &stats));
	REFUSED(segreg_list(reg, nothing_for_info, NULL));
	REFUSED(segreg_list_retired(reg, nothing_for_info, NULL));
	REFUSED(segreg_list_one(reg, 1, nothing_for_info, NULL));
	REFUSED(segreg_list_many(reg, &(uint64_t){ 1 }, 1, nothing_for_info, NULL));
	REFUSED(segreg_holders(reg, 1, nothing_for_holder, NULL));
	REFUSED(segreg_lanes(reg, nothing_for_holder, NULL));
	REFUSED(segreg_holds(reg, nothing_for_hold, NULL));
	REFUSED(segreg_check(reg, 0, nothing_for_finding, NULL));
	REFUSED(segreg_log(reg, 0, nothing_for_entry, NULL));
	REFUSED(segreg_sweep(reg, NULL, NULL));
	REFUSED(segreg_evict(reg, 0, 1, NULL));
	REFUSED(segreg_sweep_wait(reg, &ticket, 0));
	REFUSED(segreg_sweep_wake(reg));
	REFUSED(segreg_watch(reg, SEGREG_WATCH_VERSION, &watch));
	REFUSED(segreg_watch_clear(reg, &watch));
	REFUSED(segreg_unwatch(reg, &watch));
	REFUSED(segreg_wait_off(reg, 1));
	T_CHECK(!edit && fd == -1);
}

static void no_handle(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	unsigned char other[8192] = { 0 };

	refuse_handle(NULL);
	refuse_handle((struct segreg *)(void *)(other + 4096 - (uintptr_t)other % 64));
	t_close(reg);
	refuse_handle(reg);
	T_CHECK(!segreg_base_path(NULL));
	T_OK(segreg_close(NULL, NULL));
}

static void options_of_open(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg_open_options options = { .size = sizeof(options), .flags = SEGREG_CREATE | SEGREG_ADOPT };
	struct segreg *reg = NULL;

	REFUSED(segreg_open(NULL, NULL, &reg));
	REFUSED(segreg_open(w.dir, NULL, NULL));
	REFUSED(segreg_open(w.dir, &options, &reg));
	options.flags = 1u << 31;
	REFUSED(segreg_open(w.dir, &options, &reg));
	options = (struct segreg_open_options){ .size = 0, .flags = SEGREG_CREATE };
	REFUSED(segreg_open(w.dir, &options, &reg));
	options.size = sizeof(options);
	options.max_segments = SEGREG_MAX_SEGMENTS + 1;
	T_ERR(SEGREG_E_INVAL, segreg_open(w.dir, &options, &reg));
	options.max_segments = 1;
	options.max_lanes = SEGREG_MAX_LANES + 1;
	T_ERR(SEGREG_E_INVAL, segreg_open(w.dir, &options, &reg));
	T_CHECK(!reg && !t_exists(&w, "registry/registry.mdb"));
}

/* What a caller of a later version sets must not be ignored. */
static void unknown_members(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct {
		struct segreg_open_options known;
		uint64_t more;
	} later = { .known.size = sizeof(later), .more = 0 };
	struct {
		struct segreg_sweep_options known;
		uint64_t more;
	} sweep = { .known.size = sizeof(sweep), .more = 1 };
	struct segreg *reg = t_open(&w);

	t_close(reg);
	T_OK(segreg_open(w.dir, &later.known, &reg)); /* nothing is set there */
	REFUSED(segreg_sweep(reg, &sweep.known, NULL));
	t_close(reg);
	later.more = 1;
	reg = NULL;
	REFUSED(segreg_open(w.dir, &later.known, &reg));
	T_CHECK(!reg);
}

static void of_pins(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	char path[SEGREG_PATH_SIZE];
	uint64_t ids[] = { 1, 1 };
	struct segreg_pin pin, pins[2];
	struct segreg_map map;
	int fd = -1;

	t_add(&w, reg, 1);
	REFUSED(segreg_pin(reg, 1, 0, NULL));
	REFUSED(segreg_pin(reg, 1, 2, &pin));
	REFUSED(segreg_pin_many(reg, NULL, 1, 0, pins));
	REFUSED(segreg_pin_many(reg, ids, 1, 0, NULL));
	REFUSED(segreg_pin_many(reg, ids, 1, 2, pins));
	REFUSED(segreg_map(reg, 1, "data", 2, &map));
	REFUSED(segreg_map(reg, 1, "data", 0, NULL));
	REFUSED(segreg_unmap(reg, NULL));
	REFUSED(segreg_unpin(reg, NULL));
	REFUSED(segreg_unpin_many(reg, NULL, 1));
	T_EQ(t_refcount(reg, 1), 0);
	T_OK(segreg_pin(reg, 1, 0, &pin));
	REFUSED(segreg_pin_receive(reg, NULL, &pins[0]));
	REFUSED(segreg_pin_receive(reg, &pin, NULL));
	REFUSED(segreg_pin_path(reg, NULL, path, sizeof(path)));
	REFUSED(segreg_pin_path(reg, &pin, NULL, sizeof(path)));
	REFUSED(segreg_pin_path(reg, &pin, path, 3));
	REFUSED(segreg_pin_open(reg, NULL, "data", &fd));
	REFUSED(segreg_pin_open(reg, &pin, "data", NULL));
	REFUSED(segreg_pin_open(reg, &pin, "", &fd));
	T_EQ(fd, -1);
	T_EQ(t_refcount(reg, 1), 1);
	T_OK(segreg_pin_many(reg, NULL, 0, 0, NULL));
	T_OK(segreg_unpin_many(reg, NULL, 0));
	t_close(reg);
}

static void of_watches(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w), *other = t_open(&w);
	struct segreg_watch watch = { .fd = 77 }, none = { .fd = 0 };

	REFUSED(segreg_watch(reg, 0, &watch));
	REFUSED(segreg_watch(reg, 4, &watch));
	REFUSED(segreg_watch(reg, SEGREG_WATCH_VERSION, NULL));
	T_EQ(watch.fd, 77);
	REFUSED(segreg_watch_clear(reg, NULL));
	REFUSED(segreg_unwatch(reg, NULL));
	T_ERR(SEGREG_E_INVAL, segreg_watch_clear(reg, &none));
	T_ERR(SEGREG_E_INVAL, segreg_unwatch(reg, &none));
	T_OK(segreg_watch(reg, SEGREG_WATCH_VERSION, &watch));
	T_ERR(SEGREG_E_INVAL, segreg_watch_clear(other, &watch));
	T_ERR(SEGREG_E_INVAL, segreg_unwatch(other, &watch));
	T_OK(segreg_unwatch(reg, &watch));
	t_close(other);
	t_close(reg);
}

static void of_snapshots(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_snapshot snapshot, other;
	struct segreg_entry entry = { .size = 8 };

	REFUSED(segreg_snapshot_take(reg, SEGREG_SNAPSHOT, NULL));
	REFUSED(segreg_snapshot_take(reg, (enum segreg_snapshot_kind)3, &snapshot));
	REFUSED(segreg_snapshot_release(reg, NULL));
	T_OK(segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &snapshot));
	REFUSED(segreg_snapshot_list(reg, NULL, SEGREG_BY_ID, nothing_for_snapshot, NULL));
	REFUSED(segreg_snapshot_list(reg, &snapshot, (enum segreg_order)0, nothing_for_snapshot, NULL));
	REFUSED(segreg_snapshot_list(reg, &snapshot, (enum segreg_order)3, nothing_for_snapshot, NULL));
	REFUSED(segreg_snapshot_list(reg, &snapshot, SEGREG_BY_ID, NULL, NULL));
	REFUSED(segreg_snapshot_find(reg, NULL, 1, &entry));
	REFUSED(segreg_snapshot_find(reg, &snapshot, 1, NULL));
	REFUSED(segreg_snapshot_find(reg, &snapshot, 1, &entry));
	T_OK(segreg_snapshot_release(reg, &snapshot));
	T_OK(segreg_snapshot_take(reg, SEGREG_HORIZON, &snapshot));
	REFUSED(segreg_snapshot_next(reg, &snapshot, &entry));
	REFUSED(segreg_snapshot_list(reg, &snapshot, SEGREG_BY_ID, nothing_for_snapshot, NULL));
	entry.size = sizeof(entry);
	REFUSED(segreg_snapshot_next(reg, &snapshot, &entry)); /* a horizon has no walk */
	REFUSED(segreg_snapshot_find(reg, &snapshot, 1, &entry));
	REFUSED(segreg_snapshot_next(reg, &snapshot, NULL));
	REFUSED(segreg_snapshot_next(reg, NULL, &entry));
	REFUSED(segreg_snapshot_trade(reg, SEGREG_SNAPSHOT, NULL));
	REFUSED(segreg_snapshot_trade(reg, (enum segreg_snapshot_kind)0, &snapshot));
	REFUSED(segreg_snapshot_receive(reg, NULL, &other));
	REFUSED(segreg_snapshot_receive(reg, &snapshot, NULL));
	T_OK(segreg_snapshot_release(reg, &snapshot));
	t_close(reg);
}

static void of_edits(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_edit *edit;

	t_make_segment(&w, 1);
	REFUSED(segreg_register(reg, 1, NULL));
	REFUSED(segreg_reserve(reg, 1, NULL));
	REFUSED(segreg_force_remove(reg, 1, 4));
	REFUSED(segreg_edit_begin(reg, NULL));
	REFUSED(segreg_version(reg, NULL));
	REFUSED(segreg_edit_add(NULL, 1, "seg-1"));
	REFUSED(segreg_edit_retire(NULL, 1));
	REFUSED(segreg_edit_expect(NULL, 1));
	REFUSED(segreg_edit_expect_live(NULL));
	REFUSED(segreg_edit_sync(NULL));
	REFUSED(segreg_edit_token(NULL, (const unsigned char *)"sixteen letters."));
	REFUSED(segreg_edit_commit(NULL, NULL));
	segreg_edit_abort(NULL);
	T_OK(segreg_edit_begin(reg, &edit));
	REFUSED(segreg_edit_add(edit, 1, NULL));
	REFUSED(segreg_edit_token(edit, NULL));
	T_OK(segreg_edit_commit(edit, NULL));
	T_EQ(t_stats(reg).version, 0);
	t_close(reg);
}

static void of_questions(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_sweep_options options = { .size = sizeof(options), .flags = SEGREG_SWEEP_RETRY_NOW << 1 };
	struct segreg_sweep_result result = { .size = 4 };
	struct segreg_stats stats = { .size = 4 };
	char line[8];

	t_add(&w, reg, 1);
	T_OK(segreg_retire(reg, 1));
	REFUSED(segreg_state(reg, 1, NULL));
	REFUSED(segreg_refcount(reg, 1, NULL));
	REFUSED(segreg_stats(reg, NULL));
	REFUSED(segreg_stats(reg, &stats));
	REFUSED(segreg_stats_format(NULL, line, sizeof(line)));
	REFUSED(segreg_stats_format(&stats, line, sizeof(line)));
	REFUSED(segreg_list(reg, NULL, NULL));
	REFUSED(segreg_list_retired(reg, NULL, NULL));
	REFUSED(segreg_list_one(reg, 1, NULL, NULL));
	REFUSED(segreg_list_many(reg, &(uint64_t){ 1 }, 1, NULL, NULL));
	REFUSED(segreg_list_many(reg, NULL, 1, nothing_for_info, NULL));
	REFUSED(segreg_holders(reg, 1, NULL, NULL));
	REFUSED(segreg_lanes(reg, NULL, NULL));
	REFUSED(segreg_holds(reg, NULL, NULL));
	REFUSED(segreg_check(reg, 0, NULL, NULL));
	REFUSED(segreg_check(reg, 2, nothing_for_finding, NULL));
	REFUSED(segreg_log(reg, 0, NULL, NULL));
	REFUSED(segreg_debug("dir", NULL, NULL, NULL));
	REFUSED(segreg_debug(NULL, NULL, nothing_for_item, NULL));
	REFUSED(segreg_debug("", NULL, nothing_for_item, NULL));
	REFUSED(segreg_debug("dir", &(struct segreg_debug_options){ .flags = 0 }, nothing_for_item, NULL));
	REFUSED(segreg_debug("dir",
			     &(struct segreg_debug_options){ .size = sizeof(struct segreg_debug_options), .flags = 8 },
			     nothing_for_item, NULL));
	REFUSED(segreg_debug("dir",
			     &(struct segreg_debug_options){ .size = sizeof(struct segreg_debug_options), .flags = 6 },
			     nothing_for_item, NULL));
	REFUSED(segreg_sweep_wait(reg, NULL, 0));
	REFUSED(segreg_sweep(reg, &options, NULL));
	options.flags = 0;
	options.grace_ms = UINT64_MAX;
	REFUSED(segreg_sweep(reg, &options, NULL));
	REFUSED(segreg_sweep(reg, NULL, &result));
	options.size = 4;
	REFUSED(segreg_sweep(reg, &options, NULL));
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	t_close(reg);
}

static void names(void)
{
	for (int code = -SEGREG_E_NOFILE; code <= 100; code++)
		T_CHECK(segreg_strerror(-code) != NULL);
	T_STR(segreg_strerror(0), "success");
	T_STR(segreg_strerror(-1000), "unknown error");
	T_STR(segreg_state_name((enum segreg_state)99), segreg_state_name((enum segreg_state)98));
}

/* What a caller can do about it is in the text, not only the code. */
static void texts_about_paths(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	char name[257] = "";
	const char *const path = name;

	for (int i = 0; i < 3; i++) {
		const char *dots[] = { ".", ".//.", w.base };

		T_ERR(SEGREG_E_PATH, segreg_discard(reg, &dots[i], 1, 0));
		T_HAS(segreg_last_error(), "is the base directory");
	}
	memset(name, 'x', sizeof(name) - 1);
	for (unsigned flags = 0; flags < 2; flags++) {
		T_ERR(SEGREG_E_PATH, segreg_discard(reg, &path, 1, flags));
		T_HAS(segreg_last_error(), "component that is longer than its file system permits");
	}
	T_ERR(SEGREG_E_PATH, segreg_register(reg, 1, name));
	T_ERR(SEGREG_E_PATH, segreg_reserve(reg, 1, name));
	T_ERR(SEGREG_E_PATH, segreg_vacate(reg, name));
	T_ERR(SEGREG_E_NOENT, segreg_find(reg, name, NULL, NULL));
	t_close(reg);
}

T_SUITE(arguments, { "no call takes what is no open handle", no_handle }, { "opening", options_of_open },
	{ "members of a later version that are set are refused, and if not they are not", unknown_members },
	{ "pins and maps", of_pins }, { "snapshots", of_snapshots }, { "watches", of_watches }, { "edits", of_edits },
	{ "questions and sweeps", of_questions }, { "texts name what is wrong with a path", texts_about_paths },
	{ "names of errors and states", names });
