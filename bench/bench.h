/*
 * bench.h - what the questions share: contests in turns, medians, rows of the table, processes, registries to measure on.
 *
 * A figure alone says little on a shared machine. So whatever is compared runs in turns, round by round, in one run,
 * and what is judged is the median of the rounds' ratios.
 */
#ifndef BENCH_H
#define BENCH_H

#include "questions.h"
#include "segreg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---------------------------------------------------------------- measuring */

struct bench_stat {
	double median, low, high; /* of all rounds; low and high: quartiles */
};

/* Of n values, which it sorts. */
struct bench_stat bench_stat_of(double *values, size_t n);

/* One way of doing it. run does one round and returns the cost of one operation, in the contest's unit. */
struct bench_contender {
	const char *name;           /* as the table says it: "segreg", "flock, descriptor kept" */
	double (*run)(void *arg);
	void *arg;
	struct bench_stat cost;     /* filled by bench_contest */
	struct bench_stat ratio;    /* the first contender's cost to this one's, round by round; filled */
};

/*
 * Run all in turns, one round unmeasured first; the first is the one that is compared to the others. Adds one JSON/table
 * line for each. QUICK halves the rounds.
 */
void bench_contest(const char *question, const char *unit, struct bench_contender *contender, size_t n, unsigned rounds);

double bench_now(void);      /* seconds, CLOCK_MONOTONIC_RAW */
double bench_cpu(void);      /* seconds that this thread has run: what others on the machine do counts less */
bool bench_quick(void);      /* QUICK=1: fewer rounds, smaller sizes */
void bench_keep(uint64_t v); /* a value that the compiler must not drop */

/* The next of a sequence of random numbers; any start will do. */
uint64_t bench_random(uint64_t *state);

/* ---------------------------------------------------------------- results */

/* One line of the table of bounds: measured is judged against bound (at most, or at least if at_least). */
void bench_bound(const char *what, double measured, double bound, bool at_least, const char *unit_or_peer);
/* A line that has no bound, or says why something is missing ("no rustc here"). */
void bench_note(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A point of a growth curve, for the plots: one file per curve, build/bench/CURVE.tsv, columns x and series. */
void bench_point(const char *curve, const char *series, double x, double y);

/* ---------------------------------------------------------------- a place to measure in */

/* Temporary directory of this run, on a real disk (BENCH_DIR or /var/tmp); removed at the end. */
const char *bench_dir(void);
/* The same in memory (/dev/shm), for what is not about disks: bases of a million segments. */
const char *bench_memory_dir(void);
/* Remove a tree of files; what is missing is no failure. */
void bench_remove_tree(const char *path);

/* A fresh registry: its base is bench_dir()/NAME, itself bench_dir()/NAME/registry; the caller closes it. */
struct segreg *bench_registry(const char *name, uint32_t max_segments, uint32_t max_lanes);
/* The same with its base in memory, for many segments whose files are not what is measured; the registry is on the disk. */
struct segreg *bench_registry_light(const char *name, uint32_t max_segments);
struct segreg *bench_reopen(const char *name);

#define BENCH_PATH_LENGTH 40u
/* Where bench_fill puts a segment, relative to base: BENCH_PATH_LENGTH bytes, 10,000 segments to a directory. */
void bench_path(uint64_t id, char path[BENCH_PATH_LENGTH + 1]);
/* n live segments with ids 1..n, empty files (files 0) or directories of `files` empty files; one edit per 10,000. */
void bench_fill(struct segreg *reg, const char *name, uint64_t n, unsigned files);

/* Only the files of segments first..last, unregistered. */
void bench_make_segments(struct segreg *reg, uint64_t first, uint64_t last, unsigned files);
/* Retire ids first..last in one edit. */
void bench_retire(struct segreg *reg, uint64_t first, uint64_t last);

/* Bytes of shared memory that the registry named so has. */
uint64_t bench_shared_memory(const char *name);

/*
 * The run's common registry, named BENCH_GROWN, with empty files in a base in memory: it is filled up to n segments
 * (and stays as full as it is if it has more). Its ids are bench_grown_id(0..n-1). The caller closes it.
 */
#define BENCH_GROWN "grown"
struct segreg *bench_grown(uint64_t n);
uint64_t bench_grown_id(uint64_t i);

/* ---------------------------------------------------------------- processes */

/* Run fn in n child processes that start together when all are ready; what each returns, in order. Dies loudly on failure. */
void bench_processes(unsigned n, double (*fn)(void *arg, unsigned number), void *arg, double *results);
/* In such a child: wait here until all of them are here. So they can prepare what is not measured. */
void bench_barrier(void);

/*
 * Start fn in a child process of its own. It must call bench_started, which lets bench_spawn return, and then does what it
 * does until it returns or is ended with bench_end (SIGKILL, and wait).
 */
pid_t bench_spawn(void (*fn)(void *arg), void *arg);
void bench_started(void);
void bench_end(pid_t pid);

/* Report and end the run: what cannot be measured because a call failed. */
void bench_fail(const char *what) __attribute__((noreturn));
#define BENCH_OK(call) ((call) < 0 ? bench_fail(#call) : (void)0)

/* ---------------------------------------------------------------- for main.c */

/* Print the table of bounds; write bench.json and the curves into dir. */
void bench_idle_begin(void); /* idle.c measures from here on */
void bench_results(const char *dir);
void bench_remove_places(void);

#endif
