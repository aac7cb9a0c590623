/*
 * edits.c - edits that mix everything, that may fail half-way, or that expect something.
 */
#include "harness.h"
#include "peer.h"
#include "reboot.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------------------------------------------------------- all or nothing */

/* Publishes 10, adds 11, retires 1 and 10, adds and retires 12. */
static struct segreg_edit *mixed_edit(struct segreg *reg)
{
	struct segreg_edit *edit = t_edit(reg);

	T_OK(segreg_edit_add(edit, 10, "seg-10"));
	T_OK(segreg_edit_add(edit, 11, "seg-11"));
	T_OK(segreg_edit_retire(edit, 1));
	T_OK(segreg_edit_add(edit, 12, "seg-12"));
	T_OK(segreg_edit_retire(edit, 12));
	return edit;
}

static struct segreg *prepare_mixed(const struct t_world *world)
{
	struct segreg *reg = t_open(world);

	t_add(world, reg, 1);
	T_OK(segreg_reserve(reg, 10, "seg-10"));
	for (uint64_t id = 10; id <= 12; id++)
		t_make_segment(world, id);
	return reg;
}

static void mixed(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = prepare_mixed(&w);
	uint64_t version = 77;

	T_OK(segreg_edit_commit(mixed_edit(reg), &version));
	T_EQ(version, 2);
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	T_EQ(t_state(reg, 10), SEGREG_LIVE);
	T_EQ(t_state(reg, 11), SEGREG_LIVE);
	T_EQ(t_state(reg, 12), SEGREG_PENDING);
	T_EQ(t_info(reg, 1).retired, 2);
	T_EQ(t_info(reg, 10).born, 2);
	T_EQ(t_info(reg, 12).born, 2);
	T_EQ(t_info(reg, 12).retired, 2);
	T_EQ(t_sweep(reg).deleted, 2);
	T_CHECK(t_exists(&w, "seg-10") && t_exists(&w, "seg-11") && !t_exists(&w, "seg-12"));
	t_close(reg);
	t_reboot(&w);
	reg = t_open(&w);
	T_EQ(t_info(reg, 10).born, 2);
	T_EQ(t_sweep(reg).deleted, 0);
	t_close(reg);
}

static void expect_untouched(struct segreg *reg)
{
	T_EQ(t_version(reg), 1);
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	T_EQ(t_state(reg, 10), SEGREG_BUILDING);
	T_EQ(t_state(reg, 11), SEGREG_E_NOENT);
	T_EQ(t_state(reg, 12), SEGREG_E_NOENT);
	T_EQ(t_info(reg, 1).retired, 0);
}

static void mixed_with_a_mistake(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = prepare_mixed(&w);
	struct segreg_edit *edit = mixed_edit(reg);
	uint64_t version = 77;

	T_OK(segreg_edit_retire(edit, 99));
	T_ERR(SEGREG_E_NOENT, segreg_edit_commit(edit, &version));
	T_EQ(version, 77);
	expect_untouched(reg);
	edit = mixed_edit(reg);
	T_OK(segreg_edit_add(edit, 20, "seg-11"));
	T_ERR(SEGREG_E_EXISTS, segreg_edit_commit(edit, &version));
	expect_untouched(reg);
	segreg_edit_abort(mixed_edit(reg));
	segreg_edit_abort(NULL);
	expect_untouched(reg);
	T_EQ(t_sweep(reg).deleted, 0);
	T_OK(segreg_edit_commit(mixed_edit(reg), &version));
	T_EQ(version, 2);
	t_close(reg);
}

static int do_mixed(struct peer_self *self, void *arg)
{
	(void)arg;
	return segreg_edit_commit(mixed_edit(self->reg), NULL);
}

static int do_prepare(struct peer_self *self, void *arg)
{
	(void)arg;
	self->reg = prepare_mixed(&self->world);
	return 0;
}

/* Its committer is killed at each point in turn: all of it or nothing, and what was reserved goes with its builder. */
static void mixed_and_killed(void)
{
	static const struct {
		const char *point;
		unsigned nth;
		bool happened;
	} deaths[] = {
		{ "edit.prepared", 1, false },  { "change.committing", 1, false }, { "change.durable", 1, true },
		{ "edit.publishing", 1, true }, { "edit.publishing", 4, true },    { "change.applied", 1, true },
	};

	for (size_t i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
		struct t_world w = t_world(T_MEMORY);
		struct peer *editor = peer_start(&w, PEER_PROCESS);
		struct segreg *reg;

		T_OK(peer_call(editor, do_prepare, NULL, 0));
		reg = t_open(&w);
		peer_stop_at(editor, deaths[i].point, deaths[i].nth);
		peer_begin(editor, do_mixed, NULL, 0);
		T_CHECK(peer_stands(editor));
		peer_kill(editor);
		T_EQ(t_sweep(reg).deleted, deaths[i].happened ? 2 : 1);
		T_EQ(t_version(reg), deaths[i].happened ? 2 : 1);
		T_EQ(t_state(reg, 1), deaths[i].happened ? SEGREG_E_NOENT : SEGREG_LIVE);
		T_EQ(t_exists(&w, "seg-10"), deaths[i].happened);
		T_EQ(t_state(reg, 10), deaths[i].happened ? SEGREG_LIVE : SEGREG_E_NOENT);
		T_EQ(t_state(reg, 11), deaths[i].happened ? SEGREG_LIVE : SEGREG_E_NOENT);
		t_close(reg);
	}
}

/* ---------------------------------------------------------------- durable files */

#define SYNCS 9u /* of the segment below: 3 files, 4 directories; its parent, and the file of the other one */

static struct segreg_edit *syncing_edit(struct segreg *reg)
{
	struct segreg_edit *edit = t_edit(reg);

	T_OK(segreg_edit_sync(edit));
	T_OK(segreg_edit_add(edit, 1, "up/seg"));
	T_OK(segreg_edit_add(edit, 2, "up/file"));
	return edit;
}

static struct segreg *prepare_syncing(const struct t_world *world)
{
	T_SYS(mkdir(t_path(world, "up"), 0755));
	t_make_dir(world, "up/seg", 10);
	t_make_dir(world, "up/seg/a", 10);
	t_make_dir(world, "up/seg/a/b", 10);
	T_SYS(mkdir(t_path(world, "up/seg/a/empty"), 0755));
	T_SYS(symlink("data", t_path(world, "up/seg/link")));
	t_make_file(world, "up/file", 10);
	return t_open(world);
}

static void what_is_added_is_synced(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = prepare_syncing(&w);
	struct segreg_edit *edit;
	unsigned syncs;

	t_make_segment(&w, 3);
	t_fail_call("fsync", 0, 0); /* counts them */
	T_OK(segreg_register(reg, 3, "seg-3"));
	T_EQ(t_failed_calls(), 0);
	edit = syncing_edit(reg);
	T_OK(segreg_edit_retire(edit, 3));
	T_OK(segreg_edit_commit(edit, NULL));
	syncs = t_failed_calls();
	T_CHECK(syncs == SYNCS || syncs == SYNCS + 1); /* the parent once or twice */
	edit = t_edit(reg);
	T_OK(segreg_edit_sync(edit));
	T_OK(segreg_edit_retire(edit, 1));
	T_OK(segreg_edit_commit(edit, NULL));
	T_EQ(t_failed_calls(), syncs);
	T_EQ(t_version(reg), 3);
	t_close(reg);
}

static void failing_sync(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = prepare_syncing(&w);

	for (unsigned nth = 1; nth <= SYNCS; nth++) {
		t_fail_call("fsync", nth, EIO);
		T_ERR(SEGREG_E_IO, segreg_edit_commit(syncing_edit(reg), NULL));
		T_EQ(t_failed_calls(), 1);
		T_EQ(t_version(reg), 0);
		T_EQ(t_stats(reg).live, 0);
	}
	T_OK(segreg_edit_commit(syncing_edit(reg), NULL));
	T_EQ(t_stats(reg).live, 2);
	t_close(reg);
}

/* ---------------------------------------------------------------- expectations */

static void expected_version(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_edit *edit;
	uint64_t version = 77;

	t_add(&w, reg, 1);
	t_make_segment(&w, 2);
	for (uint64_t expected = 0; expected <= 2; expected += 2) {
		edit = t_edit(reg);
		T_OK(segreg_edit_expect(edit, expected));
		T_OK(segreg_edit_add(edit, 2, "seg-2"));
		T_OK(segreg_edit_retire(edit, 1));
		T_ERR(SEGREG_E_CONFLICT, segreg_edit_commit(edit, &version));
		T_EQ(version, 77);
		T_EQ(t_version(reg), 1);
		T_EQ(t_state(reg, 1), SEGREG_LIVE);
		T_EQ(t_state(reg, 2), SEGREG_E_NOENT);
	}
	edit = t_edit(reg);
	T_OK(segreg_edit_expect(edit, 1));
	T_OK(segreg_edit_retire(edit, 1));
	T_OK(segreg_edit_commit(edit, &version));
	T_EQ(version, 2);
	T_EQ(t_sweep(reg).deleted, 1);
	edit = t_edit(reg);
	T_OK(segreg_edit_expect(edit, 2)); /* a sweep makes no version */
	T_OK(segreg_edit_add(edit, 2, "seg-2"));
	T_OK(segreg_edit_commit(edit, NULL));
	t_close(reg);
}

static void expected_to_be_live(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_edit *edit;

	for (uint64_t id = 1; id <= 2; id++)
		t_add(&w, reg, id);
	t_make_segment(&w, 3);
	T_OK(segreg_retire(reg, 1));
	T_OK(segreg_retire(reg, 1)); /* alone, twice is fine */
	edit = t_edit(reg);
	T_OK(segreg_edit_expect_live(edit));
	T_OK(segreg_edit_add(edit, 3, "seg-3"));
	T_OK(segreg_edit_retire(edit, 2));
	T_OK(segreg_edit_retire(edit, 1));
	T_ERR(SEGREG_E_CONFLICT, segreg_edit_commit(edit, NULL));
	T_EQ(t_version(reg), 3);
	T_EQ(t_state(reg, 2), SEGREG_LIVE);
	T_EQ(t_state(reg, 3), SEGREG_E_NOENT);
	edit = t_edit(reg);
	T_OK(segreg_edit_expect_live(edit));
	T_OK(segreg_edit_retire(edit, 2));
	T_OK(segreg_edit_retire(edit, 2));
	T_ERR(SEGREG_E_CONFLICT, segreg_edit_commit(edit, NULL));
	T_EQ(t_state(reg, 2), SEGREG_LIVE);
	T_EQ(t_sweep(reg).deleted, 1);
	edit = t_edit(reg);
	T_OK(segreg_edit_expect_live(edit));
	T_OK(segreg_edit_retire(edit, 1));
	T_ERR(SEGREG_E_NOENT, segreg_edit_commit(edit, NULL)); /* gone altogether */
	t_close(reg);
}

#define RACES 150u

struct compaction {
	uint64_t input, output;
	uint64_t version;
};

static int do_compact(struct peer_self *self, void *arg)
{
	struct compaction *compaction = arg;
	struct segreg_edit *edit = t_edit(self->reg);

	T_OK(segreg_edit_expect_live(edit));
	T_OK(segreg_edit_add(edit, compaction->output, t_segment(compaction->output)));
	T_OK(segreg_edit_retire(edit, compaction->input));
	return segreg_edit_commit(edit, &compaction->version);
}

static void two_compactors(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *compactor[2];
	unsigned won[2] = { 0 };

	for (unsigned i = 0; i < 2; i++) {
		compactor[i] = peer_start(&w, PEER_PROCESS);
		T_OK(peer_open(compactor[i]));
	}
	for (uint64_t race = 0; race < RACES; race++) {
		struct compaction compaction[2];
		int rc[2];

		t_add(&w, reg, 3 * race);
		for (unsigned i = 0; i < 2; i++) {
			compaction[i] = (struct compaction){ .input = 3 * race, .output = 3 * race + 1 + i };
			t_make_segment(&w, compaction[i].output);
		}
		for (unsigned i = 0; i < 2; i++) {
			unsigned which = (race + i) % 2; /* either may begin */

			peer_begin(compactor[which], do_compact, &compaction[which], sizeof(compaction[which]));
		}
		for (unsigned i = 0; i < 2; i++)
			rc[i] = peer_end(compactor[i], &compaction[i]);
		for (unsigned i = 0; i < 2; i++) {
			T_EQ(rc[i], rc[1 - i] == 0 ? SEGREG_E_CONFLICT : 0);
			T_EQ(t_state(reg, compaction[i].output), rc[i] == 0 ? SEGREG_LIVE : SEGREG_E_NOENT);
			won[i] += rc[i] == 0;
		}
		T_EQ(t_version(reg), 2 * (race + 1));
	}
	T_EQ(won[0] + won[1], RACES);
	T_EQ(t_sweep(reg).deleted, RACES);
	T_EQ(t_stats(reg).live, RACES);
	t_close(reg);
}

T_SUITE(edits, { "publications, additions and retirements happen at once, in their order", mixed },
	{ "a mistake among them undoes them all", mixed_with_a_mistake },
	{ "a committer that dies did all of them or nothing", mixed_and_killed },
	{ "what is added is made durable: files, directories, and the directory above", what_is_added_is_synced },
	{ "what cannot be made durable is not added", failing_sync },
	{ "an edit on another version than expected changes nothing", expected_version },
	{ "an edit that retires what is not live changes nothing", expected_to_be_live },
	{ "of two compactors with one input exactly one wins, 150 times", two_compactors });
