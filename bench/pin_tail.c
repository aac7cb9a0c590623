/*
 * pin_tail.c - does a pin ever wait for a sweeper, or for somebody's commit?
 *
 * One process times each of its pins. Another stands still, or makes files of 64 MiB, commits edits that add and retire
 * them, and sweeps them away; the two take turns round by round. What is compared is the time that 999 of 1,000
 * uses do not exceed. The cost of reading the clock is in both.
 */
#include "bench.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NAME "pin_tail"
#define SEGMENTS 1000u
#define FILE_SIZE ((off_t)64 << 20)
#define FILES 4u          /* in an edit of the disturber */
#define SAMPLES (1u << 20) /* in a round */
#define LONGEST (1u << 20) /* nanoseconds; what takes longer counts as this */
#define ROUNDS 21

/* The disturber works as long as it is told to go; it says how many sweeps it has done, and whether it rests. */
static struct shared {
	uint32_t go, resting, sweeps;
} *shared;

static struct segreg *reg;
/* How many uses took so many nanoseconds: of the round, and of all rounds. Few lines of it are ever touched. */
static struct times {
	uint32_t uses[LONGEST + 1];
} *round_times, *idle_times, *busy_times;
static uint32_t busy_sweeps;

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
	BENCH_OK(fd);
	BENCH_OK(fallocate(fd, 0, 0, FILE_SIZE));
	close(fd);
}

/* FILES large files come, live, are retired and deleted. */
static void churn(struct segreg *handle, uint64_t first)
{
	struct segreg_edit *edit;
	char name[32];

	BENCH_OK(segreg_edit_begin(handle, &edit));
	for (uint64_t id = first; id < first + FILES; id++) {
		snprintf(name, sizeof(name), "large-%u", (unsigned)id);
		make_file(handle, name);
		BENCH_OK(segreg_edit_add(edit, id, name));
	}
	BENCH_OK(segreg_edit_commit(edit, NULL));
	for (uint64_t id = first; id < first + FILES; id++)
		BENCH_OK(segreg_retire(handle, id));
	BENCH_OK(segreg_sweep(handle, NULL, NULL));
}

static void disturb(void *arg)
{
	struct segreg *handle = bench_reopen(NAME);
	uint64_t id = SEGMENTS + 1;

	(void)arg;
	bench_started();
	for (;; id += FILES) {
		while (!load(&shared->go)) {
			store(&shared->resting, 1);
			usleep(1000);
		}
		store(&shared->resting, 0);
		churn(handle, id);
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

/* The time that this part of the uses does not exceed. */
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

static double p999(struct times *sum)
{
	uint64_t random = 1;
	struct segreg_pin pin;

	memset(round_times, 0, sizeof(*round_times));
	for (size_t i = 0; i < SAMPLES; i++) {
		uint64_t id = 1 + bench_random(&random) % SEGMENTS, begin = clock_ns(), took;

		BENCH_OK(segreg_pin(reg, id, 0, &pin));
		BENCH_OK(segreg_unpin(reg, &pin));
		took = clock_ns() - begin;
		round_times->uses[took < LONGEST ? took : LONGEST]++;
	}
	for (size_t i = 0; i <= LONGEST; i++)
		sum->uses[i] += round_times->uses[i];
	return quantile(round_times, 0.999);
}

static void draw(const char *series, const struct times *times)
{
	for (double nines = 0.25; nines <= 5; nines += 0.25)
		bench_point("pin_tail", series, nines, quantile(times, 1 - pow(10, -nines)));
}

static double idle(void *arg)
{
	(void)arg;
	return p999(idle_times);
}

/* The disturber is at it when the round begins, and has come to an end before the next one. */
static double busy(void *arg)
{
	uint32_t before = load(&shared->sweeps), in_round;
	double cost;

	(void)arg;
	store(&shared->go, 1);
	while (load(&shared->sweeps) == before)
		usleep(100);
	in_round = load(&shared->sweeps);
	cost = p999(busy_times);
	busy_sweeps += load(&shared->sweeps) - in_round;
	store(&shared->go, 0);
	while (!load(&shared->resting))
		usleep(100);
	return cost;
}

void bench_pin_tail(void)
{
	struct bench_contender contenders[] = {
		{ .name = "while files of 64 MiB are deleted", .run = busy }, { .name = "idle", .run = idle },
	};
	pid_t disturber;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	round_times = calloc(1, sizeof(*round_times));
	idle_times = calloc(1, sizeof(*idle_times));
	busy_times = calloc(1, sizeof(*busy_times));
	if (shared == MAP_FAILED || !round_times || !idle_times || !busy_times)
		bench_fail("memory");
	reg = bench_registry(NAME, 0, 0);
	bench_fill(reg, NAME, SEGMENTS, 0);
	disturber = bench_spawn(disturb, NULL);
	bench_contest("pin_tail, p99.9", "ns", contenders, 2, ROUNDS);
	bench_bound("pin p99.9 while 64 MiB files are deleted and edits commit", contenders[1].ratio.median, 2, false, "x idle");
	bench_note("  deletions of 4 such files meanwhile", "%u", busy_sweeps);
	draw("idle", idle_times);
	draw("while files of 64 MiB are deleted", busy_times);
	bench_end(disturber);
	BENCH_OK(segreg_close(reg, NULL));
	free(round_times);
	free(idle_times);
	free(busy_times);
}
