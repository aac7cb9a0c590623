/*
 * pin_tail.c - does a pin ever wait for a sweep, or for the commit of another process?
 *
 * The pinner times each of its uses. Another process, the disturber, makes files of 64 MiB, commits edits that add and
 * retire them, and sweeps. In turns, round by round, it does so in the pinner's registry, or in another registry, or it
 * rests. The contest compares the time that 999 of 1,000 uses do not exceed. Each of these times includes reading the
 * clock. The other registry shows how much any busy neighbour disturbs the caches and the kernel.
 */
#include "questions/questions.h"

#include "common/fail.h"
#include "common/measure.h"
#include "common/process.h"
#include "place/registry.h"
#include "place/segment.h"
#include "result/contest.h"
#include "result/result.h"
#include "segreg.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NAME "pin_tail"
#define OTHER "pin_tail_other"
#define SEGMENTS 1000u
#define FILE_SIZE ((off_t)64 << 20)
#define FILES 4u           /* in an edit of the disturber */
#define SAMPLES (1u << 20) /* uses in a round */
#define LONGEST (1u << 20) /* nanoseconds; a longer use counts as LONGEST */
#define ROUNDS 21

enum where { NOWHERE, HERE, ELSEWHERE };

static struct shared {
	uint32_t where;   /* enum where: the pinner writes, the disturber obeys */
	uint32_t resting; /* whether the disturber rests */
	uint32_t sweeps;  /* that the disturber has done */
} * shared;

static struct segreg *reg;
/* Of one round, and of all rounds. */
static struct times {
	uint32_t uses[LONGEST + 1]; /* uses[t] uses took t nanoseconds; the pinner touches few of these lines */
} * round_times, *sum_times[3];
static uint32_t sweeps_here;

static uint32_t load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

/* ---------------------------------------------------------------- the disturber */

static void make_file(const struct segreg *of, const char *name)
{
	char path[SEGREG_PATH_SIZE + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", segreg_base_path(of), name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	MUST(fd);
	MUST(fallocate(fd, 0, 0, FILE_SIZE));
	close(fd);
}

/* Register FILES large files with ids from `first`, retire them, and delete them. */
static void churn(struct segreg *handle, uint64_t first)
{
	struct segreg_edit *edit;
	char name[32];

	MUST(segreg_edit_begin(handle, &edit));
	for (uint64_t id = first; id < first + FILES; id++) {
		snprintf(name, sizeof(name), "large-%u", (unsigned)id);
		make_file(handle, name);
		MUST(segreg_edit_add(edit, id, name));
	}
	MUST(segreg_edit_commit(edit, NULL));
	for (uint64_t id = first; id < first + FILES; id++)
		MUST(segreg_retire(handle, id));
	MUST(segreg_sweep(handle, NULL, NULL));
}

static void disturb(void *arg)
{
	struct segreg *here = registry_open(NAME), *elsewhere = registry_open(OTHER);
	uint64_t id = SEGMENTS + 1;

	(void)arg;
	process_report_ready();
	for (;; id += FILES) {
		while (load(&shared->where) == NOWHERE) {
			store(&shared->resting, 1);
			usleep(1000);
		}
		store(&shared->resting, 0);
		churn(load(&shared->where) == ELSEWHERE ? elsewhere : here, id);
		store(&shared->sweeps, shared->sweeps + 1);
	}
}

/* ---------------------------------------------------------------- the pinner */

static inline uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The time that `part` of the uses do not exceed. */
static double quantile(const struct times *times, double part)
{
	uint64_t all = 0, seen = 0;
	uint32_t ns = 0;

	for (size_t i = 0; i <= LONGEST; i++)
		all += times->uses[i];
	while (ns < LONGEST && (double)(seen += times->uses[ns]) < part * (double)all)
		ns++;
	return ns;
}

static double p999(enum where where)
{
	uint64_t random = 1;
	struct segreg_pin pin;

	memset(round_times, 0, sizeof(*round_times));
	for (size_t i = 0; i < SAMPLES; i++) {
		uint64_t id = 1 + measure_random(&random) % SEGMENTS, begin = clock_ns(), took;

		MUST(segreg_pin(reg, id, 0, &pin));
		MUST(segreg_unpin(reg, &pin));
		took = clock_ns() - begin;
		round_times->uses[took < LONGEST ? took : LONGEST]++;
	}
	for (size_t i = 0; i <= LONGEST; i++)
		sum_times[where]->uses[i] += round_times->uses[i];
	return quantile(round_times, 0.999);
}

static void draw(const char *series, const struct times *times)
{
	for (double nines = 0.25; nines <= 5; nines += 0.25)
		result_point("pin_tail", series, nines, quantile(times, 1 - pow(10, -nines)));
}

static double idle(void *arg)
{
	(void)arg;
	return p999(NOWHERE);
}

/* The disturber is at work when the round begins, and rests again before the next round. */
static double busy(enum where where)
{
	uint32_t before = load(&shared->sweeps), in_round;
	double cost;

	store(&shared->where, where);
	while (load(&shared->sweeps) == before)
		usleep(100);
	in_round = load(&shared->sweeps);
	cost = p999(where);
	if (where == HERE)
		sweeps_here += load(&shared->sweeps) - in_round;
	store(&shared->where, NOWHERE);
	while (!load(&shared->resting))
		usleep(100);
	return cost;
}

static double busy_here(void *arg)
{
	(void)arg;
	return busy(HERE);
}

static double busy_elsewhere(void *arg)
{
	(void)arg;
	return busy(ELSEWHERE);
}

static void get_memory(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	round_times = calloc(1, sizeof(*round_times));
	for (size_t i = 0; i < 3; i++)
		sum_times[i] = calloc(1, sizeof(*sum_times[i]));
	if (shared == MAP_FAILED || !round_times || !sum_times[0] || !sum_times[1] || !sum_times[2])
		fail("memory");
}

void question_pin_tail(void)
{
	struct contender c[] = {
		{ .name = "while files of 64 MiB are deleted", .run = busy_here },
		{ .name = "idle", .run = idle },
		{ .name = "while another registry's are deleted", .run = busy_elsewhere },
	};
	struct segreg *other = registry_create(OTHER, 0, 0);
	pid_t disturber;

	get_memory();
	reg = registry_create(NAME, 0, 0);
	segment_fill(reg, SEGMENTS, 0);
	disturber = process_start(disturb, NULL);
	contest_run("pin_tail, p99.9", "ns", c, 3, ROUNDS);
	result_goal("pin p99.9 while 64 MiB files are deleted and edits commit", c[1].ratio.median, 2, false, "x idle");
	result_note("  beside a round with another registry", "%.2f x (%u sweeps of %u files each)", c[2].ratio.median,
		    sweeps_here, FILES);
	draw("idle", sum_times[NOWHERE]);
	draw(c[0].name, sum_times[HERE]);
	draw(c[2].name, sum_times[ELSEWHERE]);
	process_kill(disturber);
	MUST(segreg_close(reg, NULL));
	MUST(segreg_close(other, NULL));
	free(round_times);
	for (size_t i = 0; i < 3; i++)
		free(sum_times[i]);
}
