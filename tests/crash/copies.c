/*
 * copies.c - copied and moved registries: which of them base belongs to.
 */
#include "copies.h"
#include "harness.h"
#include "mounts.h"
#include "peer.h"

#include <stdio.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static void is_refused_for(const struct t_world *w, const struct t_world *original)
{
	for (unsigned flags = 0; flags <= SEGREG_ADOPT; flags += SEGREG_ADOPT) {
		T_ERR(SEGREG_E_MISMATCH, try(w, flags));
		T_HAS(segreg_last_error(), w->dir);
		T_HAS(segreg_last_error(), original->dir);
		T_HAS(segreg_last_error(), "is a copy of");
	}
	T_CHECK(t_exists(w, "seg-1/data"));
}

static void adopts_and_sweeps(const struct t_world *w)
{
	struct segreg *reg;

	T_OK(open_with(w, SEGREG_ADOPT, &reg));
	T_EQ(t_sweep(reg).deleted, 1);
	T_CHECK(!t_exists(w, "seg-1/data"));
	t_close(reg);
	T_OK(try(w, 0));
}

static void beside_its_original(void)
{
	struct t_world w = make_original(), other = copy(&w, "copy");
	struct segreg *reg;

	is_refused_for(&other, &w);
	reg = t_open(&w);
	is_refused_for(&other, &w); /* while the original is in use */
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

/* Then registry.mdb alone says where the original is. */
static void without_a_marker(void)
{
	struct t_world w = make_original(), other = copy(&w, "copy");

	T_SYS(unlink(t_path(&w, MARKER)));
	T_ERR(SEGREG_E_MISMATCH, try(&other, SEGREG_ADOPT));
	T_HAS(segreg_last_error(), w.dir);
	adopts_and_sweeps(&w);
}

/* The original's registry.lock is lost, damaged, or cannot be read: that is no end of the original. */
static void beside_a_damaged_original(void)
{
	struct t_world w = make_original(), other = copy(&w, "copy");
	const char *lock = t_path(&w, "registry/" LOCK);

	T_SYS(truncate(lock, 0));
	is_refused_for(&other, &w);
	T_SYS(unlink(lock));
	is_refused_for(&other, &w);
	T_SYS(symlink(LOCK, lock));
	T_ERR(SEGREG_E_MISMATCH, try(&other, SEGREG_ADOPT));
	T_HAS(segreg_last_error(), w.dir);
	T_CHECK(t_exists(&w, "seg-1/data"));
	T_SYS(unlink(lock));
	adopts_and_sweeps(&w);
}

static void original_comes_back(void)
{
	struct t_world w = make_original(), other = copy(&w, "copy"), away = in_directory(&w, "away");

	T_SYS(rename(w.dir, away.dir));
	adopts_and_sweeps(&other);
	t_make_segment(&w, 1); /* of the copy's time: nothing that the original may touch */
	is_refused_for(&away, &other);
	T_SYS(rename(away.dir, w.dir));
	is_refused_for(&w, &other);
	T_SYS(rename(other.dir, away.dir));
	T_ERR(SEGREG_E_MISMATCH, try(&w, 0));
	T_HAS(segreg_last_error(), "taken over");
	T_HAS(segreg_last_error(), other.dir);
	T_OK(try(&w, SEGREG_ADOPT));
	T_OK(try(&w, 0));
}

static void moved(void)
{
	struct t_world w = make_original(), first = in_directory(&w, "first name"),
		       second = in_directory(&w, "second\nregistry x\n");
	struct t_world third, elsewhere = t_world(T_MEMORY);
	struct segreg_open_options create = { .size = sizeof(create), .flags = SEGREG_CREATE, .base = elsewhere.base };
	struct segreg *reg;

	T_SYS(rename(w.dir, first.dir));
	T_OK(try(&first, 0));
	T_SYS(rename(first.dir, second.dir));
	T_OK(try(&second, 0));
	third = copy(&second, "third");
	is_refused_for(&third, &second);
	t_remove_tree(second.dir);
	T_ERR(SEGREG_E_MISMATCH, try(&third, 0));
	T_HAS(segreg_last_error(), "SEGREG_ADOPT");
	adopts_and_sweeps(&third);
	/* Where it was, another registry may be by now. */
	T_OK(segreg_open(second.dir, &create, &reg));
	T_OK(try(&third, 0));
	t_close(reg);
	T_OK(try(&third, SEGREG_ADOPT));
}

/* A container sees the files of a registry by another path. */
static void by_another_path(void)
{
	struct t_world w, other;

	t_need_mounts();
	w = make_original();
	other = in_directory(&w, "copy");
	T_SYS(mkdir(other.dir, 0755));
	T_SYS(mount(w.dir, other.dir, NULL, MS_BIND, NULL));
	T_OK(try(&other, 0));
	T_OK(try(&w, 0));
	T_SYS(umount(other.dir));
}

static int join_in_peer(struct peer_self *self, void *arg)
{
	(void)arg;
	return try(&self->world, 0);
}

/* cp -al: the copy's files are the original's. The copy is refused until it has its own; the original goes on, and is
 * not adopted. */
static void hard_linked(void)
{
	static const char *const names[] = { LOCK, MDB };
	struct t_world w = make_original(), other = copy(&w, "copy"), to = new_base();
	struct peer *joiner = peer_start(&w, PEER_PROCESS);
	struct segreg *reg, *original = t_open(&w);

	for (size_t i = 0; i < 2; i++) {
		T_SYS(unlink(t_path(&w, "copy/%s", names[i])));
		T_SYS(link(t_path(&w, "registry/%s", names[i]), t_path(&w, "copy/%s", names[i])));
		T_ERR(SEGREG_E_MISMATCH, try(&other, 0));
		T_HAS(segreg_last_error(), "hard links");
		T_HAS(segreg_last_error(), names[i]);
		T_HAS(segreg_last_error(), "mv new");
		T_ERR(SEGREG_E_MISMATCH, try(&other, SEGREG_ADOPT));
		T_ERR(SEGREG_E_MISMATCH, rebase(&other, to.base, &reg));
		T_OK(peer_call(joiner, join_in_peer, NULL, 0));
		t_close(original);
		T_ERR(SEGREG_E_MISMATCH, try(&w, SEGREG_ADOPT));
		T_ERR(SEGREG_E_MISMATCH, try(&other, 0));
		T_OK(try(&w, 0));
		original = t_open(&w);
		T_SYS(unlink(t_path(&w, "copy/%s", names[i])));
		copy_file(t_path(&w, "registry/%s", names[i]), t_path(&w, "copy/%s", names[i]));
		T_OK(peer_call(joiner, join_in_peer, NULL, 0));
	}
	T_CHECK(t_exists(&w, "seg-1/data"));
	T_OK(rebase(&other, to.base, &reg));
	t_close(reg);
	t_close(original);
}

/* A hard link of base's lock: the error names the cause. */
static void hard_linked_base_lock(void)
{
	struct t_world w = make_original(), other = copy(&w, "copy"), to = new_base();
	struct segreg_open_options options = {
		.size = sizeof(options), .flags = SEGREG_ADOPT, .base = to.base, .timeout_ms = 30
	};
	struct segreg *reg, *original = t_open(&w);

	T_SYS(link(t_path(&w, ".segreg-lock"), t_path(&to, ".segreg-lock")));
	T_ERR(SEGREG_E_BUSY, segreg_open(other.dir, &options, &reg));
	T_HAS(segreg_last_error(), "hard links");
	T_SYS(unlink(t_path(&to, ".segreg-lock")));
	T_OK(segreg_open(other.dir, &options, &reg));
	t_close(reg);
	t_close(original);
}

static int adopt_in_peer(struct peer_self *self, void *arg)
{
	(void)arg;
	return try(&self->world, SEGREG_ADOPT);
}

static void cut_short(void)
{
	static const char *const points[] = { "attach.counting", "attach.counted", "attach.building" };

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct t_world w = make_original(), other = copy(&w, "copy");
		struct peer *peer = peer_start(&other, PEER_PROCESS);

		t_remove_tree(w.dir);
		peer_run_to(peer, points[i], adopt_in_peer, NULL, 0);
		peer_kill(peer);
		if (try(&other, 0))
			T_HAS(segreg_last_error(), "SEGREG_ADOPT");
		adopts_and_sweeps(&other);
	}
}

T_SUITE(copies,
	{ "a copy is refused as long as its original stands, adopted or not, in use or not", beside_its_original },
	{ "a copy is refused also if base's marker is gone", without_a_marker },
	{ "a copy is refused also if the original's registry.lock is empty, lost or unreadable",
	  beside_a_damaged_original },
	{ "an original that comes back after its copy was adopted is refused, and adopted once the copy is gone",
	  original_comes_back },
	{ "a moved registry goes on; one that was copied and removed is adopted", moved },
	{ "a registry that is reached by two paths is one registry", by_another_path },
	{ "a copy by hard links is refused until it has files of its own; its original goes on", hard_linked },
	{ "the error names a lock that a copy of base shares with its original", hard_linked_base_lock },
	{ "an adoption that was cut short is done again", cut_short });
