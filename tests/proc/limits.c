/*
 * limits.c - a host that may write files of some size only (RLIMIT_FSIZE): calls fail, and the host lives.
 */
#include "harness.h"
#include "peer.h"

#include <signal.h>
#include <sys/resource.h>

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	T_SYS(getrlimit(RLIMIT_FSIZE, &limit));
	limit.rlim_cur = bytes;
	T_SYS(setrlimit(RLIMIT_FSIZE, &limit));
}

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught += number == SIGXFSZ;
}

/* What the library does to the thread's signals, it undoes. */
static void check_signals(void)
{
	sigset_t set;

	T_EQ(caught, 0);
	T_SYS(sigpending(&set));
	T_EQ(sigismember(&set, SIGXFSZ), 0);
	T_EQ(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
	T_EQ(sigismember(&set, SIGXFSZ), 0);
}

/* registry.mdb is larger than the limit, or grows over it; shared memory is there already. */
static void small_files(void)
{
	static const rlim_t limits[] = { 0, 100, 4096, 20000, 40000, 60000, 100000 };
	struct t_world w = t_world(T_DISK);
	struct peer *builder = peer_start(&w, PEER_PROCESS);
	struct segreg *reg;
	unsigned failed = 0;

	T_OK(peer_open(builder));
	for (uint64_t id = 1; id <= 200; id++)
		t_make_segment(&w, id);
	signal(SIGXFSZ, on_signal);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		limit_files(limits[i]);
		T_OK(segreg_open(w.dir, NULL, &reg));
		for (uint64_t id = 1 + 20 * i; id <= 20 + 20 * i; id++) {
			int rc = segreg_register(reg, id, t_segment(id));

			T_CHECK(!rc || rc == SEGREG_E_NOSPC || rc == SEGREG_E_REOPEN ||
				rc == SEGREG_E_IO); /* LMDB makes EIO of a short write */
			failed += rc != 0;
		}
		segreg_close(reg, NULL);
		check_signals();
		limit_files(RLIM_INFINITY);
	}
	T_CHECK(failed > 40);
	reg = t_open(&w);
	t_add(&w, reg, 250);
	T_EQ(t_state(reg, 250), SEGREG_LIVE);
	t_close(reg);
}

/* Neither is there yet. */
static void nothing_there(void)
{
	struct t_world w = t_world(T_DISK);
	struct segreg_open_options options = { .size = sizeof(options), .flags = SEGREG_CREATE };
	struct segreg *reg = NULL;

	signal(SIGXFSZ, on_signal);
	for (rlim_t limit = 0; limit < 40000; limit += 3000) {
		limit_files(limit);
		T_CHECK(segreg_open(w.dir, &options, &reg) < 0);
		T_CHECK(!reg);
		check_signals();
	}
	limit_files(RLIM_INFINITY);
	t_close(t_open(&w));
}

/* A host that has blocked the signal itself gets what it would. */
static void blocked_by_the_host(void)
{
	struct t_world w = t_world(T_DISK);
	struct peer *builder = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = NULL;
	sigset_t set;

	T_OK(peer_open(builder));
	t_make_segment(&w, 1);
	sigemptyset(&set);
	sigaddset(&set, SIGXFSZ);
	T_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	limit_files(100);
	T_OK(segreg_open(w.dir, NULL, &reg));
	T_CHECK(segreg_register(reg, 1, t_segment(1)) < 0);
	segreg_close(reg, NULL);
	limit_files(RLIM_INFINITY);
	T_EQ(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
	T_EQ(sigismember(&set, SIGXFSZ), 1);
}

T_SUITE(limits, { "where files may not grow, edits fail and the host lives", small_files },
	{ "where files may not be made, creating fails and the host lives", nothing_there },
	{ "a host that blocks SIGXFSZ still does", blocked_by_the_host });
