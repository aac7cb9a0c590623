/*
 * edges.c - what the registry answers at its edges: ids, paths and limits.
 */
#include "harness.h"
#include "peer.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------------------------------------------------------- registering */

static void register_again(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_info before, after;

	t_add(&w, reg, 1);
	before = t_info(reg, 1);
	T_OK(segreg_register(reg, 1, "seg-1"));
	after = t_info(reg, 1);
	T_EQ(t_stats(reg).version, 1);
	T_EQ(t_stats(reg).live, 1);
	T_EQ(after.born, before.born);
	T_EQ(after.registered_at, before.registered_at);
	t_close(reg);
}

/* What took the place of the registered is not taken for it; the way out that the text names leads out. */
static void register_replaced(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_edit *edit;
	struct stat was, now;
	char both[96];

	t_add(&w, reg, 1);
	T_SYS(stat(t_path(&w, "seg-1"), &was));
	T_SYS(rename(t_path(&w, "seg-1"), t_path(&w, "old")));
	t_make_segment(&w, 1);
	t_make_segment(&w, 2);
	T_SYS(stat(t_path(&w, "seg-1"), &now));
	T_ERR(SEGREG_E_EXISTS, segreg_register(reg, 1, "seg-1"));
	snprintf(both, sizeof(both), "another directory is there now (inode %ju, was %ju)", (uintmax_t)now.st_ino,
		 (uintmax_t)was.st_ino);
	T_HAS(segreg_last_error(), both);
	T_HAS(segreg_last_error(), "segreg_force_remove");
	T_OK(segreg_edit_begin(reg, &edit));
	T_OK(segreg_edit_add(edit, 2, "seg-2"));
	T_OK(segreg_edit_add(edit, 1, "seg-1"));
	T_ERR(SEGREG_E_EXISTS, segreg_edit_commit(edit, NULL));
	T_EQ(t_state(reg, 2), SEGREG_E_NOENT);
	T_EQ(t_stats(reg).version, 1);

	T_OK(segreg_force_remove(reg, 1, 0));
	T_OK(segreg_register(reg, 1, "seg-1"));
	T_OK(segreg_register(reg, 1, "seg-1"));
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).deleted, 1);
	T_CHECK(!t_exists(&w, "seg-1"));
	T_CHECK(t_exists(&w, "old"));

	t_make_file(&w, "seg-2/../file", 10);
	T_OK(segreg_register(reg, 3, "file"));
	T_SYS(unlink(t_path(&w, "file")));
	T_SYS(mkdir(t_path(&w, "file"), 0755));
	T_ERR(SEGREG_E_EXISTS, segreg_register(reg, 3, "file"));
	t_close(reg);
}

static void register_taken(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	T_SYS(mkdir(t_path(&w, "a"), 0755));
	t_make_dir(&w, "a/b", 100);
	t_make_dir(&w, "a/b/c", 100);
	t_make_dir(&w, "a/bc", 100);
	t_make_dir(&w, "a/b-d", 100);
	t_make_segment(&w, 2);
	T_OK(segreg_register(reg, 3, "a/bc"));
	T_OK(segreg_register(reg, 1, "a/b")); /* begins alike, but lies beside */
	T_OK(segreg_register(reg, 4, "a/b-d"));
	T_ERR(SEGREG_E_EXISTS, segreg_register(reg, 1, "seg-2"));
	T_ERR(SEGREG_E_EXISTS, segreg_register(reg, 2, "a/b"));
	T_ERR(SEGREG_E_EXISTS, segreg_register(reg, 2, "a"));
	T_ERR(SEGREG_E_EXISTS, segreg_register(reg, 2, "a/b/c"));
	T_ERR(SEGREG_E_EXISTS, segreg_register(reg, 2, "a/b/data"));
	T_EQ(t_stats(reg).live, 3);
	T_EQ(t_stats(reg).version, 3);
	T_OK(segreg_retire(reg, 1));
	T_ERR(SEGREG_E_EXISTS, segreg_register(reg, 1, "a/b"));
	T_ERR(SEGREG_E_EXISTS, segreg_register(reg, 2, "a/b/c"));
	T_EQ(t_sweep(reg).deleted, 1);
	T_OK(segreg_register(reg, 1, "seg-2"));
	t_close(reg);
}

static void refuse_path(struct segreg *reg, const char *path)
{
	int rc = segreg_register(reg, 1, path);

	if (rc != SEGREG_E_PATH)
		T_FAIL("registering \"%s\" gives %d (%s), not SEGREG_E_PATH", path, rc, segreg_strerror(rc));
	T_EQ(t_stats(reg).live, 0);
}

static void register_unusable_path(void)
{
	struct t_world w = t_world(T_MEMORY), other = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	static const char *const unusable[] = {
		"",
		"..",
		".",
		"seg-1/..",
		"seg-1/../seg-1",
		"./seg-1",
		"seg-1/",
		"seg-1//data",
		"registry",
		"registry/registry.mdb",
		".segreg",
		T_TRASH,
		"link",
		"link/data",
		"link-to-file",
		"fifo",
		"outside",
		"outside/seg-1",
	};
	struct segreg_edit *edit;

	t_make_segment(&w, 1);
	t_make_segment(&other, 1);
	T_SYS(symlink("seg-1", t_path(&w, "link")));
	T_SYS(symlink("seg-1/data", t_path(&w, "link-to-file")));
	T_SYS(symlink(other.base, t_path(&w, "outside")));
	T_SYS(mkfifo(t_path(&w, "fifo"), 0600));
	for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++)
		refuse_path(reg, unusable[i]);
	refuse_path(reg, t_path(&w, "seg-1"));
	refuse_path(reg, t_path(&other, "seg-1"));
	/* In an edit, too, after a good one in the same directory. */
	T_OK(segreg_edit_begin(reg, &edit));
	T_OK(segreg_edit_add(edit, 1, "seg-1"));
	for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++)
		T_ERR(SEGREG_E_PATH, segreg_edit_add(edit, 2, unusable[i]));
	T_ERR(SEGREG_E_NOENT, segreg_edit_add(edit, 2, "missing"));
	segreg_edit_abort(edit);
	T_ERR(SEGREG_E_NOENT, segreg_register(reg, 1, "missing"));
	T_ERR(SEGREG_E_NOENT, segreg_register(reg, 1, "seg-1/missing"));
	T_ERR(SEGREG_E_NOENT, segreg_register(reg, 1, "seg-1/data/below"));
	T_EQ(t_stats(reg).version, 0);
	t_close(reg);
}

static void register_long_path(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	char path[SEGREG_PATH_MAX + 2];

	memset(path, 'x', sizeof(path));
	path[250] = '\0';
	T_SYS(mkdir(t_path(&w, "%s", path), 0755));
	path[250] = '/';
	path[SEGREG_PATH_MAX + 1] = '\0';
	t_make_dir(&w, path, 10);
	refuse_path(reg, path);
	path[SEGREG_PATH_MAX] = '\0';
	t_make_dir(&w, path, 10);
	T_OK(segreg_register(reg, 1, path));
	T_STR(t_info(reg, 1).path, path);
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).deleted, 1);
	T_CHECK(!t_exists(&w, path));
	t_close(reg);
}

/* ---------------------------------------------------------------- retiring */

static void retire_unknown_and_twice(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_info first, second;

	T_ERR(SEGREG_E_NOENT, segreg_retire(reg, 1));
	t_add(&w, reg, 1);
	T_OK(segreg_retire(reg, 1));
	first = t_info(reg, 1);
	t_add(&w, reg, 2);
	T_OK(segreg_retire(reg, 1));
	second = t_info(reg, 1);
	T_EQ(first.retired, 2);
	T_EQ(second.retired, 2);
	T_EQ(second.retired_at, first.retired_at);
	T_EQ(t_stats(reg).version, 3);
	T_EQ(t_stats(reg).pending, 1);
	t_close(reg);
}

static void retire_while_pinned(void)
{
	struct t_world w = t_world(T_DISK);
	struct peer *peer = peer_start(&w, PEER_PROCESS), *reader = peer_start(&w, PEER_PROCESS);
	struct segreg *reg;

	T_OK(peer_open(peer));
	T_OK(peer_open(reader));
	t_make_segment(&w, 1);
	T_OK(peer_register(peer, 1, "seg-1"));
	T_OK(peer_pin(reader, 1));
	T_OK(peer_retire(peer, 1));
	T_ERR(SEGREG_E_NOENT, peer_pin_flags(reader, 1, SEGREG_PIN_LIVE));
	struct segreg_sweep_result swept;
	T_OK(peer_sweep(peer, &swept));
	T_EQ(swept.held, 1);
	T_CHECK(t_exists(&w, "seg-1/data"));
	peer_kill(peer);
	peer_kill(reader);
	reg = t_open(&w); /* nobody was left: from the disk alone */
	T_EQ(t_stats(reg).starts, 2);
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	T_EQ(t_sweep(reg).deleted, 1);
	T_CHECK(!t_exists(&w, "seg-1"));
	t_close(reg);
}

static bool snapshot_has(struct segreg *reg, const struct segreg_snapshot *snapshot, uint64_t id)
{
	struct segreg_entry entry = { .size = sizeof(entry) };
	unsigned found = 0;
	int rc;

	while ((rc = segreg_snapshot_next(reg, snapshot, &entry)) == 1)
		found += entry.id == id;
	T_EQ(rc, 0);
	return found == 1;
}

static void retire_between_snapshots(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_snapshot before, after;

	t_add(&w, reg, 1);
	T_OK(segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &before));
	T_OK(segreg_retire(reg, 1));
	T_OK(segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &after));
	T_CHECK(snapshot_has(reg, &before, 1));
	T_CHECK(!snapshot_has(reg, &after, 1));
	T_EQ(t_sweep(reg).held, 1);
	T_CHECK(t_exists(&w, "seg-1/data"));
	T_OK(segreg_snapshot_release(reg, &before));
	T_EQ(t_sweep(reg).deleted, 1);
	T_OK(segreg_snapshot_release(reg, &after));
	t_close(reg);
}

/* ---------------------------------------------------------------- limits */

static void lanes_full(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open_with(&w, (struct segreg_open_options){ .max_lanes = 3 }), *fourth = NULL;
	struct peer *peer = peer_start(&w, PEER_PROCESS), *victim = peer_start(&w, PEER_PROCESS);

	T_OK(peer_open(peer));
	T_OK(peer_open(victim));
	T_ERR(SEGREG_E_FULL, segreg_open(w.dir, NULL, &fourth));
	T_HAS(segreg_last_error(), "3");
	T_CHECK(!fourth);
	T_EQ(t_stats(reg).lanes, 3);
	peer_kill(victim);
	T_OK(segreg_open(w.dir, NULL, &fourth));
	T_EQ(t_stats(reg).lanes, 3);
	T_EQ(t_stats(reg).reclaimed, 1);
	t_close(fourth);
	t_close(reg);
}

static void slots_full(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open_with(&w, (struct segreg_open_options){ .max_segments = 4 });
	struct peer *holder = peer_start(&w, PEER_PROCESS);
	uint64_t version;

	T_OK(peer_open(holder));
	for (uint64_t id = 1; id <= 4; id++)
		t_add(&w, reg, id);
	t_make_segment(&w, 5);
	T_ERR(SEGREG_E_FULL, segreg_register(reg, 5, "seg-5"));
	T_HAS(segreg_last_error(), "4");
	T_EQ(t_state(reg, 5), SEGREG_E_NOENT);
	T_EQ(t_stats(reg).version, 4);
	T_EQ(t_stats(reg).live, 4);
	/* Unregistered, but its slot is kept for the holder; when that dies, its slot is taken back. */
	T_OK(peer_pin(holder, 4));
	T_OK(segreg_force_remove(reg, 4, SEGREG_FORCE));
	T_ERR(SEGREG_E_FULL, segreg_register(reg, 5, "seg-5"));
	version = t_stats(reg).version;
	peer_kill(holder);
	T_OK(segreg_register(reg, 5, "seg-5"));
	T_EQ(t_stats(reg).version, version + 1);
	T_EQ(t_stats(reg).live, 4);
	t_close(reg);
}

static void slots_full_in_an_edit(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open_with(&w, (struct segreg_open_options){ .max_segments = 4 });
	struct segreg_edit *edit;

	for (uint64_t id = 1; id <= 5; id++)
		t_make_segment(&w, id);
	T_OK(segreg_register(reg, 1, "seg-1"));
	T_OK(segreg_edit_begin(reg, &edit));
	T_OK(segreg_edit_retire(edit, 1));
	for (uint64_t id = 2; id <= 5; id++)
		T_OK(segreg_edit_add(edit, id, t_segment(id)));
	T_ERR(SEGREG_E_FULL, segreg_edit_commit(edit, NULL));
	T_EQ(t_state(reg, 1), SEGREG_LIVE); /* all of it or nothing */
	T_EQ(t_stats(reg).live, 1);
	T_EQ(t_stats(reg).version, 1);
	for (uint64_t id = 2; id <= 4; id++)
		T_OK(segreg_register(reg, id, t_segment(id))); /* and no slot was lost */
	t_close(reg);
}

/* ---------------------------------------------------------------- unregistering */

static void force_remove_held(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w), *reader = t_open(&w);
	struct segreg_pin pin, other;
	char path[SEGREG_PATH_SIZE];
	int fd;

	t_add(&w, reg, 1);
	T_ERR(SEGREG_E_NOENT, segreg_force_remove(reg, 2, SEGREG_FORCE));
	T_OK(segreg_pin(reader, 1, 0, &pin));
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(reg, 1, 0));
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	T_OK(segreg_force_remove(reg, 1, SEGREG_FORCE));
	T_ERR(SEGREG_E_NOENT, segreg_pin(reg, 1, 0, &other));
	T_OK(segreg_pin_path(reader, &pin, path, sizeof(path)));
	T_STR(path, t_path(&w, "seg-1"));
	T_OK(segreg_pin_open(reader, &pin, "data", &fd));
	T_CHECK(t_fd_has_pattern(fd, 4096));
	close(fd);
	/* The caller's files again: they may be registered anew, beside the old pin. */
	T_OK(segreg_register(reg, 1, "seg-1"));
	T_EQ(t_refcount(reg, 1), 0);
	T_EQ(t_sweep(reg).deleted, 0);
	T_OK(segreg_unpin(reader, &pin));
	T_EQ(t_refcount(reg, 1), 0);
	T_CHECK(t_exists(&w, "seg-1/data"));
	t_close(reader);
	t_close(reg);
}

static void force_remove_deleting(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *sweeper = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);

	T_OK(peer_open(sweeper));
	t_add(&w, reg, 1);
	T_OK(segreg_retire(reg, 1));
	peer_run_to(sweeper, "trash.renamed", peer_do_sweep, NULL, 0);
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(reg, 1, 0));
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(reg, 1, SEGREG_FORCE));
	peer_go_on(sweeper);
	T_OK(peer_end(sweeper, NULL));
	T_EQ(t_state(reg, 1), SEGREG_E_NOENT);
	t_close(reg);
}

static int note_retired(void *arg, const struct segreg_info *info)
{
	uint64_t *ids = arg;

	T_CHECK(info->state == SEGREG_PENDING || info->state == SEGREG_DELETING);
	*ids |= 1u << info->id;
	return 0;
}

static void lists_the_retired(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_pin pin;
	uint64_t ids = 0;

	for (uint64_t id = 1; id <= 5; id++)
		t_add(&w, reg, id);
	T_OK(segreg_list_retired(reg, note_retired, &ids));
	T_EQ(ids, 0);
	T_OK(segreg_pin(reg, 2, 0, &pin));
	T_OK(segreg_retire(reg, 2));
	T_OK(segreg_retire(reg, 4));
	T_OK(segreg_list_retired(reg, note_retired, &ids));
	T_EQ(ids, 1u << 2 | 1u << 4);
	T_EQ(t_sweep(reg).deleted, 1);
	ids = 0;
	T_OK(segreg_list_retired(reg, note_retired, &ids));
	T_EQ(ids, 1u << 2);
	T_OK(segreg_unpin(reg, &pin));
	t_close(reg);
}

/* A sweep would delete another registry, or what others pin in its base. */
static void another_registry_below(void)
{
	struct t_world w = t_world(T_MEMORY), inner, lower;
	struct segreg *reg = t_open(&w), *other;
	struct segreg_open_options options = { .size = sizeof(options), .flags = SEGREG_CREATE };

	/* Its base is made beside, as nothing else is let in, and moved there. */
	inner = t_world(T_MEMORY);
	t_close(t_open(&inner));
	T_SYS(mkdir(t_path(&inner, "deep"), 0700));
	t_make_dir(&inner, "deep/seg", 100);
	T_SYS(mkdir(t_path(&w, "above"), 0700));
	T_SYS(rename(inner.base, t_path(&w, "above/inner")));

	T_ERR(SEGREG_E_PATH, segreg_register(reg, 1, "above/inner"));
	T_HAS(t_last_text(), "\"above/inner\" is a registry or another registry's base");
	T_ERR(SEGREG_E_PATH, segreg_register(reg, 1, "above/inner/registry"));
	T_ERR(SEGREG_E_PATH, segreg_register(reg, 1, "above/inner/deep"));
	T_ERR(SEGREG_E_PATH, segreg_register(reg, 1, "above/inner/deep/seg"));
	T_HAS(t_last_text(), "\"above/inner\" is a registry");
	T_ERR(SEGREG_E_PATH, segreg_register(reg, 1, "above/inner/deep/seg/data"));
	T_ERR(SEGREG_E_PATH, segreg_reserve(reg, 1, "above/inner/deep/new"));
	T_SYS(unlink(t_path(&w, "above/inner/.segreg")));
	T_ERR(SEGREG_E_PATH, segreg_register(reg, 1, "above/inner/registry"));
	T_OK(segreg_register(reg, 1, "above/inner/deep/seg"));

	/* A file of that name that is no marker is a segment's. */
	t_make_segment(&w, 2);
	t_make_file(&w, "seg-2/.segreg", 100);
	T_OK(segreg_register(reg, 2, "seg-2"));

	/* No base in a base, or in a registry. */
	T_SYS(mkdir(t_path(&w, "lower"), 0700));
	lower = t_world_at(t_path(&w, "lower"));
	T_SYS(mkdir(lower.dir, 0700));
	options.base = lower.base;
	T_ERR(SEGREG_E_EXISTS, segreg_open(lower.dir, &options, &other));
	T_HAS(t_last_text(), "it lies in ");
	T_HAS(t_last_text(), w.base);
	T_CHECK(!t_exists(&lower, ".segreg"));
	T_CHECK(!t_exists(&lower, "registry/registry.mdb"));
	t_close(reg);
	T_SYS(unlink(t_path(&w, ".segreg")));
	T_OK(segreg_open(lower.dir, &options, &other)); /* a marker that is gone is in nobody's way */
	t_close(other);
}

T_SUITE(edges,
	{ "a segment is no other registry, no base, and in none; and a base is in none", another_registry_below },
	{ "the retired are listed, and no others", lists_the_retired },
	{ "registering a live id again at the same path changes nothing", register_again },
	{ "registering again what was replaced on the disk is refused, and both are named", register_replaced },
	{ "a taken id is refused, and a path that is, contains or lies in another's", register_taken },
	{ "a path that is missing, or leads elsewhere, or is segreg's own, is refused", register_unusable_path },
	{ "a path of 500 bytes is accepted and one of 501 refused", register_long_path },
	{ "retiring an unknown id fails, and of two retirements the first stands", retire_unknown_and_twice },
	{ "a retirement while pinned is durable at once, and the deletion waits", retire_while_pinned },
	{ "a retired segment is held by older snapshots and not in newer ones", retire_between_snapshots },
	{ "when lanes are full the dead are reclaimed, then the limit is named", lanes_full },
	{ "when slots are full the dead are reclaimed, then the limit is named", slots_full },
	{ "an edit that meets the limit changes nothing", slots_full_in_an_edit },
	{ "a held segment is unregistered by force only, and its holder reads on", force_remove_held },
	{ "a segment being deleted cannot be unregistered", force_remove_deleting });
