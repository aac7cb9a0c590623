/*
 * watches_faults.c - segreg_watch beside deaths, forks and failing calls: no event is missed.
 */
#include "harness.h"
#include "holds.h"
#include "watches.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---------------------------------------------------------------- deaths */

static void the_waker_dies(const char *point)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch watch = watch_for(s.reg, SEGREG_WATCH_VERSION);
	struct peer *other = peer_start(&s.world, PEER_PROCESS);
	uint64_t id = 1;

	T_OK(peer_open(other));
	T_OK(segreg_watch_clear(s.reg, &watch));
	peer_run_to(s.holder, point, peer_do_retire, &id, sizeof(id));
	if (strcmp(point, "ring.rung") != 0)
		T_CHECK(!is_readable(&watch));
	peer_kill(s.holder);
	expect_ring(s.reg, &watch);
	if (t_version(s.reg) == 3) {
		/* Durable, and not shown: the next who has the commit lock shows it. */
		T_OK(peer_sweep(other, &(struct segreg_sweep_result){ .size = sizeof(struct segreg_sweep_result) }));
		expect_ring(s.reg, &watch);
	}
	T_EQ(t_version(s.reg), 4);
	T_OK(peer_retire(other, 2));
	expect_ring(s.reg, &watch);
	T_OK(segreg_unwatch(s.reg, &watch));
	peer_exit(other);
	t_close(s.reg);
}

static void wakers_die(void)
{
	static const char *const points[] = { "change.durable", "region.version", "change.applied",
					      "change.shown",   "ring.asked",     "ring.rung" };

	for (unsigned i = 0; i < sizeof(points) / sizeof(*points); i++)
		the_waker_dies(points[i]);
}

static int do_watch(struct peer_self *self, void *arg)
{
	(void)arg;
	watch_for(self->reg, SEGREG_WATCH_VERSION | SEGREG_WATCH_SWEEP);
	return 0;
}

static void watchers_die(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);

	for (int i = 0; i < 5; i++)
		T_OK(peer_call(s.holder, do_watch, NULL, 0));
	peer_kill(s.holder);
	count_rings();
	for (uint64_t id = 4; id < 50; id++)
		t_add(&s.world, s.reg, id);
	T_EQ(rings, 1);
	t_close(s.reg);
}

/* The version was there, and the waker of threads died before it woke them. */
static void sleepers_wake_after_a_repair(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct peer *sleeper = peer_start(&s.world, PEER_PROCESS);
	uint64_t id = 1, version = 3;

	T_OK(peer_open(sleeper));
	peer_run_to(sleeper, "wait.counted", do_wait, &version, sizeof(version));
	peer_run_to(s.holder, "region.version", peer_do_retire, &id, sizeof(id));
	peer_go_on(sleeper); /* its word has not changed: it sleeps, now or soon */
	peer_kill(s.holder);
	t_sweep(s.reg);
	T_OK(peer_end(sleeper, &version));
	T_EQ(version, 4);
	peer_exit(sleeper);
	t_close(s.reg);
}

/* ---------------------------------------------------------------- processes */

static void forked(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch watch = watch_for(s.reg, SEGREG_WATCH_VERSION), own;
	pid_t child = T_SYS(fork());
	int status;

	if (child == 0) {
		T_ERR(SEGREG_E_INVAL, segreg_watch_clear(s.reg, &watch));
		T_HAS(segreg_last_error(), "forked child");
		T_ERR(SEGREG_E_INVAL, segreg_unwatch(s.reg, &watch));
		close(watch.fd);
		own = watch_for(s.reg, SEGREG_WATCH_VERSION);
		T_OK(segreg_retire(s.reg, 1));
		await(&own);
		T_OK(segreg_unwatch(s.reg, &own));
		_exit(segreg_close(s.reg, NULL) != 0);
	}
	T_SYS(waitpid(child, &status, 0));
	T_EQ(status, 0);
	expect_ring(s.reg, &watch);
	T_EQ(t_version(s.reg), 4);
	T_CHECK(fcntl(watch.fd, F_GETFD) & FD_CLOEXEC);
	T_OK(segreg_unwatch(s.reg, &watch));
	t_strike(&s);
}

static void closed_by_its_host(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch watch = watch_for(s.reg, SEGREG_WATCH_VERSION);

	close(watch.fd);
	T_OK(peer_retire(s.holder, 1));
	T_ERR(SEGREG_E_INVAL, segreg_watch_clear(s.reg, &watch));
	T_HAS(segreg_last_error(), "make a new watch");
	t_strike(&s);
}

/* ---------------------------------------------------------------- what may fail */

static void other_ring(bool removed)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch watch = watch_for(s.reg, SEGREG_WATCH_VERSION), another;
	DIR *shm = opendir("/dev/shm");
	struct dirent *entry;
	char text[4096] = "", name[300];
	int fd = T_SYS(open(t_path(&s.world, "registry/registry.lock"), O_RDONLY | O_CLOEXEC));

	T_CHECK(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	while (removed && (entry = readdir(shm))) {
		snprintf(name, sizeof(name), "/%s", entry->d_name);
		if (strncmp(name, "/segreg-", 8) == 0 && strstr(text, name))
			T_SYS(shm_unlink(name));
	}
	closedir(shm);
	if (removed) {
		T_OK(segreg_watch_clear(s.reg, &watch));
		T_ERR(SEGREG_E_REGION_LOST, segreg_watch(s.reg, SEGREG_WATCH_VERSION, &another));
	} else
		t_fail_call("utimensat", 0, EPERM);
	T_OK(segreg_retire(s.reg, 1));
	if (!removed)
		T_EQ(t_failed_calls(), 1);
	t_fail_call(NULL, 0, 0);
	expect_ring(s.reg, &watch);
	T_OK(segreg_unwatch(s.reg, &watch));
	t_strike(&s);
}

static void without_a_name(void)
{
	other_ring(true);
}

static void without_utimensat(void)
{
	other_ring(false);
}

/* What could not be rung is owed, and the next waker rings. */
static void no_ring_at_all(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch watch = watch_for(s.reg, SEGREG_WATCH_SWEEP);

	t_fail_call("utimensat", 0, EPERM);
	T_SYS(rename(t_path(&s.world, "registry/registry.lock"), t_path(&s.world, "registry/away")));
	T_OK(segreg_sweep_wake(s.reg));
	T_CHECK(!is_readable(&watch));
	T_SYS(rename(t_path(&s.world, "registry/away"), t_path(&s.world, "registry/registry.lock")));
	T_OK(segreg_sweep_wake(s.reg));
	expect_ring(s.reg, &watch);
	t_fail_call(NULL, 0, 0);
	T_OK(segreg_unwatch(s.reg, &watch));
	t_strike(&s);
}

static unsigned descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void refused(void)
{
	static const struct {
		const char *call;
		unsigned nth;
		int errnum, code;
		const char *text;
	} cases[] = {
		{ "inotify_init1", 1, EMFILE, SEGREG_E_IO, "fs.inotify.max_user_instances" },
		{ "inotify_init1", 1, ENOSYS, SEGREG_E_UNSUPPORTED, "no inotify" },
		{ "inotify_init1", 1, ENOMEM, SEGREG_E_NOMEM, "inotify" },
		{ "inotify_add_watch", 1, ENOSPC, SEGREG_E_IO, "fs.inotify.max_user_watches" },
		{ "inotify_add_watch", 2, ENOSPC, SEGREG_E_IO, "registry.lock" },
		{ "inotify_add_watch", 2, EACCES, SEGREG_E_PERM, "registry.lock" },
	};
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch watch = { .fd = 77 };
	unsigned before = descriptors();

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		t_fail_call(cases[i].call, cases[i].nth, cases[i].errnum);
		T_ERR(cases[i].code, segreg_watch(s.reg, SEGREG_WATCH_VERSION, &watch));
		T_HAS(segreg_last_error(), cases[i].text);
		t_fail_call(NULL, 0, 0);
	}
	T_SYS(rename(t_path(&s.world, "registry/registry.lock"), t_path(&s.world, "registry/away")));
	T_ERR(SEGREG_E_MISMATCH, segreg_watch(s.reg, SEGREG_WATCH_VERSION, &watch));
	t_make_file(&s.world, "registry/registry.lock", 1);
	T_ERR(SEGREG_E_MISMATCH, segreg_watch(s.reg, SEGREG_WATCH_VERSION, &watch));
	T_SYS(rename(t_path(&s.world, "registry/away"), t_path(&s.world, "registry/registry.lock")));
	T_EQ(watch.fd, 77);
	T_EQ(descriptors(), before);
	t_strike(&s);
}

T_SUITE(watches_faults, { "a waker dies anywhere between its commit and its ring", wakers_die },
	{ "watches of the dead cost one ring", watchers_die },
	{ "a thread wakes for a version whose process died before it woke it", sleepers_wake_after_a_repair },
	{ "a child does not take its parent's events, and has a watch of its own", forked },
	{ "a watch whose descriptor its host closed is refused", closed_by_its_host },
	{ "a watch is rung although the shared memory has lost its name", without_a_name },
	{ "a watch is rung although utimensat is forbidden", without_utimensat },
	{ "a ring that failed is made up for", no_ring_at_all },
	{ "what a watch needs and does not get is named, and nothing is left open", refused });
