/*
 * lost_locks.c - registry.lock, base's lock and markers that are lost, copied or exchanged.
 */
#include "base/sr_lockinfo.h"
#include "harness.h"
#include "lost.h"
#include "peer.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <unistd.h>

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

T_SUITE(lost_locks, { "a copied lock file is refused, and accepted with SEGREG_ADOPT", copied_lock_file },
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
