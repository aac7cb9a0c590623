/*
 * mess.c - for mess.sh: a mess at three in the morning, made fast.
 *
 * "mess DIR SEGMENTS SNAPSHOTS PROCESSES" makes SEGMENTS files below the base of the registry DIR, and registers and
 * retires them. In between, PROCESSES processes of up to three users take SNAPSHOTS snapshots, some pins and a horizon.
 * The first files of a thousand have data, and so have most of a small mess. It prints "ready" and the pids of
 * the processes, and lasts until it is killed; its processes end with it.
 *
 * Process 0 and 1 hold from the start, and share nearly all. The others come later. The last is stopped. One has a
 * horizon and no snapshot. Process 1 has two handles. In a small mess pins make many different sets of holders.
 */
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segreg.h"

#define STEP 5000u /* segments in an edit */
#define PER_DIR 10000u
#define KB 1024u

static unsigned n_segments, n_snapshots, n_processes;

static void must(int code)
{
	if (code >= 0)
		return;
	fprintf(stderr, "mess: %s\n", segreg_last_error());
	_exit(EXIT_FAILURE);
}

static void must_call(int result, const char *what)
{
	if (result != -1)
		return;
	perror(what);
	_exit(EXIT_FAILURE);
}

static struct segreg *open_as(const char *dir, const char *label)
{
	struct segreg_open_options options = { .size = sizeof options, .label = label };
	struct segreg *reg;

	must(segreg_open(dir, &options, &reg));
	return reg;
}

/* ------------------------------------------------------------------ segments */

/* In a small mess each segment has data; in a large one, each thousandth. */
static unsigned size_of(unsigned id)
{
	return n_segments > 100000 && id % 1000 ? 0 : (4 + id * 7919u % 61) * KB;
}

static void make_file(int base, unsigned id)
{
	static const char zeroes[64 * KB];
	char path[64];
	int fd;

	snprintf(path, sizeof path, "%u", id / PER_DIR);
	if (id % PER_DIR == 0 || id == 1)
		mkdirat(base, path, 0777);
	snprintf(path, sizeof path, "%u/segment-%u", id / PER_DIR, id);
	fd = openat(base, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	must_call(fd, path);
	must_call((int)write(fd, zeroes, size_of(id)), path);
	close(fd);
}

static void add_segments(struct segreg *reg)
{
	int base = open(segreg_base_path(reg), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct segreg_edit *edit = NULL;
	char path[64];

	must_call(base, "base");
	for (unsigned id = 1; id <= n_segments; id++) {
		if (!edit)
			must(segreg_edit_begin(reg, &edit));
		make_file(base, id);
		snprintf(path, sizeof path, "%u/segment-%u", id / PER_DIR, id);
		must(segreg_edit_add(edit, id, path));
		if (id % STEP && id < n_segments)
			continue;
		must(segreg_edit_commit(edit, NULL));
		edit = NULL;
	}
	close(base);
}

/* Retire the part of the segments that belongs to a round. */
static void retire(struct segreg *reg, unsigned round, unsigned rounds)
{
	uint64_t begin = (uint64_t)n_segments * round / rounds, end = (uint64_t)n_segments * (round + 1) / rounds;
	struct segreg_edit *edit;

	must(segreg_edit_begin(reg, &edit));
	for (uint64_t id = begin + 1; id <= end; id++)
		must(segreg_edit_retire(edit, id));
	must(segreg_edit_commit(edit, NULL));
}

/* ------------------------------------------------------------------ processes */

static void become_user(unsigned number)
{
	static const uid_t users[] = { 0, 1, 2 }; /* root, daemon, bin */

	if (geteuid())
		return;
	must_call(setgroups(0, NULL), "setgroups");
	must_call(setresuid(users[number % 3], users[number % 3], users[number % 3]), "setresuid");
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of the user clears it */
}

/* Process number takes a snapshot in this round: all in the first, others later, so that their sum is n_snapshots. */
static unsigned snapshots_in(unsigned number, unsigned round, unsigned rounds)
{
	unsigned mine = n_snapshots / n_processes + (number < n_snapshots % n_processes),
		 first = number * rounds / n_processes;

	first = number < 2 ? 0 : first;
	if (round < first)
		return 0;
	return (unsigned)((uint64_t)mine * (round - first + 1) / (rounds - first) -
			  (uint64_t)mine * (round - first) / (rounds - first));
}

__attribute__((noreturn)) static void hold(const char *dir, int orders, unsigned number, unsigned rounds)
{
	static const char *const labels[] = { "analytics", "search", "backup", "export" };
	struct segreg_snapshot snapshot;
	struct segreg_pin pin;
	struct segreg *reg, *second;
	char order = 0;

	become_user(number);
	reg = open_as(dir, labels[number % 4]);
	second = number == 1 ? open_as(dir, "second") : reg;
	for (unsigned round = 0; round < rounds; round++) {
		must_call((int)write(orders, &order, 1), "ready");
		if (read(orders, &order, 1) != 1)
			_exit(EXIT_FAILURE);
		for (unsigned n = number == n_processes / 2 ? 0 : snapshots_in(number, round, rounds); n; n--)
			must(segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &snapshot));
		if (number == n_processes / 2 && round == rounds / 2)
			must(segreg_snapshot_take(reg, SEGREG_HORIZON, &snapshot));
		if (round == 0)
			for (unsigned i = 1; i <= (n_segments < 1000 ? 40 : 3); i++)
				must(segreg_pin(second, (number + 3) * i * 7919u % n_segments + 1, 0, &pin));
	}
	must_call((int)write(orders, &order, 1), "ready");
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	unsigned rounds;
	struct segreg *reg;
	int *orders;
	pid_t *pids;
	char order = 0;

	if (argc != 5)
		return EXIT_FAILURE;
	n_segments = (unsigned)strtoul(argv[2], NULL, 10);
	n_snapshots = (unsigned)strtoul(argv[3], NULL, 10);
	n_processes = (unsigned)strtoul(argv[4], NULL, 10);
	orders = calloc(n_processes, sizeof *orders);
	pids = calloc(n_processes, sizeof *pids);
	if (!orders || !pids || n_segments < 10)
		return EXIT_FAILURE;
	rounds = n_snapshots / n_processes + 1;
	rounds = rounds < 10 ? 10 : rounds > 2000 ? 2000 : rounds;
	umask(0);
	for (unsigned i = 0; i < n_processes; i++) {
		int fds[2];

		must_call(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), "socketpair");
		orders[i] = fds[0];
		pids[i] = fork();
		must_call(pids[i], "fork");
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (unsigned j = 0; j <= i; j++)
				close(orders[j]);
			if (read(fds[1], &order, 1) == 1) /* the segments are there */
				hold(argv[1], fds[1], i, rounds);
			_exit(EXIT_FAILURE);
		}
		close(fds[1]);
	}
	reg = open_as(argv[1], "mess");
	add_segments(reg);
	for (unsigned i = 0; i < n_processes; i++) {
		must_call((int)write(orders[i], &order, 1), "order");
		if (read(orders[i], &order, 1) != 1)
			return EXIT_FAILURE;
	}
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < n_processes; i++)
			must_call((int)write(orders[i], &order, 1), "order");
		for (unsigned i = 0; i < n_processes; i++)
			if (read(orders[i], &order, 1) != 1)
				return EXIT_FAILURE;
		retire(reg, round, rounds);
	}
	must(segreg_close(reg, NULL));
	kill(pids[n_processes - 1], SIGSTOP);
	printf("ready");
	for (unsigned i = 0; i < n_processes; i++)
		printf(" %d", pids[i]);
	printf("\n");
	fflush(stdout);
	for (;;)
		pause();
}
