/*
 * lost.c - shared memory and databases that are lost, or restored from a backup.
 */
#include "base/sr_lockinfo.h"
#include "harness.h"
#include "lost.h"
#include "peer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

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

T_SUITE(lost,
	{ "shared memory removed in use: its users go on, nobody else comes, nothing is lost", removed_under_users },
	{ "after everybody was killed, what was acknowledged is there and no pin is", total_crash },
	{ "after a reboot, what was acknowledged is there and no pin is", reboot },
	{ "an older database is refused, and accepted with SEGREG_ADOPT", older_database },
	{ "a database restored in place while in use changes and deletes nothing", database_restored_in_place },
	{ "a database replaced while in use changes and deletes nothing", database_replaced },
	{ "a database cut off in use changes and deletes nothing, and ends nobody", database_cut_off },
	{ "a missing database is refused, and not made anew", missing_database });
