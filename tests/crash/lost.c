/*
 * lost.c - shared memory and files that are lost, restored from a backup, copied or exchanged.
 */
#include "harness.h"
#include "peer.h"
#include "base/sr_lockinfo.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define MDB "registry/registry.mdb"
#define LOCK "registry/registry.lock"
#define MARKER ".segreg"
#define BASE_LOCK ".segreg-lock"

/* ---------------------------------------------------------------- files */

/* Copy a file of the world; into the file that is there, if there is one. */
static void copy_file(const struct t_world *w, const char *from, const char *to)
{
	int in = T_SYS(open(t_path(w, "%s", from), O_RDONLY | O_CLOEXEC));
	int out = T_SYS(open(t_path(w, "%s", to), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660));

	while (sendfile(out, in, NULL, 1 << 20) > 0)
		;
	close(in);
	close(out);
}

static void move_file(const struct t_world *w, const char *from, const char *to)
{
	T_SYS(rename(t_path(w, "%s", from), t_path(w, "%s", to)));
}

static void refuse_to_open(const struct t_world *w)
{
	struct segreg *reg = NULL;

	T_ERR(SEGREG_E_MISMATCH, segreg_open(w->dir, NULL, &reg));
	T_CHECK(!reg);
}

static struct segreg *adopt(const struct t_world *w)
{
	struct segreg_open_options options = { .size = sizeof(options), .flags = SEGREG_ADOPT };
	struct segreg *reg = NULL;

	T_OK(segreg_open(w->dir, &options, &reg));
	return reg;
}

/* What was refused and then adopted is an ordinary registry again. */
static void close_and_open(const struct t_world *w, struct segreg *reg)
{
	t_close(reg);
	reg = NULL;
	T_OK(segreg_open(w->dir, NULL, &reg));
	t_add(w, reg, 90);
	T_OK(segreg_retire(reg, 90));
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

/* ---------------------------------------------------------------- shared memory */

static void remove_shared_memory(const struct t_world *w)
{
	const char *path = t_path(w, LOCK);
	struct sr_lockinfo info;
	int fd = T_SYS(open(path, O_RDONLY | O_CLOEXEC));

	T_OK(sr_lockinfo_read(fd, path, &info));
	close(fd);
	T_SYS(shm_unlink(info.region));
}

static void removed_under_users(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *user = peer_start(&w, PEER_PROCESS), *late = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);

	T_OK(peer_open(user));
	for (uint64_t id = 1; id <= 3; id++)
		t_add(&w, reg, id);
	T_OK(peer_pin(user, 1));
	remove_shared_memory(&w);
	T_ERR(SEGREG_E_REGION_LOST, peer_open(late));
	/* Those who have it go on, but for sweeps: no other process could tell them what the late one pins. */
	T_OK(segreg_retire(reg, 1));
	T_OK(peer_retire(user, 2));
	T_OK(peer_pin(user, 3));
	T_EQ(t_refcount(reg, 1), 1);
	T_ERR(SEGREG_E_REGION_LOST, segreg_sweep(reg, NULL, NULL));
	T_CHECK(t_exists(&w, "seg-2/data"));
	T_ERR(SEGREG_E_REGION_LOST, peer_open(late));
	t_close(reg);
	T_ERR(SEGREG_E_REGION_LOST, peer_open(late)); /* one is still there */
	T_OK(peer_close(user, NULL));
	T_OK(peer_open(late));
	reg = t_open(&w);
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	T_EQ(t_state(reg, 2), SEGREG_PENDING);
	T_EQ(t_state(reg, 3), SEGREG_LIVE);
	T_EQ(t_stats(reg).version, 5);
	T_EQ(t_sweep(reg).deleted, 2);
	t_close(reg);
}

/* Everybody dies, and with reboot their shared memory goes as well. */
static void crash_of_all(bool reboot)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *user = peer_start(&w, PEER_PROCESS), *other = peer_start(&w, PEER_PROCESS);
	struct segreg *reg;

	T_OK(peer_open(user));
	T_OK(peer_open(other));
	for (uint64_t id = 1; id <= 3; id++) {
		t_make_segment(&w, id);
		T_OK(peer_register(other, id, t_segment(id)));
		T_OK(peer_pin(user, id));
	}
	T_OK(peer_retire(other, 1));
	peer_kill(user);
	peer_kill(other);
	if (reboot)
		remove_shared_memory(&w);
	T_OK(segreg_open(w.dir, NULL, &reg));
	T_EQ(t_stats(reg).starts, 2);
	T_EQ(t_stats(reg).lanes, 1);
	T_EQ(t_stats(reg).version, 4);
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	for (uint64_t id = 1; id <= 3; id++)
		T_EQ(t_refcount(reg, id), 0);
	T_EQ(t_sweep(reg).deleted, 1);
	T_EQ(t_state(reg, 2), SEGREG_LIVE);
	t_close(reg);
}

static void total_crash(void)
{
	crash_of_all(false);
}

static void reboot(void)
{
	crash_of_all(true);
}

/* ---------------------------------------------------------------- the database */

static void older_database(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	T_OK(segreg_retire(reg, 2));
	t_close(reg);
	copy_file(&w, MDB, "backup");
	reg = t_open(&w);
	t_add(&w, reg, 3);
	T_OK(segreg_retire(reg, 1));
	T_OK(segreg_force_remove(reg, 2, 0)); /* seg-2 belongs to the caller from here on */
	t_close(reg);
	copy_file(&w, "backup", MDB);
	refuse_to_open(&w);
	T_HAS(segreg_last_error(), "SEGREG_ADOPT");
	T_CHECK(t_exists(&w, "seg-2/data"));
	reg = adopt(&w);
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	T_EQ(t_state(reg, 2), SEGREG_PENDING);
	T_EQ(t_state(reg, 3), SEGREG_E_NOENT);
	T_EQ(t_sweep(reg).deleted, 1);       /* as the operator wanted it */
	T_CHECK(t_exists(&w, "seg-3/data")); /* nobody's: not touched */
	close_and_open(&w, reg);
	T_CHECK(t_exists(&w, "seg-3/data"));
}

/* Restored while it is in use: into the file itself, or by a new file of that name. */
static void restore_in_use(bool by_rename)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *peer = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);

	T_OK(peer_open(peer));
	t_add(&w, reg, 1);
	copy_file(&w, MDB, "backup");
	t_add(&w, reg, 2);
	T_OK(segreg_retire(reg, 1));
	T_OK(peer_pin(peer, 1));
	if (by_rename)
		move_file(&w, "backup", MDB);
	else
		copy_file(&w, "backup", MDB);
	t_make_segment(&w, 3);
	T_ERR(SEGREG_E_MISMATCH, segreg_register(reg, 3, "seg-3"));
	T_ERR(SEGREG_E_MISMATCH, segreg_retire(reg, 2));
	T_ERR(SEGREG_E_MISMATCH, peer_retire(peer, 2));
	T_OK(peer_unpin(peer, 1));
	T_CHECK(segreg_sweep(reg, NULL, NULL) < 0);
	T_CHECK(t_exists(&w, "seg-1/data"));
	T_OK(peer_pin(peer, 2)); /* pins go on */
	t_close(reg);
	T_OK(peer_close(peer, NULL));
}

static void database_restored_in_place(void)
{
	restore_in_use(false);
}

static void database_replaced(void)
{
	restore_in_use(true);
}

static bool is_refused(int rc)
{
	return rc == SEGREG_E_MISMATCH;
}

/* To the middle of a page, to the meta pages, to nothing: LMDB has the file mapped, and would touch what is not there.
 */
static void database_cut_off(void)
{
	static const off_t sizes[] = { 0, 100, 4096, 8192, 12288, 20000 };
	struct t_world w = t_world(T_MEMORY);
	struct peer *user = peer_start(&w, PEER_PROCESS), *late = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);
	struct segreg_pin pin;

	T_OK(peer_open(user));
	for (uint64_t id = 1; id <= 50; id++)
		t_add(&w, reg, id);
	T_OK(peer_retire(user, 1));
	copy_file(&w, MDB, "copy");
	T_OK(segreg_pin(reg, 2, 0, &pin));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		T_SYS(truncate(t_path(&w, MDB), sizes[i]));
		T_CHECK(is_refused(segreg_retire(reg, 3)));
		T_HAS(segreg_last_error(), "cut off");
		T_CHECK(is_refused(peer_retire(user, 3)));
		T_CHECK(is_refused(segreg_sweep(reg, NULL, NULL)));
		T_OK(peer_open(late));
		T_CHECK(is_refused(peer_retire(late, 3)));
		T_OK(peer_close(late, NULL));
		T_CHECK(t_exists(&w, "seg-1/data"));
		copy_file(&w, "copy", MDB);
	}
	T_OK(segreg_unpin(reg, &pin));
	T_OK(segreg_retire(reg, 3));
	T_EQ(t_sweep(reg).deleted, 2);
	t_close(reg);
}

static void missing_database(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	t_close(reg);
	move_file(&w, MDB, "away");
	refuse_to_open(&w);
	T_CHECK(!t_exists(&w, MDB)); /* and no empty one is made */
	move_file(&w, "away", MDB);
	reg = t_open(&w);
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	t_close(reg);
}

/* ---------------------------------------------------------------- the lock file */

static void copied_lock_file(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	t_close(reg);
	copy_file(&w, LOCK, "copy");
	move_file(&w, "copy", LOCK);
	refuse_to_open(&w);
	reg = adopt(&w);
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	close_and_open(&w, reg);
}

/* A copy's locks keep nobody out, so nobody may come in by it while others hold the true one. */
static void lock_file_copied_in_use(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *late = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);
	struct segreg_pin pin;

	t_add(&w, reg, 1);
	T_OK(segreg_pin(reg, 1, 0, &pin));
	copy_file(&w, LOCK, "copy");
	move_file(&w, LOCK, "true");
	move_file(&w, "copy", LOCK);
	T_ERR(SEGREG_E_MISMATCH, peer_open(late));
	move_file(&w, "true", LOCK);
	T_OK(peer_open(late)); /* nothing was spoilt by it */
	T_OK(peer_retire(late, 1));
	T_EQ(t_sweep(reg).held, 1);
	t_close(reg);
}

static void lost_lock_file(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg_open_options create = { .size = sizeof(create), .flags = SEGREG_CREATE };
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	t_close(reg);
	T_SYS(unlink(t_path(&w, LOCK)));
	T_ERR(SEGREG_E_MISMATCH, segreg_open(w.dir, NULL, &reg));
	T_ERR(SEGREG_E_MISMATCH, segreg_open(w.dir, &create, &reg)); /* a new registry over an old database */
	T_CHECK(access(t_path(&w, LOCK), F_OK) == -1);
	reg = adopt(&w);
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	close_and_open(&w, reg);
}

static void adopt_in_use(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg_open_options options = { .size = sizeof(options), .flags = SEGREG_ADOPT };
	struct peer *peer = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = NULL;

	T_OK(peer_open(peer));
	T_ERR(SEGREG_E_BUSY, segreg_open(w.dir, &options, &reg));
	T_OK(peer_close(peer, NULL));
	close_and_open(&w, adopt(&w));
}

/* user pins a retired segment, and nobody else has the registry open. builder: whether it built the shared memory. */
static void pin_retired(const struct t_world *w, struct peer *user, bool builder)
{
	struct segreg *reg;

	t_close(t_open(w));
	if (builder)
		T_OK(peer_open(user));
	reg = t_open(w);
	if (!builder)
		T_OK(peer_open(user));
	t_add(w, reg, 1);
	T_OK(peer_pin(user, 1));
	T_OK(segreg_retire(reg, 1));
	t_close(reg);
}

/* A process that pins by the old lock is met in base, whether it built the shared memory or joined. */
static void replace_in_use(bool builder)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg_open_options options = { .size = sizeof(options), .flags = SEGREG_ADOPT, .timeout_ms = 30 };
	struct peer *user = peer_start(&w, PEER_PROCESS);
	struct segreg *reg;

	pin_retired(&w, user, builder);
	copy_file(&w, LOCK, "copy");
	move_file(&w, "copy", LOCK);
	reg = NULL;
	T_ERR(SEGREG_E_BUSY, segreg_open(w.dir, &options, &reg));
	T_HAS(segreg_last_error(), BASE_LOCK);
	refuse_to_open(&w); /* that changed nothing */
	T_OK(peer_unpin(user, 1));
	T_OK(peer_pin(user, 1));
	peer_kill(user);
	reg = adopt(&w);
	T_EQ(t_sweep(reg).deleted, 1);
	close_and_open(&w, reg);
}

static void lock_file_replaced_in_use(void)
{
	replace_in_use(false);
	replace_in_use(true);
}

/* Both locks are removed under a process that pins. Shared memory still shows that process, whether it built the memory
 * or joined. */
static void remove_both_locks_in_use(bool builder, const char *gone)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg_open_options options = { .size = sizeof(options), .flags = SEGREG_ADOPT, .timeout_ms = 30 };
	struct peer *user = peer_start(&w, PEER_PROCESS);
	struct segreg *reg;

	pin_retired(&w, user, builder);
	T_SYS(unlink(t_path(&w, LOCK)));
	T_SYS(unlink(t_path(&w, BASE_LOCK)));
	if (gone) {
		T_SYS(rename(w.dir, t_path(&w, "%s", gone)));
		options.flags = SEGREG_CREATE | SEGREG_TAKE_BASE;
	}
	reg = NULL;
	T_ERR(SEGREG_E_BUSY, segreg_open(w.dir, &options, &reg));
	T_HAS(segreg_last_error(), "fuser /dev/shm/segreg-");
	T_CHECK(t_exists(&w, "seg-1/data"));
	T_OK(peer_unpin(user, 1));
	T_OK(peer_pin(user, 1));
	peer_kill(user);
	T_OK(segreg_open(w.dir, &options, &reg));
	T_EQ(t_sweep(reg).deleted, !gone);
	t_close(reg);
}

static void both_locks_removed_in_use(void)
{
	remove_both_locks_in_use(false, NULL);
	remove_both_locks_in_use(true, NULL);
	remove_both_locks_in_use(false, "away"); /* and a new registry wants base */
}

/* And base was moved: the adoption must not have changed registry.mdb when it finds the user. */
static void both_locks_removed_and_base_moved(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg_open_options options = { .size = sizeof(options), .flags = SEGREG_ADOPT, .timeout_ms = 30 };
	struct peer *user = peer_start(&w, PEER_PROCESS);
	char moved[sizeof(w.base) + 8], dir[sizeof(moved) + 16];
	struct segreg *reg;

	T_OK(peer_open(user));
	T_SYS(unlink(t_path(&w, LOCK)));
	T_SYS(unlink(t_path(&w, BASE_LOCK)));
	snprintf(moved, sizeof(moved), "%s-moved", w.base);
	snprintf(dir, sizeof(dir), "%s/registry", moved);
	T_SYS(rename(w.base, moved));
	options.base = moved;
	T_ERR(SEGREG_E_BUSY, segreg_open(dir, &options, &reg));
	T_SYS(rename(moved, w.base));
	peer_kill(user);
	reg = adopt(&w);
	T_STR(segreg_base_path(reg), w.base);
	t_close(reg);
}

/* ---------------------------------------------------------------- base's lock and marker */

static void missing_base_lock(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *late = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);

	T_SYS(unlink(t_path(&w, BASE_LOCK)));
	T_ERR(SEGREG_E_MISMATCH, peer_open(late));
	t_close(reg);
	T_OK(peer_open(late));
	T_CHECK(t_exists(&w, BASE_LOCK));
	reg = t_open(&w);
	t_close(reg);
}

static void missing_marker(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	T_OK(segreg_retire(reg, 1));
	move_file(&w, MARKER, "away");
	T_ERR(SEGREG_E_MISMATCH, segreg_sweep(reg, NULL, NULL));
	T_CHECK(t_exists(&w, "seg-1/data"));
	t_close(reg);
	refuse_to_open(&w);
	T_HAS(segreg_last_error(), "segctl init --adopt");
	T_CHECK(t_exists(&w, "seg-1/data"));
	reg = adopt(&w);
	T_EQ(t_sweep(reg).deleted, 1);
	close_and_open(&w, reg);
}

static void marker_of_another_registry(void)
{
	struct t_world w = t_world(T_MEMORY), other = t_world(T_MEMORY);
	struct segreg_open_options options = { .size = sizeof(options), .flags = SEGREG_ADOPT };
	struct segreg *reg;

	t_close(t_open(&other));
	reg = t_open(&w);
	t_add(&w, reg, 1);
	T_OK(segreg_retire(reg, 1));
	T_SYS(rename(t_path(&other, MARKER), t_path(&w, MARKER)));
	T_ERR(SEGREG_E_MISMATCH, segreg_sweep(reg, NULL, NULL));
	t_close(reg);
	refuse_to_open(&w);
	T_ERR(SEGREG_E_MISMATCH, segreg_open(w.dir, &options, &reg)); /* not even an operator can mean that */
	T_CHECK(t_exists(&w, "seg-1/data"));
}

static void two_registries_of_one_base(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg_open_options options = { .size = sizeof(options), .flags = SEGREG_CREATE };
	struct segreg *reg = t_open(&w), *second = NULL;
	char dir[SEGREG_PATH_SIZE];

	snprintf(dir, sizeof(dir), "%s", t_path(&w, "second"));
	T_ERR(SEGREG_E_EXISTS, segreg_open(dir, &options, &second));
	T_CHECK(!second);
	t_close(reg);
	T_ERR(SEGREG_E_EXISTS, segreg_open(dir, &options, &second));
	T_OK(segreg_open(w.dir, NULL, &reg));
	t_close(reg);
}

T_SUITE(lost,
	{ "shared memory removed in use: its users go on, nobody else comes, nothing is lost", removed_under_users },
	{ "after everybody was killed, what was acknowledged is there and no pin is", total_crash },
	{ "after a reboot, what was acknowledged is there and no pin is", reboot },
	{ "an older database is refused, and accepted with SEGREG_ADOPT", older_database },
	{ "a database restored in place while in use changes and deletes nothing", database_restored_in_place },
	{ "a database replaced while in use changes and deletes nothing", database_replaced },
	{ "a database cut off in use changes and deletes nothing, and ends nobody", database_cut_off },
	{ "a missing database is refused, and not made anew", missing_database },
	{ "a copied lock file is refused, and accepted with SEGREG_ADOPT", copied_lock_file },
	{ "a copied lock file lets nobody in while others hold the true one", lock_file_copied_in_use },
	{ "a lost lock file: no new registry over the old database, but SEGREG_ADOPT", lost_lock_file },
	{ "SEGREG_ADOPT needs the registry to itself", adopt_in_use },
	{ "with both lock files removed in use, shared memory tells of the user: no adoption",
	  both_locks_removed_in_use },
	{ "the same where base was moved, and registry.mdb is unchanged", both_locks_removed_and_base_moved },
	{ "a lock file replaced in use is not adopted while somebody has the old one", lock_file_replaced_in_use },
	{ "base's lock, removed in use, lets nobody in; the next start makes it again", missing_base_lock },
	{ "without base's marker nothing is deleted and nobody comes in", missing_marker },
	{ "with another registry's marker in base nothing is deleted, adopted or not", marker_of_another_registry },
	{ "a base serves one registry only", two_registries_of_one_base });
