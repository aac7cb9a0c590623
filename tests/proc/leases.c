/*
 * leases.c - retention leases hold segments without a process: which ones, beside other calls; what is refused.
 */
#include "fault.h"
#include "harness.h"
#include "leases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- what they hold */

static void holds_what_is_retired_after_its_floor(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	for (uint64_t id = 1; id <= 3; id++)
		t_add(&w, reg, id);
	T_OK(segreg_retire(reg, 1));
	T_OK(put_floor(reg, "backup", SEGREG_LEASE_NOW));
	T_OK(segreg_retire(reg, 2));
	t_add(&w, reg, 4); /* comes and goes after the lease: held all the same */
	T_OK(segreg_retire(reg, 4));
	T_EQ(t_sweep(reg).deleted, 1);
	T_EQ(t_state(reg, 1), SEGREG_E_NOENT);
	T_EQ(t_sweep(reg).held, 2);
	T_CHECK(t_exists(&w, "seg-2/data") && t_exists(&w, "seg-4/data"));
	T_OK(put_floor(reg, "backup", t_info(reg, 2).retired)); /* moves on: 2 goes, 4 stays */
	T_EQ(t_sweep(reg).deleted, 1);
	T_EQ(t_state(reg, 4), SEGREG_PENDING);
	T_OK(segreg_lease_drop(reg, "backup"));
	T_EQ(t_sweep(reg).deleted, 1);
	T_EQ(t_state(reg, 3), SEGREG_LIVE);
	t_close(reg);
}

static void holds_what_it_lists(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_lease_item items[3] = { { .id = 3 }, { .id = 1 }, { .id = 3 } };
	struct leases all;

	for (uint64_t id = 1; id <= 3; id++)
		t_add(&w, reg, id);
	T_OK(segreg_retire(reg, 1)); /* listed when it is retired already, and when it is still live */
	T_OK(segreg_lease_put(reg, "two", SEGREG_LEASE_LISTED, items, 3));
	T_OK(segreg_retire(reg, 2));
	T_OK(segreg_retire(reg, 3));
	T_EQ(t_sweep(reg).held, 2);
	T_EQ(t_state(reg, 2), SEGREG_E_NOENT);
	all = leases_of(reg);
	T_EQ(all.lease[0].items, 2); /* in order, each once */
	T_EQ(all.lease[0].first.id, 1);
	T_EQ(all.lease[0].first.born, t_info(reg, 1).born);
	T_OK(put_listed(reg, "two", 3)); /* floor and list change together */
	T_EQ(t_sweep(reg).deleted, 1);
	T_EQ(t_state(reg, 3), SEGREG_PENDING);
	T_OK(segreg_lease_drop(reg, "two"));
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

/* The id is used again: the lease means the segment that had it. */
static void holds_no_other_segment_of_that_id(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_lease_item item;

	t_add(&w, reg, 1);
	item = (struct segreg_lease_item){ .id = 1, .born = t_info(reg, 1).born };
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).deleted, 1);
	t_add(&w, reg, 1);
	T_OK(segreg_lease_put(reg, "old", SEGREG_LEASE_LISTED, &item, 1));
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

static void each_of_several_holds(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	T_OK(put_floor(reg, "a", SEGREG_LEASE_NOW));
	T_OK(put_listed(reg, "b", 1));
	T_OK(segreg_retire(reg, 1));
	T_OK(segreg_retire(reg, 2));
	T_OK(put_floor(reg, "c", SEGREG_LEASE_NOW)); /* too late for both */
	T_EQ(t_sweep(reg).held, 2);
	T_OK(segreg_lease_drop(reg, "a"));
	T_EQ(t_sweep(reg).held, 1);
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	T_OK(segreg_lease_drop(reg, "b"));
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

static void a_dry_run_sees_them(void)
{
	struct segreg_sweep_options dry = { .size = sizeof(dry), .flags = SEGREG_SWEEP_DRY_RUN };
	struct segreg_sweep_result result = { .size = sizeof(result) };
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	T_OK(put_listed(reg, "one", 1));
	T_OK(segreg_retire(reg, 1));
	T_OK(segreg_sweep(reg, &dry, &result));
	T_EQ(result.deleted, 0);
	T_EQ(result.held, 1);
	t_close(reg);
}

struct held {
	unsigned n;
	char lease[SEGREG_LEASE_NAME_MAX + 1], reason[256];
	int64_t pid;
};

static int note_held(void *arg, const struct segreg_sweep_event *event)
{
	struct held *held = arg;

	if (event->action != SEGREG_SWEEP_HELD)
		return 0;
	held->n++;
	held->pid = event->pid;
	strcpy(held->lease, event->lease);
	strcpy(held->reason, event->reason);
	return 0;
}

static void a_sweep_names_the_lease(void)
{
	struct held held = { .n = 0 };
	struct segreg_sweep_options options = { .size = sizeof(options), .fn = note_held, .arg = &held };
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	T_OK(put_listed(reg, "nightly", 1));
	T_OK(segreg_retire(reg, 1));
	T_OK(segreg_sweep(reg, &options, NULL));
	T_EQ(held.n, 1);
	T_EQ(held.pid, 0);
	T_STR(held.lease, "nightly");
	T_STR(held.reason, "the lease nightly");
	t_close(reg);
}

static void says_what_it_holds(void)
{
	const struct segreg_lease_item items[] = { { 1, 5 }, { 3, 5 }, { 3, 9 }, { UINT64_MAX, 1 } };
	struct segreg_lease lease = { .name = "x", .floor = 7, .items = items, .n = 4 };

	T_EQ(segreg_lease_holds(&lease, 2, 5, 7), 0);
	T_EQ(segreg_lease_holds(&lease, 2, 5, 8), 1);
	T_EQ(segreg_lease_holds(&lease, 2, 5, 0), 1); /* live */
	for (size_t i = 0; i < 4; i++)
		T_EQ(segreg_lease_holds(&lease, items[i].id, items[i].born, 6), 1);
	T_EQ(segreg_lease_holds(&lease, 3, 7, 6), 0);
	lease.floor = SEGREG_LEASE_LISTED;
	T_EQ(segreg_lease_holds(&lease, 2, 5, 0), 0);
	T_EQ(segreg_lease_holds(&lease, 2, 5, 8), 0);
	T_EQ(segreg_lease_holds(&lease, 1, 5, 0), 1);
	T_EQ(segreg_lease_holds(NULL, 1, 5, 0), 0);
}

/* ---------------------------------------------------------------- other calls */

static void keeps_the_name_and_the_record(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_make_file(&w, "log", 100);
	T_OK(segreg_register(reg, 1, "log"));
	T_OK(put_floor(reg, "far", SEGREG_LEASE_NOW));
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(reg, 1, 0)); /* live, and will be held */
	T_HAS(segreg_last_error(), "far");
	T_OK(segreg_retire(reg, 1));
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(reg, 1, 0));
	T_ERR(SEGREG_E_EXISTS, segreg_vacate(reg, "log"));
	T_HAS(segreg_last_error(), "far");
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	T_CHECK(t_exists(&w, "log"));
	T_OK(segreg_force_remove(reg, 1, SEGREG_FORCE));
	T_EQ(t_state(reg, 1), SEGREG_E_NOENT);
	t_close(reg);
}

/* A lease that is put now does not hold what was discarded before, even if that is not durable yet. */
static void holds_no_earlier_discard(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	const char *path = "old";

	t_make_file(&w, path, 100);
	T_OK(segreg_discard(reg, &path, 1, SEGREG_DISCARD_RELAXED));
	T_OK(put_floor(reg, "new", SEGREG_LEASE_NOW));
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

struct counted {
	unsigned leased, dropped;
};

static int count_entry(void *arg, const struct segreg_log_entry *entry)
{
	struct counted *counted = arg;

	if (entry->kind == SEGREG_LOG_LEASED || entry->kind == SEGREG_LOG_LEASE_DROPPED)
		T_STR(entry->path, "a");
	counted->leased += entry->kind == SEGREG_LOG_LEASED;
	counted->dropped += entry->kind == SEGREG_LOG_LEASE_DROPPED;
	return 0;
}

static void the_journal_has_first_and_last(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct counted counted = { 0 };
	uint64_t commits, version;
	struct leases all;

	t_add(&w, reg, 1);
	T_OK(put_floor(reg, "a", 0));
	version = t_version(reg);
	all = leases_of(reg);
	T_OK(put_floor(reg, "a", 1));
	T_EQ(leases_of(reg).lease[0].put_at, all.lease[0].put_at);
	T_CHECK(leases_of(reg).lease[0].changed_at > all.lease[0].changed_at);
	commits = t_stats(reg).commits;
	T_OK(put_floor(reg, "a", 1)); /* what changes nothing costs no commit */
	T_OK(put_floor(reg, "a", SEGREG_LEASE_NOW));
	T_EQ(t_stats(reg).commits, commits);
	T_EQ(t_version(reg), version);
	T_OK(segreg_lease_drop(reg, "a"));
	T_OK(segreg_log(reg, 0, count_entry, &counted));
	T_EQ(counted.leased, 1);
	T_EQ(counted.dropped, 1);
	t_close(reg);
}

/* ---------------------------------------------------------------- bad input */

static void refuses_what_makes_no_sense(void)
{
	char longest[SEGREG_LEASE_NAME_MAX + 2];
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	const struct segreg_lease_item item = { 1, 1 };
	static const char *const bad[] = { "", "a b", "a/b", "a\n", "\x1b[1m", "\xc3\xa4", "a,b" };

	memset(longest, 'x', sizeof(longest));
	longest[SEGREG_LEASE_NAME_MAX + 1] = '\0';
	T_ERR(SEGREG_E_INVAL, put_floor(reg, longest, 0));
	longest[SEGREG_LEASE_NAME_MAX] = '\0';
	T_OK(put_floor(reg, longest, 0));
	T_STR(leases_of(reg).lease[0].name, longest);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		T_ERR(SEGREG_E_INVAL, put_floor(reg, bad[i], 0));
		T_ERR(SEGREG_E_INVAL, segreg_lease_drop(reg, bad[i]));
	}
	T_ERR(SEGREG_E_INVAL, put_floor(reg, NULL, 0));
	T_ERR(SEGREG_E_INVAL, put_floor(reg, "a", t_version(reg) + 1));
	T_ERR(SEGREG_E_INVAL, segreg_lease_put(reg, "a", 0, NULL, 1));
	T_ERR(SEGREG_E_INVAL, segreg_lease_put(reg, "a", 0, &item, SEGREG_LEASE_ITEMS_MAX + 1));
	T_ERR(SEGREG_E_NOENT, put_listed(reg, "a", 77));
	T_OK(segreg_reserve(reg, 5, "building"));
	T_ERR(SEGREG_E_NOENT, put_listed(reg, "a", 5));
	T_ERR(SEGREG_E_NOENT, segreg_lease_drop(reg, "a"));
	T_ERR(SEGREG_E_INVAL, segreg_lease_list(reg, NULL, NULL));
	T_EQ(leases_of(reg).n, 1);
	t_close(reg);
}

static void as_many_as_there_may_be(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_lease_item *items = calloc(SEGREG_LEASE_ITEMS_MAX, sizeof(*items));
	char name[32];

	t_add(&w, reg, 1);
	for (unsigned i = 0; i < SEGREG_LEASE_ITEMS_MAX; i++)
		items[i] = (struct segreg_lease_item){ .id = 2 * SEGREG_LEASE_ITEMS_MAX - 2 * i, .born = i + 1 };
	items[7] = (struct segreg_lease_item){ .id = 1, .born = t_info(reg, 1).born };
	T_OK(segreg_lease_put(reg, "long", SEGREG_LEASE_LISTED, items, SEGREG_LEASE_ITEMS_MAX));
	T_EQ(leases_of(reg).lease[0].items, SEGREG_LEASE_ITEMS_MAX);
	free(items);
	for (unsigned i = 1; i < SEGREG_LEASES_MAX; i++) {
		sprintf(name, "l%u", i);
		T_OK(put_floor(reg, name, SEGREG_LEASE_LISTED));
	}
	T_ERR(SEGREG_E_FULL, put_floor(reg, "more", 0));
	T_OK(put_floor(reg, "l1", 0)); /* that is no new one */
	T_OK(put_floor(reg, "l1", SEGREG_LEASE_LISTED));
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).held, 1);
	T_OK(segreg_lease_drop(reg, "long"));
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

static void let_memory_fail(void *arg, const char *point)
{
	(void)arg;
	(void)point;
	t_fail_call("malloc", 1, ENOMEM);
}

/* A sweep that cannot read the leases deletes nothing. */
static void unreadable_leases_stop_a_sweep(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	T_OK(put_floor(reg, "far", SEGREG_LEASE_NOW));
	T_OK(segreg_retire(reg, 1));
	t_at_point("sweep.queued", 1, let_memory_fail, NULL);
	T_ERR(SEGREG_E_NOMEM, segreg_sweep(reg, NULL, NULL));
	T_EQ(t_failed_calls(), 1);
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	T_EQ(t_sweep(reg).held, 1);
	t_close(reg);
}

T_SUITE(leases, { "a lease holds what is retired after its floor", holds_what_is_retired_after_its_floor },
	{ "a lease holds what it lists", holds_what_it_lists },
	{ "a lease holds no later segment of the same id", holds_no_other_segment_of_that_id },
	{ "each of several leases holds", each_of_several_holds }, { "a dry run sees leases", a_dry_run_sees_them },
	{ "a sweep names the lease that holds", a_sweep_names_the_lease },
	{ "a lease says what it holds", says_what_it_holds },
	{ "a lease keeps the name and the record of a segment", keeps_the_name_and_the_record },
	{ "a lease does not hold what was discarded before", holds_no_earlier_discard },
	{ "the journal has the first and the last of a lease", the_journal_has_first_and_last },
	{ "a lease that makes no sense is refused", refuses_what_makes_no_sense },
	{ "as many leases and items as there may be", as_many_as_there_may_be },
	{ "leases that cannot be read stop a sweep", unreadable_leases_stop_a_sweep });
