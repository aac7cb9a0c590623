/*
 * creating.c - new registries: whose base they may take, and what a refused creation leaves.
 */
#include "harness.h"
#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK "registry.lock"
#define MDB "registry.mdb"
#define MARKER ".segreg"
#define BASE_LOCK ".segreg-lock"

/* Another directory of base, for a registry with the same base. */
static struct t_world in_directory(const struct t_world *w, const char *name)
{
	struct t_world other = *w;

	snprintf(other.dir, sizeof(other.dir), "%s", t_path(w, "%s", name));
	return other;
}

static int create(const struct t_world *w, unsigned flags, struct segreg **reg)
{
	struct segreg_open_options options = {
		.size = sizeof(options), .flags = SEGREG_CREATE | flags, .base = w->base, .timeout_ms = 30
	};

	*reg = NULL;
	return segreg_open(w->dir, &options, reg);
}

static int create_in_peer(struct peer_self *self, void *arg)
{
	const unsigned *flags = arg;

	return create(&self->world, *flags, &self->reg);
}

/* Nothing in the way of a later creation, and of a segment that contains the directory. */
static void left_nothing(const struct t_world *w)
{
	T_CHECK(access(w->dir, F_OK) == -1);
}

/* A base with one retired segment, whose registry has no process and is in w->dir. */
static struct t_world make_base(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	T_OK(segreg_retire(reg, 1));
	t_close(reg);
	return w;
}

/* ---------------------------------------------------------------- the base of a registry that is gone */

static void is_refused_for(const struct t_world *w, const char *place, unsigned flags)
{
	struct segreg *reg;

	T_ERR(SEGREG_E_EXISTS, create(w, flags, &reg));
	T_CHECK(!reg);
	T_HAS(segreg_last_error(), w->base);
	T_HAS(segreg_last_error(), place);
	left_nothing(w);
	T_CHECK(t_exists(w, "seg-1/data"));
}

static void takes_over(const struct t_world *w)
{
	struct segreg *reg;

	T_OK(create(w, SEGREG_TAKE_BASE, &reg));
	T_STR(segreg_base_path(reg), w->base);
	T_ERR(SEGREG_E_NOENT, t_state(reg, 1));
	T_EQ(t_sweep(reg).deleted, 0);
	T_CHECK(t_exists(w, "seg-1/data"));
	T_OK(segreg_register(reg, 1, "seg-1"));
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
	T_OK(segreg_open(w->dir, NULL, &reg));
	t_close(reg);
}

static void gone(void)
{
	struct t_world w = make_base(), other = in_directory(&w, "other"), away = in_directory(&w, "away");
	struct segreg *reg;

	T_SYS(rename(w.dir, away.dir));
	is_refused_for(&other, w.dir, 0);
	T_HAS(segreg_last_error(), "segctl init --take-base");
	takes_over(&other);
	/* If it comes back, it is refused, and deletes nothing. */
	T_SYS(rename(away.dir, w.dir));
	T_ERR(SEGREG_E_MISMATCH, segreg_open(w.dir, NULL, &reg));
	T_OK(segreg_open(other.dir, NULL, &reg));
	t_close(reg);
}

/* As after a reboot, when it was on tmpfs: the new registry is to be at the same place. */
static void gone_and_made_anew(void)
{
	struct t_world w = make_base();

	t_remove_tree(w.dir);
	is_refused_for(&w, w.dir, 0);
	T_HAS(segreg_last_error(), "segctl init --take-base");
	takes_over(&w);
}

static void with_nothing_to_take(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg_open_options options = { .size = sizeof(options), .flags = SEGREG_TAKE_BASE };
	struct segreg *reg;

	T_OK(create(&w, SEGREG_TAKE_BASE, &reg));
	t_add(&w, reg, 1);
	t_close(reg);
	T_OK(create(&w, SEGREG_TAKE_BASE, &reg)); /* a program may always pass it */
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	t_close(reg);
	T_ERR(SEGREG_E_INVAL, segreg_open(w.dir, &options, &reg));
	options.flags = SEGREG_TAKE_BASE | SEGREG_ADOPT;
	T_ERR(SEGREG_E_INVAL, segreg_open(w.dir, &options, &reg));
}

/* At rest, with a lost or damaged registry.lock, and where nobody can see whether it stands. */
static void still_there(void)
{
	struct t_world w = make_base(), other = in_directory(&w, "other");
	const char *lock = t_path(&w, "registry/" LOCK);
	struct segreg *reg;

	is_refused_for(&other, w.dir, SEGREG_TAKE_BASE);
	T_SYS(truncate(lock, 0));
	is_refused_for(&other, w.dir, SEGREG_TAKE_BASE);
	T_SYS(unlink(lock));
	is_refused_for(&other, w.dir, SEGREG_TAKE_BASE);
	T_SYS(symlink(LOCK, lock));
	is_refused_for(&other, w.dir, SEGREG_TAKE_BASE);
	T_HAS(segreg_last_error(), "cannot be seen");
	T_SYS(unlink(lock));
	T_SYS(unlink(t_path(&w, "registry/" MDB)));
	T_OK(create(&other, SEGREG_TAKE_BASE, &reg));
	t_close(reg);
}

/* Its processes go on, and only its directory was moved, unmounted, or is in another container. */
static void still_in_use(void)
{
	struct t_world w = make_base(), other = in_directory(&w, "other"), away = in_directory(&w, "away");
	struct peer *user = peer_start(&w, PEER_PROCESS);
	struct segreg *reg;
	struct stat st;

	T_OK(peer_open(user));
	T_SYS(rename(w.dir, away.dir));
	T_SYS(chmod(t_path(&w, BASE_LOCK), 0604));
	T_ERR(SEGREG_E_BUSY, create(&other, SEGREG_TAKE_BASE, &reg));
	T_HAS(segreg_last_error(), w.base);
	T_HAS(segreg_last_error(), w.dir);
	left_nothing(&other);
	T_SYS(stat(t_path(&w, BASE_LOCK), &st));
	T_EQ(st.st_mode & 0777, 0604); /* it is still the other one's */
	T_SYS(rename(away.dir, w.dir));
	reg = t_open(&w);
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
	peer_kill(user);
}

static void takeover_cut_short(void)
{
	static const char *const points[] = { "create.joined", "create.marked", "attach.counting", "attach.building" };

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct t_world w = make_base(), other = in_directory(&w, "other"), third = in_directory(&w, "third");
		struct peer *peer = peer_start(&other, PEER_PROCESS);
		const unsigned flags = SEGREG_TAKE_BASE;
		struct segreg *reg;

		t_remove_tree(w.dir);
		peer_run_to(peer, points[i], create_in_peer, &flags, sizeof(flags));
		T_ERR(i ? SEGREG_E_EXISTS : SEGREG_E_BUSY, create(&third, SEGREG_TAKE_BASE, &reg));
		left_nothing(&third);
		peer_kill(peer);
		takes_over(&other);
	}
}

/* Whatever fails: base is as it was, and the next try succeeds. */
static void takeover_that_fails(void)
{
	static const char *const calls[] = { "pwrite",  "fsync",   "renameat", "linkat",
					     "mkdirat", "getlock", "shm_open", "fallocate" };
	struct t_world w = make_base(), other = in_directory(&w, "other");
	struct segreg *reg;
	unsigned failed = 0;

	/* Late: shared memory cannot be built. */
	t_remove_tree(w.dir);
	t_fail_call("ftruncate", 0, ENOSPC);
	T_ERR(SEGREG_E_NOSPC, create(&other, SEGREG_TAKE_BASE, &reg));
	t_fail_call(NULL, 0, 0);
	left_nothing(&other);
	is_refused_for(&other, w.dir, 0);
	T_OK(create(&w, SEGREG_TAKE_BASE, &reg));
	t_close(reg);

	for (unsigned i = 0; i < 4 * sizeof(calls) / sizeof(calls[0]); i++) {
		int rc;

		t_remove_tree(w.dir);
		t_fail_call(calls[i / 4], i % 4 + 1, ENOSPC);
		rc = create(&other, SEGREG_TAKE_BASE, &reg);
		t_fail_call(NULL, 0, 0);
		T_CHECK(t_exists(&w, "seg-1/data"));
		if (rc) {
			failed++;
			left_nothing(&other);
			T_CHECK(t_exists(&w, MARKER));
			T_OK(create(&other, SEGREG_TAKE_BASE, &reg));
		}
		t_close(reg);
		t_remove_tree(other.dir);
		T_OK(create(&w, SEGREG_TAKE_BASE, &reg)); /* for the next turn */
		t_close(reg);
	}
	T_CHECK(failed >= 8);
}

static void damaged_marker(void)
{
	struct t_world w = make_base();
	struct segreg *reg;

	t_remove_tree(w.dir);
	T_SYS(truncate(t_path(&w, MARKER), 20));
	T_CHECK(create(&w, SEGREG_TAKE_BASE, &reg) < 0);
	T_HAS(segreg_last_error(), t_path(&w, MARKER));
	left_nothing(&w);
}

/* ---------------------------------------------------------------- above and below */

static void below_another_base(void)
{
	struct t_world w = make_base(), lower, away = in_directory(&w, "away");
	struct segreg *reg;

	T_SYS(mkdir(t_path(&w, "lower"), 0700));
	lower = t_world_at(t_path(&w, "lower"));
	T_ERR(SEGREG_E_EXISTS, create(&lower, SEGREG_TAKE_BASE, &reg));
	T_HAS(segreg_last_error(), "it lies in ");
	T_HAS(segreg_last_error(), w.dir);
	left_nothing(&lower);
	T_SYS(rename(w.dir, away.dir));
	T_ERR(SEGREG_E_EXISTS, create(&lower, SEGREG_TAKE_BASE, &reg));
	T_HAS(segreg_last_error(), "not there any more");
	T_HAS(segreg_last_error(), "remove ");
	T_HAS(segreg_last_error(), t_path(&w, MARKER));
	T_SYS(unlink(t_path(&w, MARKER)));
	T_OK(create(&lower, 0, &reg));
	t_close(reg);
}

static void in_a_registry(void)
{
	struct t_world w = make_base(), other = in_directory(&w, "other");
	struct segreg *reg;

	T_SYS(unlink(t_path(&w, MARKER)));
	snprintf(other.base, sizeof(other.base), "%s", t_path(&w, "registry"));
	T_ERR(SEGREG_E_EXISTS, create(&other, SEGREG_TAKE_BASE, &reg));
	T_HAS(segreg_last_error(), "is a registry");
	left_nothing(&other);
	T_SYS(mkdir(t_path(&w, "registry/data"), 0700));
	snprintf(other.base, sizeof(other.base), "%s", t_path(&w, "registry/data"));
	T_ERR(SEGREG_E_EXISTS, create(&other, SEGREG_TAKE_BASE, &reg));
	T_HAS(segreg_last_error(), "which is a registry; give a directory outside of it");
	left_nothing(&other);
}

/* Accepted; and what lies below is nobody's to delete. */
static void above_another_base(void)
{
	struct t_world w = t_world(T_MEMORY), lower;
	struct segreg *reg, *upper;

	T_SYS(mkdir(t_path(&w, "deep"), 0700));
	T_SYS(mkdir(t_path(&w, "deep/lower"), 0700));
	lower = t_world_at(t_path(&w, "deep/lower"));
	T_OK(create(&lower, 0, &reg));
	t_add(&lower, reg, 1);
	T_OK(create(&w, 0, &upper));
	T_ERR(SEGREG_E_PATH, segreg_register(upper, 1, "deep/lower"));
	T_ERR(SEGREG_E_PATH, segreg_register(upper, 1, "deep/lower/seg-1"));
	T_OK(segreg_register(upper, 1, "deep"));
	T_OK(segreg_retire(upper, 1));
	T_EQ(t_sweep(upper).failed, 1);
	T_CHECK(t_exists(&lower, "seg-1/data"));
	t_close(upper);
	t_close(reg);
}

/* ---------------------------------------------------------------- refused creations */

static void refused(void)
{
	struct t_world w = make_base(), other = in_directory(&w, "other"), nowhere = other;
	struct segreg_open_options options = {
		.size = sizeof(options), .flags = SEGREG_CREATE, .base = w.base, .max_lanes = UINT32_MAX
	};
	struct segreg *reg;

	is_refused_for(&other, w.dir, 0);
	snprintf(nowhere.base, sizeof(nowhere.base), "%s", t_path(&w, "nowhere"));
	T_ERR(SEGREG_E_NOENT, create(&nowhere, 0, &reg));
	left_nothing(&other);
	T_ERR(SEGREG_E_INVAL, segreg_open(other.dir, &options, &reg));
	left_nothing(&other);
	/* What was there before the call stays. */
	T_SYS(mkdir(other.dir, 0700));
	T_ERR(SEGREG_E_EXISTS, create(&other, 0, &reg));
	T_EQ(t_count_entries(&w, "other"), 0);
	t_make_file(&w, "other/" LOCK, 0);
	T_ERR(SEGREG_E_EXISTS, create(&other, 0, &reg));
	T_CHECK(t_exists(&w, "other/" LOCK));
	options = (struct segreg_open_options){ .size = sizeof(options), .flags = SEGREG_ADOPT };
	T_SYS(unlink(t_path(&w, "other/" LOCK)));
	T_ERR(SEGREG_E_MISMATCH, segreg_open(other.dir, &options, &reg));
	T_EQ(t_count_entries(&w, "other"), 0);
	/* The segment that contains it can be deleted. */
	reg = t_open(&w);
	T_OK(segreg_register(reg, 2, "other"));
	T_OK(segreg_retire(reg, 2));
	T_EQ(t_sweep(reg).deleted, 2);
	t_close(reg);
}

/* The registry was whole, and its shared memory could not be built: it would keep limits that cannot be changed any
 * more. */
static void refused_late(void)
{
	static const char *const calls[] = { "shm_open", "ftruncate", "madvise" };
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		t_fail_call(calls[i], 0, ENOMEM);
		T_CHECK(create(&w, 0, &reg) < 0);
		T_CHECK(t_failed_calls() > 0);
		t_fail_call(NULL, 0, 0);
		left_nothing(&w);
		T_CHECK(!t_exists(&w, MARKER));
	}
	T_OK(create(&w, 0, &reg));
	t_close(reg);
}

/* A creation that was killed leaves a registry.lock alone: that is no registry, unless somebody is at work on it. */
static void left_by_a_death(void)
{
	struct t_world w = t_world(T_MEMORY), other = in_directory(&w, "outer/other"), second = t_world(T_MEMORY);
	struct peer *peer;
	struct segreg *reg = t_open(&w);
	const unsigned flags = 0;

	T_SYS(mkdir(t_path(&w, "outer"), 0700));
	snprintf(other.base, sizeof(other.base), "%s", second.base);
	peer = peer_start(&other, PEER_PROCESS);
	peer_run_to(peer, "create.joined", create_in_peer, &flags, sizeof(flags));
	T_CHECK(t_exists(&w, "outer/other/" LOCK));
	T_ERR(SEGREG_E_PATH, segreg_register(reg, 1, "outer/other"));
	T_HAS(segreg_last_error(), "is a registry");
	peer_kill(peer);
	T_OK(segreg_register(reg, 1, "outer"));
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

/* Who waits for a creation that is refused, or has opened its registry.lock, makes a registry of its own. */
static void beside_a_refused_one(const char *point)
{
	struct t_world w = t_world(T_MEMORY), bad = w;
	struct peer *refused_one, *other = peer_start(&w, PEER_PROCESS), *third;
	const unsigned flags = 0;

	snprintf(bad.base, sizeof(bad.base), "%s", t_path(&w, "nowhere"));
	refused_one = peer_start(&bad, PEER_PROCESS);
	third = peer_start(&w, PEER_PROCESS);
	peer_run_to(refused_one, "create.refused", create_in_peer, &flags, sizeof(flags));
	peer_run_to(other, point, create_in_peer, &flags, sizeof(flags));
	peer_go_on(refused_one);
	T_ERR(SEGREG_E_NOENT, peer_end(refused_one, NULL));
	left_nothing(&w);
	peer_go_on(other);
	T_OK(peer_end(other, NULL));
	T_CHECK(t_exists(&w, "registry/" LOCK));
	T_OK(peer_open(third));
}

static void refusal_cut_short(void)
{
	struct t_world w = t_world(T_MEMORY), bad = w;
	struct peer *peer;
	const unsigned flags = 0;
	struct segreg *reg;

	snprintf(bad.base, sizeof(bad.base), "%s", t_path(&w, "nowhere"));
	peer = peer_start(&bad, PEER_PROCESS);
	peer_run_to(peer, "create.refused", create_in_peer, &flags, sizeof(flags));
	peer_kill(peer);
	T_CHECK(t_exists(&w, "registry/" LOCK));
	T_OK(create(&w, 0, &reg));
	t_close(reg);
}

static void others_meanwhile(void)
{
	beside_a_refused_one("attach.looking");
	beside_a_refused_one("attach.not_alone");
}

T_SUITE(creating,
	{ "a base whose registry is gone is taken if that is asked for, and nothing in it is known or deleted", gone },
	{ "a registry that a reboot took is made anew in the same place, with the same base", gone_and_made_anew },
	{ "SEGREG_TAKE_BASE changes nothing where there is nothing to take, and needs SEGREG_CREATE",
	  with_nothing_to_take },
	{ "a base whose registry is there is not taken, whatever state that is in", still_there },
	{ "a base in use is not taken, and its lock stays its users'", still_in_use },
	{ "a takeover that was cut short is done again", takeover_cut_short },
	{ "a takeover that fails leaves base as it was", takeover_that_fails },
	{ "a base with a damaged marker is not taken", damaged_marker },
	{ "a base in another base is refused, with the way out if that one's registry is gone", below_another_base },
	{ "a registry's directory, or what lies in it, is no base", in_a_registry },
	{ "a base above another base is accepted, and nothing of the latter is deleted", above_another_base },
	{ "a refused creation leaves nothing that it made", refused },
	{ "a creation that fails late leaves nothing that it made", refused_late },
	{ "a registry.lock that a killed creation left is no registry, and one that is held is", left_by_a_death },
	{ "a refused creation that was killed is in nobody's way", refusal_cut_short },
	{ "others who come by the registry.lock of a refused creation make their own registry", others_meanwhile });
