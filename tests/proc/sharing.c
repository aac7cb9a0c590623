/*
 * sharing.c - users of a group share a registry. Each may come first and last, and nothing stays behind.
 * The umask of none of them matters.
 *
 * Needs root, whose peers become other users.
 */
#include "harness.h"
#include "peer.h"
#include "base/sr_lockinfo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum user { OWNER, MEMBER, OTHER_MEMBER, ROOT, STRANGER, USERS };

/* Numbers that no other test run on this machine has at the same time, and no account. */
static uid_t uid_of(enum user user)
{
	static uid_t first;

	if (!first)
		first = 100000000u + 16u * (uid_t)getpid();
	return user == ROOT ? 0 : first + user;
}

static gid_t the_group(void)
{
	return uid_of(OWNER) + 10;
}

struct guise {
	uid_t uid;
	gid_t gid, group;
	mode_t mask;
};

static int do_become(struct peer_self *self, void *arg)
{
	const struct guise *guise = arg;

	(void)self;
	umask(guise->mask);
	if (guise->uid) {
		T_SYS(setgroups(guise->group ? 1 : 0, &guise->group));
		T_SYS(setresgid(guise->gid, guise->gid, guise->gid));
		T_SYS(setresuid(guise->uid, guise->uid, guise->uid));
	}
	T_SYS(prctl(PR_SET_DUMPABLE, 1)); /* for LeakSanitizer */
	return 0;
}

static struct peer *start_as(const struct t_world *world, enum user user, mode_t mask)
{
	struct peer *peer = peer_start(world, PEER_PROCESS);
	struct guise guise = {
		.uid = uid_of(user),
		.gid = uid_of(user),
		.group = user == STRANGER ? 0 : the_group(),
		.mask = mask,
	};

	T_OK(peer_call(peer, do_become, &guise, sizeof(guise)));
	return peer;
}

/* A base and a registry in it, both of the owner and the group, made by the owner. */
static struct t_world shared_world(void)
{
	struct peer *owner;
	struct t_world w;
	struct stat st;

	if (geteuid() != 0)
		T_SKIP("needs root, to be several users");
	if (stat("/dev/shm", &st) == -1 || (st.st_mode & 07777) != 01777)
		T_SKIP("needs a sticky /dev/shm that all may write");
	uid_of(OWNER); /* before peers are forked, which have other pids */
	w = t_world(T_DISK);
	if (chown(w.base, uid_of(OWNER), the_group()) == -1 && errno == EINVAL)
		T_SKIP("this user namespace has few users");
	T_SYS(chmod(w.base, 02770));
	T_SYS(mkdir(w.dir, 0));
	T_SYS(chown(w.dir, uid_of(OWNER), the_group()));
	T_SYS(chmod(w.dir, 02770));
	owner = start_as(&w, OWNER, 007);
	T_OK(peer_open(owner));
	peer_exit(owner);
	return w;
}

/* Objects in /dev/shm that one of the users owns, under any name; and their memory. */
static unsigned regions(uint64_t *blocks)
{
	DIR *dir = opendir("/dev/shm");
	struct dirent *entry;
	unsigned n = 0;

	*blocks = 0;
	T_CHECK(dir);
	while ((entry = readdir(dir))) {
		struct stat st;

		if (strncmp(entry->d_name, "segreg-", 7) ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode) ||
		    st.st_uid < uid_of(OWNER) || st.st_uid > uid_of(STRANGER))
			continue;
		n++;
		*blocks += (uint64_t)st.st_blocks;
	}
	closedir(dir);
	return n;
}

/* ---------------------------------------------------------------- what is left */

/* The region is builder's, and last is the last to leave; how: the builder leaves before, or is killed. */
static void round_of(const struct t_world *w, enum user builder, enum user last, bool kill)
{
	struct peer *first = start_as(w, builder, 022), *second = start_as(w, last, 022);

	T_OK(peer_open(first));
	T_OK(peer_open(second));
	if (kill)
		peer_kill(first);
	else
		peer_exit(first);
	peer_exit(second);
}

static void leave(bool kill)
{
	struct t_world w = shared_world();
	uint64_t blocks;

	for (unsigned i = 0; i < 5; i++) {
		round_of(&w, OWNER, MEMBER, kill);
		T_EQ(regions(&blocks), 1); /* the member may not remove it */
		T_EQ(blocks, 0);
	}
	for (unsigned i = 0; i < 5; i++) {
		round_of(&w, MEMBER, OTHER_MEMBER, kill);
		T_CHECK(regions(&blocks) <= 1);
		T_EQ(blocks, 0);
	}
	round_of(&w, ROOT, ROOT, false);
	T_EQ(regions(&blocks), 0);
}

static void last_is_not_the_builder(void)
{
	leave(false);
}

static void builder_is_killed(void)
{
	leave(true);
}

/* Nobody leaves: all die. */
static void all_are_killed(void)
{
	struct t_world w = shared_world();
	uint64_t blocks;

	for (unsigned i = 0; i < 5; i++) {
		struct peer *peer = start_as(&w, i % 2 ? OWNER : MEMBER, 022);

		T_OK(peer_open(peer));
		peer_kill(peer);
		T_EQ(regions(&blocks), 1);
	}
	round_of(&w, ROOT, ROOT, false);
	T_EQ(regions(&blocks), 0);
}

/* ---------------------------------------------------------------- who gets in */

static int do_work(struct peer_self *self, void *arg)
{
	uint64_t id = *(uint64_t *)arg;
	struct segreg_sweep_result swept = { .size = sizeof(swept) };
	const char *path = t_path(&self->world, "%s", t_segment(id));
	struct segreg_pin pin;
	int rc;

	/* Others of the group delete what this user made. */
	T_SYS(mkdir(path, 0700));
	T_SYS(chmod(path, 0770));
	rc = segreg_register(self->reg, id, t_segment(id));
	if (!rc)
		rc = segreg_pin(self->reg, id, 0, &pin);
	if (!rc)
		rc = segreg_retire(self->reg, id);
	if (!rc)
		rc = segreg_unpin(self->reg, &pin);
	return rc ? rc : segreg_sweep(self->reg, NULL, &swept);
}

static void work(struct peer *peer, uint64_t id)
{
	T_OK(peer_call(peer, do_work, &id, sizeof(id)));
}

/* Objects that the users share keep out the users that registry.lock keeps out, and let in those that it lets in. */
static void check_modes(const struct t_world *w, mode_t mode)
{
	static const char *const names[] = { "registry/registry.mdb", ".segreg-lock" };
	struct stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		T_SYS(stat(t_path(w, "%s", names[i]), &st));
		T_EQ(st.st_mode & 07777, mode);
		T_EQ(st.st_gid, the_group());
	}
	T_SYS(stat(t_path(w, ".segreg"), &st));
	T_EQ(st.st_mode & 07777, 0644);
}

/* first builds and is the last but one to leave; both, and those who come between, do all that there is to do. */
static void come(const struct t_world *w, enum user first, enum user last, mode_t mask)
{
	static uint64_t id;
	struct peer *a = start_as(w, first, mask), *b = start_as(w, last, mask),
		    *stranger = start_as(w, STRANGER, mask);

	T_OK(peer_open(a));
	T_OK(peer_open(b));
	for (enum user user = OWNER; user <= ROOT; user++) {
		struct peer *between = start_as(w, user, mask);

		T_OK(peer_open(between));
		work(between, ++id);
		peer_exit(between);
	}
	T_ERR(SEGREG_E_PERM, peer_open(stranger));
	work(a, ++id);
	work(b, ++id);
	T_EQ(t_count_entries(w, ".segreg-trash"), 0);
	peer_exit(a);
	work(b, ++id);
	peer_exit(b);
	check_modes(w, 0660);
	peer_exit(stranger);
}

static void any_order(void)
{
	static const mode_t masks[] = { 077, 0, 022 };
	struct t_world w = shared_world();

	t_allow_seconds(600);
	for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++)
		for (enum user first = OWNER; first <= ROOT; first++)
			for (enum user last = OWNER; last <= ROOT; last++) {
				/* What lies in base is made anew now and then, by another user each time. */
				unlink(t_path(&w, ".segreg-lock"));
				rmdir(t_path(&w, ".segreg-trash"));
				come(&w, first, last, masks[i]);
			}
}

/* What registry.lock does not give to the group, the rest does not give either. */
static void a_private_registry(void)
{
	struct t_world w = shared_world();
	struct peer *root = start_as(&w, ROOT, 0), *owner = start_as(&w, OWNER, 0), *member = start_as(&w, MEMBER, 0);
	struct stat st;

	T_SYS(chmod(t_path(&w, "registry/registry.lock"), 0600));
	T_OK(peer_open(root));
	T_SYS(stat(t_path(&w, ".segreg-lock"), &st));
	T_EQ(st.st_mode & 07777, 0600);
	T_EQ(st.st_uid, uid_of(OWNER));
	T_OK(peer_open(owner));
	T_ERR(SEGREG_E_PERM, peer_open(member));
	peer_exit(owner);
	peer_exit(root);
	peer_exit(member);
}

/* ---------------------------------------------------------------- access control lists */

/* Owner rw, a named user rw, group as given, mask rw, others nothing. */
static bool set_list(const char *path, uid_t named, unsigned group)
{
	struct {
		uint32_t version;
		struct {
			uint16_t tag, rights;
			uint32_t id;
		} entry[5];
	} list = { 2,
		   { { 0x01, 6, UINT32_MAX },
		     { 0x02, 6, named },
		     { 0x04, (uint16_t)group, UINT32_MAX },
		     { 0x10, 6, UINT32_MAX },
		     { 0x20, 0, UINT32_MAX } } };

	return setxattr(path, "system.posix_acl_access", &list, sizeof(list), 0) == 0;
}

/* registry.lock's mode has the mask as the group's rights. */
static void a_list_on_registry_lock(void)
{
	struct t_world w = shared_world();
	const char *lock = t_path(&w, "registry/registry.lock");
	struct peer *owner = start_as(&w, OWNER, 022), *member = start_as(&w, MEMBER, 022);
	struct stat st;

	if (!set_list(lock, uid_of(STRANGER), 0))
		T_SKIP("this file system has no access control lists");
	T_SYS(stat(lock, &st));
	T_EQ(st.st_mode & 0777, 0660);
	T_OK(peer_open(owner));
	T_SYS(stat(t_path(&w, ".segreg-lock"), &st));
	T_EQ(st.st_mode & 0777, 0600);
	T_ERR(SEGREG_E_PERM, peer_open(member));
	peer_exit(owner);
	peer_exit(member);
	T_CHECK(set_list(lock, uid_of(STRANGER), 6));
	come(&w, OWNER, MEMBER, 077); /* .segreg-lock follows, once its owner opens the registry */
	come(&w, MEMBER, OWNER, 077);
}

/* ---------------------------------------------------------------- the trash */

/* root sweeps where the trash is missing, or is root's own. */
static void root_makes_the_trash(void)
{
	struct t_world w = shared_world();
	struct peer *owner = start_as(&w, OWNER, 077), *root = start_as(&w, ROOT, 077);
	struct stat st;

	T_OK(peer_open(owner));
	T_OK(peer_open(root));
	for (uint64_t id = 1; id <= 4; id += 2) {
		T_SYS(rmdir(t_path(&w, ".segreg-trash")));
		if (id > 1)
			T_SYS(mkdir(t_path(&w, ".segreg-trash"), 0700)); /* as an earlier version left it */
		work(root, id);
		T_SYS(stat(t_path(&w, ".segreg-trash"), &st));
		T_EQ(st.st_uid, uid_of(OWNER));
		T_EQ(st.st_gid, the_group());
		T_EQ(st.st_mode & 0777, 0770);
		work(owner, id + 1);
		T_CHECK(!t_exists(&w, t_segment(id + 1)));
	}
	peer_exit(owner);
	peer_exit(root);
}

T_SUITE(sharing, { "whoever may write registry.lock gets in, whoever is first and last, under any umask", any_order },
	{ "what registry.lock keeps from the group, all that is shared keeps from it", a_private_registry },
	{ "an access control list's mask is not taken for the group's rights", a_list_on_registry_lock },
	{ "root makes the trash for base's owner", root_makes_the_trash },
	{ "the last to leave may not remove the shared memory, and the next one uses it", last_is_not_the_builder },
	{ "the builder of the shared memory is killed, and the next one uses it", builder_is_killed },
	{ "users that die in turn leave one shared memory at most", all_are_killed });
