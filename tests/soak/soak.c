/*
 * soak.c - segreg-soak [--kills N] [--seconds N] [--seed N]: the director, which makes the other processes die.
 *
 * Every few milliseconds the director kills a process, or stops it for as long. Now and then it kills all at once, and
 * then compares the registry and the disk with the ledger. Some leave a core dump, where the kernel puts those into
 * the current directory. Orphans become the director's children, so it knows when all processes are dead.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "soak.h"

#define ROUND 400u /* deaths between two of everybody */

static const struct {
	enum role role;
	uint32_t number;
} cast[] = {
	{ EDITOR, 0 },  { EDITOR, 1 },  { EDITOR, 2 },  { PINNER, 0 },  { PINNER, 1 },   { PINNER, 2 },
	{ SNAPPER, 0 }, { SNAPPER, 1 }, { SWEEPER, 0 }, { SWEEPER, 1 }, { OBSERVER, 0 }, { EVICTOR, 0 },
};
#define ACTORS (sizeof(cast) / sizeof(cast[0]))

struct director {
	struct soak s;
	pid_t pid[ACTORS];
	uint64_t kills, stops, own_ends, dumps, audits, most_kills;
	int64_t until;
};

uint32_t soak_random(struct soak *s, uint32_t n)
{
	s->random ^= s->random << 13; /* xorshift64, Marsaglia 2003 */
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return n ? (uint32_t)(s->random >> 16) % n : 0;
}

void soak_sleep(uint32_t microseconds)
{
	nanosleep(&(struct timespec){ .tv_nsec = (long)microseconds * 1000 }, NULL);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* ---------------------------------------------------------------- who lives */

static void start(struct director *d, size_t i)
{
	uint64_t random = d->s.random + i;

	soak_random(&d->s, 1);
	d->pid[i] = fork();
	if (d->pid[i])
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	d->s.random = random | 1;
	role_play(&d->s, cast[i].role, cast[i].number);
}

/* A process is dead: another one takes its place. */
static void note_death(struct director *d, pid_t pid)
{
	for (size_t i = 0; i < ACTORS; i++)
		if (d->pid[i] == pid)
			d->pid[i] = 0;
}

/* Of all core dumps in the current directory. */
static void remove_dumps(void)
{
	DIR *here = opendir(".");
	struct dirent *entry;

	while (here && (entry = readdir(here)))
		unlink(entry->d_name);
	if (here)
		closedir(here);
}

static void reap(struct director *d, bool all)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, all ? 0 : WNOHANG)) > 0) {
		d->own_ends++;
		note_death(d, pid);
		if (!WIFSIGNALED(status) || !WCOREDUMP(status))
			continue;
		d->dumps++;
		remove_dumps();
	}
}

static void kill_one(struct director *d, size_t i)
{
	pid_t pid = d->pid[i];

	if (!pid)
		return;
	kill(pid, SIGKILL);
	if (waitpid(pid, NULL, 0) == pid)
		d->kills++;
	d->pid[i] = 0;
}

/* It dies when its memory is written, and what it has locked is its own until then. The others go on. */
static void dump_one(struct director *d, size_t i)
{
	if (d->pid[i] && prlimit(d->pid[i], RLIMIT_CORE, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY }, NULL) == 0)
		kill(d->pid[i], soak_random(&d->s, 2) ? SIGABRT : SIGSEGV);
}

static void stop_one(struct director *d, size_t i)
{
	if (!d->pid[i] || kill(d->pid[i], SIGSTOP) == -1)
		return;
	d->stops++;
	soak_sleep(soak_random(&d->s, 10000));
	if (soak_random(&d->s, 2))
		kill_one(d, i);
	else
		kill(d->pid[i], SIGCONT);
}

/* In a process of its own: the director never has the registry open. */
static void audit(struct director *d)
{
	pid_t pid;

	for (size_t i = 0; i < ACTORS; i++)
		if (d->pid[i])
			kill(d->pid[i], SIGKILL);
	for (size_t i = 0; i < ACTORS; i++)
		kill_one(d, i);
	reap(d, true); /* orphans, which end by themselves */
	pid = fork();
	if (!pid) {
		ledger_audit(&d->s);
		_exit(0);
	}
	if (waitpid(pid, &(int){ 0 }, 0) != pid)
		exit(2);
	d->audits++;
}

/* ---------------------------------------------------------------- the run */

static bool goes_on(const struct director *d)
{
	return !__atomic_load_n(&d->s.ledger->is_violated, __ATOMIC_SEQ_CST) &&
	       (!d->most_kills || d->kills < d->most_kills) && (!d->until || now() < d->until);
}

static void show(const struct director *d)
{
	const struct ledger *l = d->s.ledger;

	if (isatty(STDERR_FILENO))
		fprintf(stderr,
			"\r\033[K%" PRIu64 " kills, %" PRIu64 " edits, %" PRIu64 " segments verified, %" PRIu64
			" deleted",
			d->kills, l->edits, l->verified, l->deleted);
}

static void play_round(struct director *d)
{
	for (uint64_t end = d->kills + ROUND; d->kills < end && goes_on(d);) {
		size_t i = soak_random(&d->s, ACTORS);

		reap(d, false);
		for (size_t k = 0; k < ACTORS; k++)
			if (!d->pid[k])
				start(d, k);
		soak_sleep(soak_random(&d->s, 2000));
		switch (soak_random(&d->s, 32)) {
		case 0:
		case 1:
			stop_one(d, i);
			break;
		case 2:
			dump_one(d, i);
			break;
		default:
			kill_one(d, i);
		}
	}
	audit(d);
	show(d);
}

static void set_stage(struct director *d)
{
	struct segreg_open_options options = {
		.size = sizeof(options), .flags = SEGREG_CREATE, .max_segments = 4096, .max_lanes = 64
	};
	struct soak *s = &d->s;
	struct segreg *reg;
	char path[192];

	strcpy(s->dir, "/dev/shm/soak-XXXXXX");
	if (!mkdtemp(s->dir)) {
		perror(s->dir);
		exit(2);
	}
	snprintf(s->registry, sizeof(s->registry), "%s/registry", s->dir);
	ledger_make(s);
	snprintf(path, sizeof(path), "%s/base", s->dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/dumps", s->dir);
	if (mkdir(path, 0700) == -1 || chdir(path) == -1)
		exit(2);
	for (uint32_t editor = 0; editor < EDITORS; editor++) {
		snprintf(path, sizeof(path), "%s/base/e%u", s->dir, editor);
		mkdir(path, 0700);
	}
	snprintf(path, sizeof(path), "%s/base", s->dir);
	options.base = path;
	EXPECT(s, 0, segreg_open(s->registry, &options, &reg));
	EXPECT(s, 0, segreg_close(reg, NULL));
}

static int report(struct director *d, uint64_t seed)
{
	const struct ledger *l = d->s.ledger;
	char command[160];

	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	if (l->is_violated)
		printf("VIOLATION (seed %" PRIu64 ", files in %s): %s\n", seed, d->s.dir, l->violation);
	else
		snprintf(command, sizeof(command), "rm -rf %s", d->s.dir);
	if (!l->is_violated && system(command))
		printf("%s is left behind\n", d->s.dir);
	printf("proof\tsoak\t%" PRIu64 " kills (%" PRIu64 " times everybody), %" PRIu64 " stops, %" PRIu64
	       " crashes, %" PRIu64 " core dumps, %" PRIu64 " execs, %" PRIu64 " forks, %" PRIu64
	       " closefroms, %" PRIu64 " evictions; %" PRIu64 " edits acknowledged, %" PRIu64
	       " held segments verified, %" PRIu64 " snapshots, %" PRIu64 " deleted, %" PRIu64
	       " handles reclaimed, %" PRIu64 " checks\t%d violations\n",
	       d->kills, d->audits, d->stops, l->crashes, d->dumps, l->execs, l->forks, l->closes, l->evictions,
	       l->edits, l->verified, l->snapshots, l->deleted, l->reclaimed, l->checks, l->is_violated != 0);
	return l->is_violated != 0;
}

static uint64_t number(int argc, char **argv, const char *name, uint64_t otherwise)
{
	for (int i = 1; i + 1 < argc; i += 2)
		if (!strcmp(argv[i], name))
			return strtoull(argv[i + 1], NULL, 10);
	return otherwise;
}

int main(int argc, char **argv)
{
	static struct director d;
	uint64_t seed = number(argc, argv, "--seed", (uint64_t)time(NULL)),
		 seconds = number(argc, argv, "--seconds", 0);

	if (argc == 6 && !strcmp(argv[1], "--role")) { /* a process that has become another program */
		snprintf(d.s.dir, sizeof(d.s.dir), "%s", argv[4]);
		snprintf(d.s.registry, sizeof(d.s.registry), "%s/registry", argv[4]);
		d.s.random = strtoull(argv[5], NULL, 10) | 1;
		ledger_map(&d.s);
		role_play(&d.s, (enum role)atoi(argv[2]), (uint32_t)atoi(argv[3]));
	}
	d.s.random = seed * 2654435761u | 1;
	d.most_kills = number(argc, argv, "--kills", 0);
	d.until = seconds || !d.most_kills ? now() + (int64_t)(seconds ? seconds : 60) : 0;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, RLIM_INFINITY });
	set_stage(&d);
	while (goes_on(&d))
		play_round(&d);
	return report(&d, seed);
}
