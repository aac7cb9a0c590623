/*
 * rebase.c - registries that are given another base: what belongs to them there, and what never does.
 */
#include "copies.h"
#include "fault.h"
#include "harness.h"
#include "mounts.h"
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------------------------------------------------------- another base */

static int reserve_in_peer(struct peer_self *self, void *arg)
{
	const uint64_t *id = arg;

	return segreg_reserve(self->reg, *id, t_segment(*id));
}

static void records_in_another_base(void)
{
	struct t_world w = t_world(T_MEMORY), other, to;
	struct peer *builder = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);

	for (uint64_t id = 1; id <= 6; id++)
		t_add(&w, reg, id);
	T_SYS(mkdir(t_path(&w, "deep"), 0755));
	t_make_file(&w, "deep/file", 10);
	T_OK(segreg_register(reg, 7, "deep/file"));
	T_OK(peer_open(builder));
	for (uint64_t id = 8; id <= 9; id++)
		T_OK(peer_call(builder, reserve_in_peer, &id, sizeof(id)));
	peer_kill(builder);
	for (uint64_t id = 2; id <= 7; id++)
		T_OK(segreg_retire(reg, id));
	t_close(reg);
	other = copy(&w, "copy");
	to = new_base();
	t_make_segment(&to, 1);
	t_make_segment(&to, 2);
	t_make_file(&to, t_segment(3), 10); /* another type */
	T_SYS(symlink("/", t_path(&to, "%s", t_segment(4))));
	T_SYS(mkdir(t_path(&to, "deep"), 0755));
	t_make_file(&to, "deep/file", 10);
	t_make_segment(&to, 8); /* where a dead builder reserved: not made by the builder */
	T_OK(rebase(&other, to.base, &reg));
	T_STR(segreg_base_path(reg), to.base);
	t_make_segment(&to, 5); /* comes later: not what was registered */
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	T_EQ(t_sweep(reg).deleted, 4); /* 2, 7, and of those that are not there 6 and 9 */
	T_CHECK(t_exists(&to, "seg-8/data"));
	T_CHECK(t_exists(&to, "seg-1/data"));
	T_CHECK(!t_exists(&to, "seg-2"));
	T_CHECK(t_exists(&to, "seg-3"));
	T_CHECK(t_exists(&to, "seg-5/data"));
	T_CHECK(!t_exists(&to, "deep/file"));
	T_EQ(t_state(reg, 3), SEGREG_DELETING);
	t_close(reg);
	for (uint64_t id = 1; id <= 6; id++)
		T_CHECK(t_exists(&w, t_segment(id)));
	T_CHECK(t_exists(&w, "deep/file"));
	T_OK(try(&other, 0));
	T_OK(try(&w, 0)); /* the original does not notice */
}

/* Adopted with --base, killed at a point, adopted again: one clone, and an original that is whole. */
static int rebase_in_peer(struct peer_self *self, void *arg)
{
	struct segreg *reg;

	return rebase(&self->world, arg, &reg);
}

static void another_base_cut_short(void)
{
	static const char *const points[] = { "rebase.marked", "rebase.committed", "attach.counting", "attach.counted",
					      "attach.building" };

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct t_world w = make_original(), other = copy(&w, "copy"), to = new_base();
		struct peer *peer = peer_start(&other, PEER_PROCESS);
		struct segreg *reg, *original;

		t_make_segment(&to, 1);
		copy_file(t_path(&w, MARKER), t_path(&to, MARKER));
		peer_run_to(peer, points[i], rebase_in_peer, to.base, sizeof(to.base));
		peer_kill(peer);
		T_CHECK(t_exists(&w, "seg-1/data"));
		T_OK(rebase(&other, to.base, &reg));
		original = t_open(&w); /* both at once */
		T_EQ(t_sweep(reg).deleted, 1);
		T_CHECK(!t_exists(&to, "seg-1"));
		T_CHECK(t_exists(&w, "seg-1/data"));
		T_EQ(t_sweep(original).deleted, 1);
		t_close(original);
		t_close(reg);
		T_OK(try(&other, 0));
		T_OK(rebase(&other, to.base, &reg)); /* it is base already */
		t_close(reg);
	}
}

/* A sweep was killed after its decision: what it had moved to the trash goes on being deleted there, and nothing else.
 */
static void decided_in_another_base(void)
{
	static const char *const points[] = { "sweep.committed", "trash.renamed" };

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct t_world w = make_original(), other, to = new_base();
		struct peer *sweeper = peer_start(&w, PEER_PROCESS);
		struct segreg_sweep_result result;
		struct segreg *reg;

		T_OK(peer_open(sweeper));
		peer_run_to(sweeper, points[i], peer_do_sweep, NULL, 0);
		peer_kill(sweeper);
		other = copy(&w, "copy");
		t_make_segment(&to, 1);
		if (i == 1)
			T_SYS(rename(t_path(&w, T_TRASH), t_path(&to, T_TRASH)));
		T_OK(rebase(&other, to.base, &reg));
		result = t_sweep(reg);
		T_EQ(result.deleted, i == 1);
		T_EQ(result.failed, i == 0);
		T_CHECK(t_exists(&to, "seg-1/data"));
		t_close(reg);
	}
}

/* ---------------------------------------------------------------- bases of other registries */

/* An adoption gives no base that a creation would refuse. */
static void refused_bases(void)
{
	struct t_world w = make_original(), other = copy(&w, "copy"), unrelated = make_original();
	struct t_world *const adopters[] = { &other, &unrelated };
	struct segreg *reg, *original = t_open(&w);

	T_SYS(mkdir(t_path(&w, "lower"), 0755));
	for (size_t i = 0; i < 2; i++) {
		T_ERR(SEGREG_E_EXISTS, rebase(adopters[i], t_path(&w, "lower"), &reg));
		T_HAS(segreg_last_error(), "it lies in");
		T_HAS(segreg_last_error(), w.base);
		T_ERR(SEGREG_E_EXISTS, rebase(adopters[i], w.dir, &reg));
		T_HAS(segreg_last_error(), "cannot be a base");
	}
	T_ERR(SEGREG_E_INVAL, rebase(&unrelated, unrelated.dir, &reg));
	T_SYS(mkdir(t_path(&unrelated, "registry/sub"), 0755));
	T_SYS(unlink(t_path(&unrelated, MARKER)));
	T_ERR(SEGREG_E_INVAL, rebase(&unrelated, t_path(&unrelated, "registry/sub"), &reg));
	T_CHECK(!t_exists(&w, "lower/" MARKER));
	t_close(original);
}

/* A base that lost its marker gets a new one only where a creation could put one. */
static void lost_marker_below_a_base(void)
{
	struct t_world outer = t_world(T_MEMORY), inner = outer;
	struct segreg_open_options create = { .size = sizeof(create), .flags = SEGREG_CREATE };
	struct segreg *reg;

	snprintf(inner.base, sizeof(inner.base), "%s", t_path(&outer, "inner"));
	snprintf(inner.dir, sizeof(inner.dir), "%s", t_path(&outer, "inner/registry"));
	T_SYS(mkdir(inner.base, 0755));
	T_SYS(mkdir(inner.dir, 0755));
	T_OK(segreg_open(inner.dir, &create, &reg));
	t_close(reg);
	t_close(t_open(&outer));
	T_OK(try(&inner, SEGREG_ADOPT));
	T_SYS(unlink(t_path(&inner, MARKER)));
	T_ERR(SEGREG_E_EXISTS, try(&inner, SEGREG_ADOPT));
	T_HAS(segreg_last_error(), "it lies in");
}

static int is_replaced(void *arg, const struct segreg_finding *finding)
{
	unsigned *n = arg;

	*n += finding->kind == SEGREG_FOUND_REPLACED && strstr(finding->reason, "another registry's base");
	return 0;
}

/* A record is not bound to what stands in another base or registry, and the deletion of it fails. */
static void records_in_foreign_places(void)
{
	static const char *const paths[] = { "data/y", "data/registry/" MDB, "data" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct t_world d = t_world(T_MEMORY), inner = d, e = t_world(T_MEMORY);
		struct segreg_open_options create = { .size = sizeof(create), .flags = SEGREG_CREATE };
		struct segreg *reg, *other;
		unsigned replaced = 0;

		snprintf(inner.base, sizeof(inner.base), "%s", t_path(&d, "data"));
		snprintf(inner.dir, sizeof(inner.dir), "%s", t_path(&d, "data/registry"));
		T_SYS(mkdir(inner.base, 0755));
		T_SYS(mkdir(inner.dir, 0755));
		T_SYS(mkdir(t_path(&d, "data/y"), 0755));
		T_OK(segreg_open(inner.dir, &create, &other));
		T_OK(segreg_register(other, 1, "y"));
		reg = t_open(&e);
		T_SYS(mkdir(t_path(&e, "data"), 0755));
		T_SYS(mkdir(t_path(&e, "data/registry"), 0755));
		T_SYS(mkdir(t_path(&e, "data/y"), 0755));
		t_make_file(&e, "data/registry/" MDB, 10);
		T_OK(segreg_register(reg, 1, paths[i]));
		t_close(reg);
		T_OK(rebase(&e, d.base, &reg));
		T_OK(segreg_check(reg, 0, is_replaced, &replaced));
		T_EQ(replaced, 1);
		T_OK(segreg_retire(reg, 1));
		T_EQ(t_sweep(reg).failed, 1);
		T_CHECK(t_exists(&d, paths[i]));
		t_close(reg);
		t_close(other);
	}
}

/* The directory of a segment becomes another registry's base, or a registry, after the registration. */
static void foreign_since(void)
{
	struct t_world w = t_world(T_MEMORY), away = t_world(T_MEMORY), far = t_world(T_MEMORY);
	struct segreg_open_options create = { .size = sizeof(create), .flags = SEGREG_CREATE };
	struct segreg *reg = t_open(&w), *other, *inner;

	T_SYS(mkdir(t_path(&w, "y"), 0755));
	t_make_file(&w, "y/file", 10);
	T_OK(segreg_register(reg, 1, "y/file"));
	create.base = t_path(&away, "y");
	T_SYS(rename(t_path(&w, "y"), create.base));
	T_SYS(mkdir(away.dir, 0755));
	T_OK(segreg_open(away.dir, &create, &other));
	T_SYS(rename(create.base, t_path(&w, "y")));

	create.base = far.base;
	T_OK(segreg_open(t_path(&w, "inner"), &create, &inner));
	T_SYS(rename(t_path(&w, "inner/" LOCK), t_path(&w, "lock")));
	T_OK(segreg_register(reg, 2, "inner/" MDB));
	T_SYS(rename(t_path(&w, "lock"), t_path(&w, "inner/" LOCK)));

	T_OK(segreg_retire(reg, 1));
	T_OK(segreg_retire(reg, 2));
	T_EQ(t_sweep(reg).failed, 2);
	T_CHECK(t_exists(&w, "y/file"));
	T_CHECK(t_exists(&w, "inner/" MDB));
	t_close(inner);
	t_close(other);
	t_close(reg);
}

/* The directory `where`, in the segment at path or above it, becomes a base between a sweep's look and its rename. */
static void becomes_a_base(const char *path, const char *where)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *sweeper = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);
	int fd;

	T_SYS(mkdir(t_path(&w, "day"), 0755));
	t_make_dir(&w, "day/seg", 10);
	t_make_dir(&w, "day/seg/inside", 10);
	T_OK(segreg_register(reg, 1, path));
	T_OK(segreg_retire(reg, 1));
	T_OK(peer_open(sweeper));
	peer_stop_at(sweeper, "trash.looked", 1);
	peer_begin(sweeper, peer_do_sweep, NULL, 0);
	T_CHECK(peer_stands(sweeper));
	fd = T_SYS(open(t_path(&w, "%s/" MARKER, where), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	T_EQ(write(fd, "segreg base 2\n", 14), 14);
	close(fd);
	peer_go_on(sweeper);
	T_OK(peer_end(sweeper, NULL));
	T_EQ(t_info(reg, 1).error, EBUSY);
	T_CHECK(t_exists(&w, "day/seg/data"));
	T_CHECK(t_exists(&w, "day/seg/inside/data"));
	T_EQ(t_count_entries(&w, T_TRASH), 0);
	T_SYS(unlink(t_path(&w, "%s/" MARKER, where)));
	t_clock_forward(2000);
	T_EQ(t_sweep(reg).deleted, 1);
	peer_exit(sweeper);
	t_close(reg);
}

static void foreign_in_between(void)
{
	becomes_a_base("day/seg", "day/seg/inside");
	becomes_a_base("day/seg", "day/seg");
	becomes_a_base("day/seg", "day");
}

/* A registry that leaves its base gives it up, and can come back. A copy leaves the original's base alone. */
static void leaves_its_base(void)
{
	struct t_world w = make_original(), other = copy(&w, "copy"), to = new_base();
	struct segreg *reg;

	T_OK(rebase(&other, to.base, &reg));
	t_close(reg);
	T_CHECK(t_exists(&w, MARKER));
	T_OK(rebase(&w, new_base().base, &reg));
	t_close(reg);
	T_CHECK(!t_exists(&w, MARKER));
	T_CHECK(t_exists(&w, "seg-1/data"));
	T_OK(rebase(&w, w.base, &reg));
	t_close(reg);
	T_OK(try(&w, 0));
	T_OK(try(&other, 0));
}

static void damaged_marker(void)
{
	struct t_world w = make_original();
	const char *path = t_path(&w, MARKER);
	char text[SEGREG_PATH_SIZE + 256] = "";
	size_t length;
	int fd = T_SYS(open(path, O_RDWR | O_CLOEXEC));

	length = (size_t)T_SYS((int)read(fd, text, sizeof(text) - 1));
	T_HAS(text, "segreg base 2\n");
	T_HAS(text, w.dir);
	for (size_t size = 0; size < length; size++) {
		T_SYS(ftruncate(fd, (off_t)size));
		T_ERR(SEGREG_E_MISMATCH, try(&w, 0));
		T_SYS((int)pwrite(fd, text, length, 0));
	}
	*strstr(text, "base 2") = 'B';
	T_SYS((int)pwrite(fd, text, length, 0));
	T_ERR(SEGREG_E_MISMATCH, try(&w, 0));
	*strstr(text, "Base 2") = 'b';
	strstr(text, "base 2")[5] = '3';
	T_SYS((int)pwrite(fd, text, length, 0));
	T_ERR(SEGREG_E_MISMATCH, try(&w, 0));
	strstr(text, "base 3")[5] = '2';
	T_SYS((int)pwrite(fd, text, length, 0));
	T_OK(try(&w, 0));
	close(fd);
}

T_SUITE(rebase,
	{ "in another base a record is what stands at its path then; without it, nothing that comes later",
	  records_in_another_base },
	{ "a change of base that was cut short is done again, and the original is whole", another_base_cut_short },
	{ "what a killed sweep had decided is deleted in another base's trash alone", decided_in_another_base },
	{ "an adoption gives no base that lies in another registry or base, or is a registry", refused_bases },
	{ "a lost marker is not put up again below another base", lost_marker_below_a_base },
	{ "in another base no record is bound to what is in a third one", records_in_foreign_places },
	{ "no sweep deletes where another base or a registry has come since", foreign_since },
	{ "no sweep deletes where a base comes while it moves the segment away", foreign_in_between },
	{ "a base that its registry leaves is free, and an original's is not", leaves_its_base },
	{ "a damaged marker is refused", damaged_marker });
