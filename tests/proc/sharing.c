/*
 * sharing.c - users of a group share a registry: each may come first and last, under any umask, and nothing stays behind.
 *
 * Needs root, whose peers become other users.
 */
#include "harness.h"
#include "peer.h"
#include "sr_lockinfo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
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
		.uid = uid_of(user), .gid = uid_of(user), .group = user == STRANGER ? 0 : the_group(), .mask = mask,
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

/* Objects in /dev/shm that one of the users owns, whoever named them; and their memory. */
static unsigned regions(uint64_t *blocks)
{
	DIR *dir = opendir("/dev/shm");
	struct dirent *entry;
	unsigned n = 0;

	*blocks = 0;
	T_CHECK(dir);
	while ((entry = readdir(dir))) {
		struct stat st;

		if (strncmp(entry->d_name, "segreg-", 7) || fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
		    !S_ISREG(st.st_mode) || st.st_uid < uid_of(OWNER) || st.st_uid > uid_of(STRANGER))
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

T_SUITE(sharing,
	{ "the last to leave may not remove the shared memory, and the next one uses it", last_is_not_the_builder },
	{ "the builder of the shared memory is killed, and the next one uses it", builder_is_killed },
	{ "users that die in turn leave one shared memory at most", all_are_killed });
