/*
 * engine.c - how fast do RocksDB and LevelDB write with segreg, beside the same engine without? And how soon after the
 * last release is a discarded file gone? And for how long does a deletion of the engine wait, which is a relaxed
 * discard?
 *
 * Both write the same, and compact all of it. With segreg, segregd deletes meanwhile what the engine discards.
 */
#include "questions/questions.h"

#include "common/fail.h"
#include "common/measure.h"
#include "common/process.h"
#include "common/program.h"
#include "common/spread.h"
#include "peers/engine.h"
#include "place/daemon.h"
#include "place/place.h"
#include "place/registry.h"
#include "result/contest.h"
#include "result/result.h"
#include "segreg.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 7u
#define RELEASES 15u
#define FILES 8u
#define DISCARDS 64u /* at once; the shared memory has room for them */

struct engine {
	const char *name;   /* as the results show it */
	const char *object; /* the shared object */
	engine_write_fn *write;
};

struct order {
	const struct engine *engine;
	const char *registry; /* NULL: without segreg */
	struct segreg *reg;   /* of that registry */
	const char *base;     /* the directory above the database */
	size_t file_bytes;
	size_t bytes;
	unsigned turn;
};

static void nap(long ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
}

/* Until segregd has deleted all that was discarded: no deletion may find its directory gone. */
static void await_deletions(struct segreg *reg)
{
	struct segreg_stats stats = { .size = sizeof(stats) };

	MUST(segreg_discard(reg, NULL, 0, 0));
	do {
		nap(1000000);
		MUST(segreg_stats(reg, &stats));
	} while (stats.pending + stats.deleting > 0);
}

/* Seconds for a MiB. Each turn has a directory of its own, so that no turn reads or deletes another's files. */
static double write_once(void *arg)
{
	struct order *order = arg;
	char dir[512], command[600];
	double took;

	snprintf(dir, sizeof(dir), "%s/db-%zu-%u", order->base, order->file_bytes, order->turn++);
	took = order->engine->write(dir, order->registry, order->file_bytes, order->bytes);
	if (took < 0)
		fail(order->engine->name);
	if (order->registry)
		await_deletions(order->reg);
	snprintf(command, sizeof(command), "rm -rf --one-file-system '%s'", dir);
	if (system(command) != 0)
		fail(command);
	return took * 1048576 / (double)order->bytes;
}

static void ask_writes(const struct engine *engine, struct segreg *reg, const char *registry, size_t file_bytes,
		       const char *size, double goal)
{
	const size_t bytes = (measure_is_quick() ? 8u : 32u) << 20;
	struct order with = { engine, registry, reg, segreg_base_path(reg), file_bytes, bytes, 0 };
	struct order without = { engine, NULL, NULL, place_disk(), file_bytes, bytes, 0 };
	struct contender contenders[] = { { .name = "with segreg", .run = write_once, .arg = &with },
					  { .name = "without", .run = write_once, .arg = &without } };
	char what[RESULT_TEXT_SIZE];

	snprintf(what, sizeof(what), "%s writes, files of %s", engine->name, size);
	contest_run(what, "s/MiB", contenders, 2, ROUNDS);
	result_goal(what, 1 / contenders[1].ratio.median, goal, true, "x its speed without segreg");
	result_note("  quartiles", "%.2f to %.2f", 1 / contenders[1].ratio.high, 1 / contenders[1].ratio.low);
}

/* One horizon holds FILES discarded files. Milliseconds from its release until the last of them is gone. */
static double release_once(struct segreg *reg, unsigned round)
{
	char path[FILES][REGISTRY_PATH_SIZE + 32];
	const char *paths[FILES];
	struct segreg_snapshot horizon;
	double begin;

	MUST(segreg_snapshot_take(reg, SEGREG_HORIZON, &horizon));
	for (unsigned i = 0; i < FILES; i++) {
		int fd;

		snprintf(path[i], sizeof(path[i]), "%s/discarded-%u-%u", segreg_base_path(reg), round, i);
		fd = open(path[i], O_CREAT | O_WRONLY, 0666);
		if (fd < 0 || close(fd) < 0)
			fail(path[i]);
		paths[i] = path[i];
	}
	MUST(segreg_discard(reg, paths, FILES, 0));
	nap(20000000); /* time for segregd to see that the files are held, and to sleep */
	for (unsigned i = 0; i < FILES; i++)
		if (access(path[i], F_OK) != 0)
			fail("a file that is held");
	begin = measure_now();
	MUST(segreg_snapshot_release(reg, &horizon));
	for (unsigned i = 0; i < FILES; i++)
		while (access(path[i], F_OK) == 0)
			nap(100000);
	return (measure_now() - begin) * 1e3;
}

static void ask_release(struct segreg *reg)
{
	const unsigned rounds = measure_is_quick() ? 5 : RELEASES;
	double took[RELEASES];
	struct spread stat;

	for (unsigned i = 0; i < rounds; i++)
		took[i] = release_once(reg, i);
	stat = spread_of(took, rounds);
	result_goal("last release to discarded files gone", stat.median, 20, false, "ms");
	result_note("  quartiles", "%.1f to %.1f ms", stat.low, stat.high);
}

/* Microseconds of one relaxed discard: the median of DISCARDS. segregd deletes the files after that. */
static double discard_once(struct segreg *reg)
{
	double took[DISCARDS];

	for (unsigned i = 0; i < DISCARDS; i++) {
		char path[REGISTRY_PATH_SIZE + 32];
		const char *paths[] = { path };
		double begin;
		int fd;

		snprintf(path, sizeof(path), "%s/relaxed-%u", segreg_base_path(reg), i);
		fd = open(path, O_CREAT | O_WRONLY, 0666);
		if (fd < 0 || close(fd) < 0)
			fail(path);
		begin = measure_now();
		MUST(segreg_discard(reg, paths, 1, SEGREG_DISCARD_RELAXED));
		took[i] = (measure_now() - begin) * 1e6;
	}
	await_deletions(reg);
	return spread_of(took, DISCARDS).median;
}

static void ask_relaxed(struct segreg *reg)
{
	const unsigned rounds = measure_is_quick() ? 5 : RELEASES;
	double took[RELEASES];
	struct spread stat;

	for (unsigned i = 0; i < rounds; i++)
		took[i] = discard_once(reg);
	stat = spread_of(took, rounds);
	result_goal("one relaxed discard of a file", stat.median, 3, false, "us");
	result_note("  quartiles", "%.1f to %.1f us", stat.low, stat.high);
}

void question_engine(void)
{
	struct engine engines[] = { { "RocksDB", "segreg-bench-rocksdb.so", NULL },
				    { "LevelDB", "segreg-bench-leveldb.so", NULL } };
	struct segreg *reg = registry_create("engine", 0, 0);
	char registry[REGISTRY_PATH_SIZE];
	pid_t daemon = daemon_start("engine");

	registry_path("engine", registry);
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		void *object = program_load(engines[i].object);

		if (!object) {
			result_note(engines[i].name, "not measured: it was not there when segreg was built");
			continue;
		}
		*(void **)&engines[i].write = program_symbol(object, "engine_write");
		ask_writes(&engines[i], reg, registry, 256u << 10, "256 KiB", 0.95);
		ask_writes(&engines[i], reg, registry, 4u << 20, "4 MiB", 0.98);
	}
	ask_release(reg);
	ask_relaxed(reg);
	process_kill(daemon);
	MUST(segreg_close(reg, NULL));
}
