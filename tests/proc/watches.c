/*
 * watches.c - segreg_watch: no event is missed when a process dies; and segreg_wait_off.
 */
#include "harness.h"
#include "holds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define EDITS 2000u

static bool is_readable(const struct segreg_watch *watch)
{
	struct pollfd p = { .fd = watch->fd, .events = POLLIN };

	return T_SYS(poll(&p, 1, 0)) == 1;
}

/* A watch that misses its event hangs here, until the runner ends the test. */
static void await(const struct segreg_watch *watch)
{
	struct pollfd p = { .fd = watch->fd, .events = POLLIN };

	T_EQ(poll(&p, 1, -1), 1);
	T_EQ(p.revents, POLLIN);
}

static struct segreg_watch watch_for(struct segreg *reg, unsigned what)
{
	struct segreg_watch watch;

	T_OK(segreg_watch(reg, what, &watch));
	return watch;
}

/* Another handle's death or arrival may ring as well: take what is there. */
static void expect_ring(struct segreg *reg, const struct segreg_watch *watch)
{
	await(watch);
	T_CHECK(is_readable(watch)); /* looking takes nothing away */
	T_OK(segreg_watch_clear(reg, watch));
	T_CHECK(!is_readable(watch));
}

static uint64_t version_of(struct segreg *reg)
{
	uint64_t version;

	T_OK(segreg_version(reg, &version));
	return version;
}

/* ---------------------------------------------------------------- what rings */

static void versions(enum peer_kind kind)
{
	struct t_scene s = t_scene(kind);
	struct segreg_watch watch = watch_for(s.reg, SEGREG_WATCH_VERSION);

	T_CHECK(!is_readable(&watch));
	for (uint64_t id = 1; id <= 3; id++) {
		T_OK(peer_retire(s.holder, id));
		expect_ring(s.reg, &watch);
		T_EQ(version_of(s.reg), 3 + id);
	}
	T_OK(peer_retire(s.holder, 3)); /* changes nothing, and makes no version */
	T_OK(segreg_watch_clear(s.reg, &watch));
	T_CHECK(!is_readable(&watch));
	T_OK(segreg_unwatch(s.reg, &watch));
	T_EQ(watch.fd, -1);
	T_ERR(SEGREG_E_INVAL, segreg_unwatch(s.reg, &watch));
	t_strike(&s);
}

static void versions_in_one_process(void)
{
	versions(PEER_THREAD);
}

static void versions_across_processes(void)
{
	versions(PEER_PROCESS);
}

static void work(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch watch = watch_for(s.reg, SEGREG_WATCH_SWEEP);
	struct segreg_snapshot snapshot = { 0 };
	struct peer *mortal = peer_start(&s.world, PEER_PROCESS);

	T_OK(peer_pin(s.holder, 1));
	T_OK(peer_pin(s.holder, 2));
	T_OK(peer_take(s.holder, SEGREG_SNAPSHOT, &snapshot));
	T_OK(peer_unpin(s.holder, 2)); /* of a live segment */
	T_CHECK(!is_readable(&watch));
	T_OK(peer_retire(s.holder, 1));
	expect_ring(s.reg, &watch);
	T_OK(peer_unpin(s.holder, 1));
	expect_ring(s.reg, &watch);
	T_OK(peer_release(s.holder, &snapshot));
	expect_ring(s.reg, &watch);
	T_OK(peer_open(mortal));
	expect_ring(s.reg, &watch);
	peer_kill(mortal);
	expect_ring(s.reg, &watch);
	T_OK(segreg_sweep_wake(s.reg));
	expect_ring(s.reg, &watch);
	T_OK(segreg_unwatch(s.reg, &watch));
	t_strike(&s);
}

static void both_by_epoll(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch watch = watch_for(s.reg, SEGREG_WATCH_VERSION | SEGREG_WATCH_SWEEP);
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 42 };
	int epoll = T_SYS(epoll_create1(EPOLL_CLOEXEC));

	T_SYS(epoll_ctl(epoll, EPOLL_CTL_ADD, watch.fd, &event));
	event.data.u64 = 0;
	T_EQ(epoll_wait(epoll, &event, 1, 0), 0);
	T_OK(peer_pin(s.holder, 1));
	T_OK(peer_retire(s.holder, 1));
	T_EQ(epoll_wait(epoll, &event, 1, -1), 1);
	T_EQ(event.data.u64, 42);
	T_OK(segreg_watch_clear(s.reg, &watch));
	T_EQ(epoll_wait(epoll, &event, 1, 0), 0);
	T_OK(peer_unpin(s.holder, 1));
	T_EQ(epoll_wait(epoll, &event, 1, -1), 1);
	T_OK(segreg_unwatch(s.reg, &watch));
	close(epoll);
	t_strike(&s);
}

/* ---------------------------------------------------------------- no event is missed */

static int do_many_edits(struct peer_self *self, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < EDITS; i++) {
		int rc = segreg_force_remove(self->reg, 1, 0);

		rc = rc ? rc : segreg_register(self->reg, 1, t_segment(1));
		if (rc)
			return rc;
	}
	return 0;
}

static int do_watch_all(struct peer_self *self, void *arg)
{
	uint64_t last = *(uint64_t *)arg;
	struct segreg_watch watch = watch_for(self->reg, SEGREG_WATCH_VERSION);

	while (version_of(self->reg) < last) {
		await(&watch);
		T_OK(segreg_watch_clear(self->reg, &watch));
	}
	return segreg_unwatch(self->reg, &watch);
}

/* Three watchers, and one that never reads. */
static void thousands(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch lazy = watch_for(s.reg, SEGREG_WATCH_VERSION);
	uint64_t last = 3 + 2 * EDITS;
	struct peer *watcher[3];

	for (int i = 0; i < 3; i++) {
		watcher[i] = peer_start(&s.world, PEER_PROCESS);
		T_OK(peer_open(watcher[i]));
		peer_begin(watcher[i], do_watch_all, &last, sizeof(last));
	}
	T_OK(peer_call(s.holder, do_many_edits, NULL, 0));
	T_EQ(version_of(s.reg), last);
	for (int i = 0; i < 3; i++) {
		T_OK(peer_end(watcher[i], NULL));
		peer_exit(watcher[i]);
	}
	expect_ring(s.reg, &lazy);
	T_OK(segreg_unwatch(s.reg, &lazy));
	t_strike(&s);
}

static unsigned rings;

static void count_ring(void *arg, const char *point)
{
	(void)arg;
	(void)point;
	rings++;
	t_at_point("ring.rung", 1, count_ring, NULL);
}

static void count_rings(void)
{
	rings = 0;
	t_at_point("ring.rung", 1, count_ring, NULL);
}

static void one_ring_for_who_never_reads(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch one, two;

	count_rings();
	t_add(&s.world, s.reg, 4);
	T_EQ(rings, 0); /* nobody watches */
	one = watch_for(s.reg, SEGREG_WATCH_VERSION);
	two = watch_for(s.reg, SEGREG_WATCH_VERSION);
	for (uint64_t id = 5; id < 50; id++)
		t_add(&s.world, s.reg, id);
	T_EQ(rings, 1);
	T_OK(segreg_watch_clear(s.reg, &one));
	T_CHECK(is_readable(&two));
	for (uint64_t id = 50; id < 60; id++)
		t_add(&s.world, s.reg, id);
	T_EQ(rings, 2);
	T_CHECK(is_readable(&one));
	T_OK(segreg_unwatch(s.reg, &one));
	T_OK(segreg_unwatch(s.reg, &two));
	t_add(&s.world, s.reg, 60);
	T_EQ(rings, 2);
	t_strike(&s);
}

struct meanwhile {
	struct t_scene *s;
	uint64_t id;
};

static void retire_at_point(void *arg, const char *point)
{
	struct meanwhile *m = arg;

	(void)point;
	T_OK(peer_retire(m->s->holder, m->id));
}

/* Between W1 and W2: the look after that sees it. After W2: the descriptor is readable. */
static void while_it_clears(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch watch = watch_for(s.reg, SEGREG_WATCH_VERSION);
	struct meanwhile m = { .s = &s, .id = 2 };

	T_OK(peer_retire(s.holder, 1));
	await(&watch);
	t_at_point("watch.drained", 1, retire_at_point, &m);
	T_OK(segreg_watch_clear(s.reg, &watch));
	T_EQ(version_of(s.reg), 5);
	T_OK(peer_retire(s.holder, 3));
	await(&watch);
	T_OK(segreg_unwatch(s.reg, &watch));
	t_strike(&s);
}

/* Two wakers in one ring: one has read asked, and then another watch asks. */
static void asked_while_it_is_rung(const char *point)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct segreg_watch watch = watch_for(s.reg, SEGREG_WATCH_VERSION);
	uint64_t id = 1;

	peer_run_to(s.holder, point, peer_do_retire, &id, sizeof(id));
	T_OK(segreg_watch_clear(s.reg, &watch));
	T_EQ(version_of(s.reg), 4);
	peer_go_on(s.holder);
	T_OK(peer_end(s.holder, NULL));
	T_OK(peer_retire(s.holder, 2));
	await(&watch);
	T_EQ(version_of(s.reg), 5);
	T_OK(segreg_unwatch(s.reg, &watch));
	t_strike(&s);
}

static void asked_before_the_touch(void)
{
	asked_while_it_is_rung("ring.asked");
}

static void asked_after_the_touch(void)
{
	asked_while_it_is_rung("ring.rung");
}

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
	if (version_of(s.reg) == 3) {
		/* Durable, and not shown: the next who has the commit lock shows it. */
		T_OK(peer_sweep(other, &(struct segreg_sweep_result){ .size = sizeof(struct segreg_sweep_result) }));
		expect_ring(s.reg, &watch);
	}
	T_EQ(version_of(s.reg), 4);
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

static int do_wait(struct peer_self *self, void *arg)
{
	uint64_t *version = arg;

	return segreg_wait(self->reg, *version, -1, version);
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
	T_EQ(version_of(s.reg), 4);
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

/* ---------------------------------------------------------------- calling waits off */

static struct segreg *of_handler;

static void handler(int signal)
{
	(void)signal;
	segreg_wait_off(of_handler, 1);
}

static void off_at_point(void *arg, const char *point)
{
	(void)point;
	T_OK(segreg_wait_off(arg, 1));
}

/* It has decided to sleep, and then the wait is called off. */
static void off_before_it_sleeps(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	uint32_t ticket = 0;
	uint64_t now = 77;

	T_OK(segreg_sweep_wait(s.reg, &ticket, 0));
	t_at_point("wait.counted", 1, off_at_point, s.reg);
	T_ERR(SEGREG_E_CALLED_OFF, segreg_wait(s.reg, 3, -1, &now));
	T_ERR(SEGREG_E_CALLED_OFF, segreg_wait(s.reg, 0, -1, &now)); /* even if there is a version */
	T_EQ(now, 77);
	T_OK(segreg_wait_off(s.reg, 0));
	T_OK(segreg_wait(s.reg, 2, -1, &now));
	T_OK(segreg_sweep_wait(s.reg, &ticket, 0));
	t_at_point("wait.counted", 1, off_at_point, s.reg);
	T_ERR(SEGREG_E_CALLED_OFF, segreg_sweep_wait(s.reg, &ticket, -1));
	T_ERR(SEGREG_E_CALLED_OFF, segreg_sweep_wait(s.reg, &(uint32_t){ 0 }, -1));
	T_OK(segreg_wait_off(s.reg, 0));
	T_ERR(SEGREG_E_TIMEDOUT, segreg_wait(s.reg, 3, 1, &now));
	t_strike(&s);
}

static void signal_at_point(void *arg, const char *point)
{
	(void)arg;
	(void)point;
	raise(SIGUSR1);
}

static void off_by_a_signal(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	struct sigaction action = { .sa_handler = handler };

	of_handler = s.reg;
	T_SYS(sigaction(SIGUSR1, &action, NULL));
	t_at_point("wait.counted", 1, signal_at_point, NULL);
	T_ERR(SEGREG_E_CALLED_OFF, segreg_wait(s.reg, 3, -1, NULL));
	t_strike(&s);
}

/* Threads that sleep for good, each in another wait; another handle's wait goes on. */
static void off_while_they_sleep(void)
{
	struct t_scene s = t_scene(PEER_THREAD);
	struct peer *other = peer_start(&s.world, PEER_PROCESS);
	uint64_t version = 3, mine = 3;

	T_OK(peer_open(other));
	peer_begin(other, do_wait, &version, sizeof(version));
	peer_begin(s.holder, do_wait, &mine, sizeof(mine));
	T_OK(segreg_wait_off(s.reg, 1));
	T_ERR(SEGREG_E_CALLED_OFF, peer_end(s.holder, NULL));
	T_OK(segreg_retire(s.reg, 1));
	T_OK(peer_end(other, &version));
	T_EQ(version, 4);
	peer_exit(other);
	t_strike(&s);
}

static void off_in_a_child(void)
{
	struct t_scene s = t_scene(PEER_PROCESS);
	int status;
	pid_t child;

	T_OK(segreg_wait_off(s.reg, 1));
	child = T_SYS(fork());
	if (child == 0) {
		T_ERR(SEGREG_E_INVAL, segreg_wait_off(s.reg, 1));
		T_OK(segreg_wait(s.reg, 2, -1, NULL)); /* the parent's setting is the parent's */
		_exit(segreg_close(s.reg, NULL) != 0);
	}
	T_SYS(waitpid(child, &status, 0));
	T_EQ(status, 0);
	T_ERR(SEGREG_E_CALLED_OFF, segreg_wait(s.reg, 2, -1, NULL));
	t_strike(&s);
}

T_SUITE(watches, { "a watch is readable from a version until it is cleared, in one process", versions_in_one_process },
	{ "a watch is readable from a version until it is cleared, across processes", versions_across_processes },
	{ "a watch for sweeps is rung by all that segreg_sweep_wait returns for, and by deaths", work },
	{ "one watch serves for both, in an epoll", both_by_epoll },
	{ "three watchers see the last of 4,000 edits, beside one that never reads", thousands },
	{ "watches that nobody clears cost one ring", one_ring_for_who_never_reads },
	{ "an edit while a watch is cleared is seen", while_it_clears },
	{ "a watch that asks before another's touch is rung for what comes after", asked_before_the_touch },
	{ "a watch that asks after another's touch is rung for what comes after", asked_after_the_touch },
	{ "a waker dies anywhere between its commit and its ring", wakers_die },
	{ "watches of the dead cost one ring", watchers_die },
	{ "a thread wakes for a version whose process died before it woke it", sleepers_wake_after_a_repair },
	{ "a child does not take its parent's events, and has a watch of its own", forked },
	{ "a watch whose descriptor its host closed is refused", closed_by_its_host },
	{ "a watch is rung although the shared memory has lost its name", without_a_name },
	{ "a watch is rung although utimensat is forbidden", without_utimensat },
	{ "a ring that failed is made up for", no_ring_at_all },
	{ "what a watch needs and does not get is named, and nothing is left open", refused },
	{ "a wait is called off before it sleeps", off_before_it_sleeps },
	{ "a wait is called off by a signal handler", off_by_a_signal },
	{ "a wait is called off in a thread, and other handles' go on", off_while_they_sleep },
	{ "a child's waits are its own", off_in_a_child });
