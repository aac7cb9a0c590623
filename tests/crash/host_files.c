/*
 * host_files.c - a process closes all its descriptors, and goes on; a handle closes none of its host's.
 */
#include "harness.h"
#include "peer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HOST_FILES 32

/* The host process opens files of its own, under whatever numbers are free. */
static int do_open_host_files(struct peer_self *self, void *arg)
{
	(void)arg;
	for (int i = 0; i < HOST_FILES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "host-%d", i);
		t_make_file(&self->world, name, 5000);
		T_SYS(open(t_path(&self->world, "%s", name), O_RDWR | O_CLOEXEC));
	}
	return 0;
}

static void check_host_files(const struct t_world *w)
{
	for (int i = 0; i < HOST_FILES; i++) {
		int fd = T_SYS(open(t_path(w, "host-%d", i), O_RDONLY | O_CLOEXEC));

		T_CHECK(t_fd_has_pattern(fd, 5000));
		close(fd);
	}
}

/* Change everything that can be changed, twice. */
static void work(const struct t_world *w, struct peer *peer, uint64_t id)
{
	struct segreg_sweep_result swept;

	t_make_segment(w, id);
	t_make_segment(w, id + 1);
	T_OK(peer_register(peer, id, t_segment(id)));
	T_OK(peer_register(peer, id + 1, t_segment(id + 1)));
	T_OK(peer_pin(peer, id));
	T_OK(peer_retire(peer, id));
	T_OK(peer_retire(peer, id + 1));
	T_OK(peer_sweep(peer, &swept));
	T_EQ(swept.deleted, 1);
	T_OK(peer_unpin(peer, id));
}

static void close_descriptors(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *peer = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);

	T_OK(peer_open(peer));
	t_add(&w, reg, 1);
	T_OK(peer_pin(peer, 1));
	work(&w, peer, 10);
	T_OK(peer_closefrom(peer));
	T_OK(peer_call(peer, do_open_host_files, NULL, 0));
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).held, 1);
	T_EQ(t_refcount(reg, 1), 1);
	T_CHECK(t_exists(&w, "seg-1/data"));
	work(&w, peer, 20);
	T_OK(peer_unpin(peer, 1));
	T_EQ(t_sweep(reg).deleted, 2);
	check_host_files(&w);
	T_OK(peer_close(peer, NULL)); /* which closes no file of the host's: */
	T_OK(peer_open(peer));
	peer_exit(peer);
	check_host_files(&w);
	t_close(reg);
}

static int do_count_host_files(struct peer_self *self, void *arg)
{
	int open_files = 0;

	(void)self;
	(void)arg;
	for (int fd = 3; fd < 1024; fd++) {
		char link[64], path[512];
		ssize_t length;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		length = readlink(link, path, sizeof(path) - 1);
		path[length > 0 ? length : 0] = '\0';
		open_files += strstr(path, "/host-") != NULL;
	}
	return open_files;
}

static void close_leaves_host_files(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *peer = peer_start(&w, PEER_PROCESS);

	T_OK(peer_open(peer));
	work(&w, peer, 10);
	T_OK(peer_closefrom(peer));
	T_OK(peer_call(peer, do_open_host_files, NULL, 0));
	T_OK(peer_close(peer, NULL));
	T_EQ(peer_call(peer, do_count_host_files, NULL, 0), HOST_FILES);
	peer_exit(peer);
}

T_SUITE(host_files, { "a process closes all descriptors, reuses the numbers, and goes on", close_descriptors },
	{ "closing a handle closes no descriptor that the host has under an old number", close_leaves_host_files });
