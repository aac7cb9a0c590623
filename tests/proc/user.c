/*
 * user.c - a caller's own bytes of a segment: committed with it, shown wherever the segment is shown, never changed.
 */
#include "fault.h"
#include "harness.h"
#include "peer.h"
#include "reboot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct addition {
	uint64_t id;
	char path[SEGREG_PATH_MAX + 1];
	size_t user_size;
	unsigned char user[SEGREG_USER_SIZE];
};

/* Bytes that tell the id and the size. A NUL and any other value can be among them. */
static struct addition make_addition(uint64_t id, const char *path, size_t user_size)
{
	struct addition a = { .id = id, .user_size = user_size };

	snprintf(a.path, sizeof(a.path), "%s", path);
	for (size_t i = 0; i < user_size; i++)
		a.user[i] = (unsigned char)(id * 41 + i * (user_size + 3));
	return a;
}

static int add(struct segreg *reg, const struct addition *a, uint64_t *version)
{
	struct segreg_edit *edit;

	T_OK(segreg_edit_begin(reg, &edit));
	T_OK(segreg_edit_add(edit, a->id, a->path));
	T_OK(segreg_edit_set_user(edit, a->user, a->user_size));
	return segreg_edit_commit(edit, version);
}

static int do_add(struct peer_self *self, void *arg)
{
	return add(self->reg, arg, NULL);
}

static int do_reserve(struct peer_self *self, void *arg)
{
	const struct addition *a = arg;

	return segreg_reserve(self->reg, a->id, a->path);
}

/* ---------------------------------------------------------------- what is shown */

static struct segreg_entry entry_of(struct segreg *reg, uint64_t id)
{
	struct segreg_entry entry = { .size = sizeof(entry) };
	struct segreg_entry found = { .size = sizeof(found) };
	struct segreg_snapshot snapshot;
	int rc;

	T_OK(segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &snapshot));
	T_OK(segreg_snapshot_find(reg, &snapshot, id, &found));
	while ((rc = segreg_snapshot_next(reg, &snapshot, &entry)) == 1 && entry.id != id)
		;
	T_EQ(rc, 1);
	T_EQ(found.user_size, entry.user_size);
	T_CHECK(!memcmp(found.user, entry.user, sizeof(entry.user)));
	T_OK(segreg_snapshot_release(reg, &snapshot));
	return entry;
}

static void check_user(const struct addition *a, const unsigned char *user, size_t user_size)
{
	T_EQ(user_size, a->user_size);
	T_CHECK(!memcmp(user, a->user, SEGREG_USER_SIZE)); /* zeroes behind them */
}

static int keep_info(void *arg, const struct segreg_info *info)
{
	*(struct segreg_info *)arg = *info;
	return 0;
}

static void check_shown(struct segreg *reg, const struct addition *a)
{
	const struct segreg_entry entry = entry_of(reg, a->id);
	struct segreg_info info;

	check_user(a, entry.user, entry.user_size);
	T_STR(entry.path, a->path);
	T_OK(segreg_list_one(reg, a->id, keep_info, &info));
	check_user(a, info.user, info.user_size);
}

struct wanted {
	const struct addition *a;
	unsigned seen;
};

static int check_entry(void *arg, const struct segreg_log_entry *entry)
{
	struct wanted *wanted = arg;

	if (entry->id == wanted->a->id) {
		check_user(wanted->a, entry->user, entry->user_size);
		wanted->seen++;
	}
	return 0;
}

static unsigned in_journal(struct segreg *reg, const struct addition *a)
{
	struct wanted wanted = { .a = a };

	T_OK(segreg_log(reg, 0, check_entry, &wanted));
	return wanted.seen;
}

static int count_finding(void *arg, const struct segreg_finding *finding)
{
	(void)finding;
	++*(unsigned *)arg;
	return 0;
}

static unsigned findings(struct segreg *reg)
{
	unsigned n = 0;

	T_OK(segreg_check(reg, 0, count_finding, &n));
	return n;
}

/* ---------------------------------------------------------------- all along a segment's life */

#define SIZES 5

/* One for each number below 1000; valid until the next call. */
static const char *longest_path(unsigned number)
{
	static char path[SEGREG_PATH_MAX + 1];

	memset(path, 'p', SEGREG_PATH_MAX);
	for (size_t i = 200; i < SEGREG_PATH_MAX; i += 200) /* a name has at most 255 bytes */
		path[i] = '/';
	snprintf(path, 4, "%03u", number);
	path[3] = '/';
	path[SEGREG_PATH_MAX] = '\0';
	return path;
}

static void make_dirs_above(const struct t_world *w, const char *path)
{
	char above[SEGREG_PATH_MAX + 1] = "";

	for (const char *at = strchr(path, '/'); at; at = strchr(at + 1, '/')) {
		memcpy(above, path, (size_t)(at - path));
		if (!t_exists(w, above))
			T_SYS(mkdir(t_path(w, "%s", above), 0755));
	}
}

static void make_dirs(const struct t_world *w, const char *path)
{
	make_dirs_above(w, path);
	t_make_dir(w, path, 100);
}

static void stays_with_the_segment(void)
{
	static const size_t sizes[SIZES] = { 0, 1, 17, SEGREG_USER_SIZE - 1, SEGREG_USER_SIZE };
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct addition a[2 * SIZES];

	for (unsigned i = 0; i < 2 * SIZES; i++) {
		a[i] = make_addition(i, i < SIZES ? t_segment(i) : longest_path(i), sizes[i % SIZES]);
		make_dirs(&w, a[i].path);
		T_OK(add(reg, &a[i], NULL));
	}
	T_EQ(findings(reg), 0);
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 2 * SIZES; i++)
			check_shown(reg, &a[i]);
		t_close(reg);
		if (round == 1)
			t_reboot(&w);
		reg = t_open(&w);
	}
	for (unsigned i = 0; i < SIZES; i++)
		T_OK(segreg_retire(reg, i));
	for (unsigned i = 0; i < SIZES; i++)
		T_OK(segreg_force_remove(reg, SIZES + i, 0));
	T_EQ(t_sweep(reg).deleted, SIZES);
	for (unsigned i = 0; i < 2 * SIZES; i++)
		T_EQ(in_journal(reg, &a[i]), 1);
	t_close(reg);
}

/* In a registry of which all slots are used, all with the longest text, a segment that goes makes room for one more. */
static void room_for_the_longest(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open_with(&w, (struct segreg_open_options){ .max_segments = 8 });

	for (unsigned id = 0; id < 24; id++) {
		const struct addition a = make_addition(id, longest_path(id), SEGREG_USER_SIZE);

		make_dirs(&w, a.path);
		if (id >= 8) {
			T_ERR(SEGREG_E_FULL, add(reg, &a, NULL));
			T_OK(segreg_retire(reg, id - 8));
			T_EQ(t_sweep(reg).deleted, 1);
		}
		T_OK(add(reg, &a, NULL));
		check_shown(reg, &a);
	}
	t_close(reg);
}

/* ---------------------------------------------------------------- what can be set */

static void of_the_last_addition(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	const struct addition one = make_addition(1, "seg-1", 3), none = make_addition(2, "seg-2", 0);
	unsigned char big[SEGREG_USER_SIZE + 1] = "";
	struct segreg_edit *edit;

	t_add(&w, reg, 9);
	t_make_segment(&w, 1);
	t_make_segment(&w, 2);
	T_OK(segreg_edit_begin(reg, &edit));
	T_ERR(SEGREG_E_INVAL, segreg_edit_set_user(edit, one.user, 3)); /* no addition */
	T_OK(segreg_edit_retire(edit, 9));
	T_ERR(SEGREG_E_INVAL, segreg_edit_set_user(edit, one.user, 3));
	T_OK(segreg_edit_add(edit, 1, "seg-1"));
	T_ERR(SEGREG_E_INVAL, segreg_edit_set_user(edit, big, sizeof(big)));
	T_ERR(SEGREG_E_INVAL, segreg_edit_set_user(edit, NULL, 1));
	T_ERR(SEGREG_E_INVAL, segreg_edit_set_user(NULL, big, 1));
	T_OK(segreg_edit_set_user(edit, big, SEGREG_USER_SIZE));
	T_OK(segreg_edit_retire(edit, 9));
	T_OK(segreg_edit_set_user(edit, one.user, 3)); /* 1 is still the last addition */
	T_OK(segreg_edit_add(edit, 2, "seg-2"));
	T_OK(segreg_edit_set_user(edit, big, 5));
	T_OK(segreg_edit_set_user(edit, NULL, 0));
	T_OK(segreg_edit_commit(edit, NULL));
	check_shown(reg, &one);
	check_shown(reg, &none);
	t_close(reg);
}

static void never_changed(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct addition a = make_addition(1, "seg-1", 7), other = a;
	uint64_t version = 0;

	t_make_segment(&w, 1);
	T_OK(add(reg, &a, &version));
	T_EQ(version, 1);
	T_OK(add(reg, &a, &version));
	T_EQ(version, 1);
	other.user[6] ^= 1;
	T_ERR(SEGREG_E_EXISTS, add(reg, &other, &version));
	T_HAS(segreg_last_error(), "segctl show 1");
	other = make_addition(1, "seg-1", 6);
	T_ERR(SEGREG_E_EXISTS, add(reg, &other, &version));
	T_ERR(SEGREG_E_EXISTS, segreg_register(reg, 1, "seg-1"));
	T_EQ(version, 1);
	check_shown(reg, &a);
	t_close(reg);
}

/* A program that was built before entries had these bytes. */
static void an_old_entry(void)
{
	struct {
		struct segreg_entry entry;
		unsigned char behind[64];
	} old;
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	const struct addition a = make_addition(1, "seg-1", SEGREG_USER_SIZE);
	struct segreg_snapshot snapshot;

	t_make_segment(&w, 1);
	T_OK(add(reg, &a, NULL));
	memset(&old, 0xee, sizeof(old));
	old.entry.size = offsetof(struct segreg_entry, user_size);
	old.entry.cursor = 0;
	T_OK(segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &snapshot));
	T_EQ(segreg_snapshot_next(reg, &snapshot, &old.entry), 1);
	T_OK(segreg_snapshot_find(reg, &snapshot, 1, &old.entry));
	T_STR(old.entry.path, "seg-1");
	for (const unsigned char *at = (unsigned char *)&old.entry.user_size; at < old.behind + sizeof(old.behind);
	     at++)
		T_EQ(*at, 0xee);
	for (old.entry.size = 0; old.entry.size < sizeof(old.entry); old.entry.size++)
		if (old.entry.size != offsetof(struct segreg_entry, user_size))
			T_ERR(SEGREG_E_INVAL, segreg_snapshot_next(reg, &snapshot, &old.entry));
	T_OK(segreg_snapshot_release(reg, &snapshot));
	t_close(reg);
}

/* ---------------------------------------------------------------- other processes */

/* The rider's edit goes to the leader as a letter. */
static void with_anothers_commit(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *leader = peer_start(&w, PEER_PROCESS), *rider = peer_start(&w, PEER_PROCESS);
	const struct addition a = make_addition(1, "seg-1", SEGREG_USER_SIZE), b = make_addition(2, "seg-2", 5);
	uint64_t commits;

	t_make_segment(&w, 1);
	t_make_segment(&w, 2);
	T_OK(peer_open(leader));
	T_OK(peer_open(rider));
	commits = t_stats(reg).commits;
	peer_run_to(leader, "group.leading", do_add, &a, sizeof(a));
	peer_run_to(rider, "letter.posted", do_add, &b, sizeof(b));
	peer_go_on(leader);
	T_OK(peer_end(leader, NULL));
	peer_go_on(rider);
	T_OK(peer_end(rider, NULL));
	T_EQ(t_stats(reg).commits, commits + 1);
	check_shown(reg, &a);
	check_shown(reg, &b);
	peer_exit(leader);
	peer_exit(rider);
	t_close(reg);
}

/* A builder is killed wherever it publishes: then all of the segment is there, or its reservation has ended. */
static void killed_while_publishing(void)
{
	static const char *const points[] = {
		"group.planned",  "edit.prepared",   "change.committing",
		"change.durable", "edit.publishing", "change.applied",
	};
	bool published = false;

	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
		struct t_world w = t_world(T_MEMORY);
		struct segreg *reg = t_open(&w);
		struct peer *builder = peer_start(&w, PEER_PROCESS);
		struct addition a = make_addition(1, "seg-1", SEGREG_USER_SIZE);

		T_OK(peer_open(builder));
		T_OK(peer_call(builder, do_reserve, &a, sizeof(a)));
		t_make_segment(&w, 1);
		peer_run_to(builder, points[i], do_add, &a, sizeof(a));
		peer_kill(builder);
		t_add(&w, reg, 5); /* repairs */
		published |= t_state(reg, 1) == SEGREG_LIVE;
		if (published) {
			check_shown(reg, &a);
		} else {
			T_EQ(t_state(reg, 1), SEGREG_BUILDING);
			T_EQ(t_sweep(reg).deleted, 1);
		}
		T_EQ(t_exists(&w, "seg-1"), published);
		T_EQ(findings(reg), 0);
		t_close(reg);
		reg = t_open(&w);
		if (published)
			check_shown(reg, &a);
		t_close(reg);
	}
	T_CHECK(published);
}

static int do_walk(struct peer_self *self, void *arg)
{
	struct segreg_entry entry = { .size = sizeof(entry) };
	struct segreg_snapshot snapshot;
	uint64_t ids = 0;
	int rc;

	T_OK(segreg_snapshot_take(self->reg, SEGREG_SNAPSHOT, &snapshot));
	while ((rc = segreg_snapshot_next(self->reg, &snapshot, &entry)) == 1)
		ids |= UINT64_C(1) << entry.id;
	memcpy(arg, &ids, sizeof(ids));
	T_OK(segreg_snapshot_release(self->reg, &snapshot));
	return rc;
}

/* A walk stands amid a segment that is unregistered by force; another segment gets its slot, with a text of its own. */
static void a_walk_mixes_no_two(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *reader = peer_start(&w, PEER_PROCESS);
	const struct addition a = make_addition(1, "seg-1", 5), b = make_addition(2, "seg-2", SEGREG_USER_SIZE);
	uint64_t ids = UINT64_MAX;

	t_make_segment(&w, 1);
	t_make_segment(&w, 2);
	T_OK(add(reg, &a, NULL));
	T_OK(peer_open(reader));
	peer_run_to(reader, "walk.reading", do_walk, &ids, sizeof(ids));
	T_OK(segreg_force_remove(reg, 1, SEGREG_FORCE));
	T_OK(add(reg, &b, NULL));
	peer_go_on(reader);
	T_OK(peer_end(reader, &ids));
	T_EQ(ids, 0); /* 1 is gone, and 2 is not of that version */
	check_shown(reg, &b);
	peer_exit(reader);
	t_close(reg);
}

/* The disk refuses the commits. There is room for one more text of that length, and each attempt gives it back. */
static void a_failed_publication_takes_no_room(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open_with(&w, (struct segreg_open_options){ .max_segments = 2 });
	struct addition a, b;

	a = make_addition(1, longest_path(1), SEGREG_USER_SIZE);
	b = make_addition(2, longest_path(2), SEGREG_USER_SIZE);
	make_dirs(&w, b.path);
	make_dirs_above(&w, a.path);
	T_OK(segreg_reserve(reg, 1, a.path));
	t_make_dir(&w, a.path, 10);
	t_fail_disk(t_path(&w, "registry/registry.mdb"), T_DATA_PAGES, ENOSPC);
	for (int i = 0; i < 3; i++)
		T_ERR(SEGREG_E_NOSPC, add(reg, &a, NULL));
	t_fail_disk(t_path(&w, "registry/registry.mdb"), T_DATA_PAGES, 0);
	T_OK(add(reg, &a, NULL));
	T_OK(add(reg, &b, NULL)); /* where the reservation's text was */
	check_shown(reg, &a);
	check_shown(reg, &b);
	t_close(reg);
}

T_SUITE(user,
	{ "a caller's own bytes stay with their segment, through restarts, up to its entry in the journal",
	  stays_with_the_segment },
	{ "a full registry has room for the longest texts, again and again", room_for_the_longest },
	{ "the bytes are those of the edit's last addition, and the last that were set", of_the_last_addition },
	{ "the bytes of a live segment never change", never_changed },
	{ "a program of an earlier segreg.h gets an entry without them", an_old_entry },
	{ "an edit that travels with another's commit takes them along", with_anothers_commit },
	{ "a builder that is killed while it publishes leaves all or nothing", killed_while_publishing },
	{ "a publication that the disk refuses takes no room", a_failed_publication_takes_no_room },
	{ "a walk never shows one segment with another's bytes", a_walk_mixes_no_two });
