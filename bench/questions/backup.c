/*
 * backup.c - how long do segctl backup and segctl restore take for many small files, beside cp -a and sync?
 */
#include "questions/questions.h"

#include "common/fail.h"
#include "common/measure.h"
#include "common/program.h"
#include "common/spread.h"
#include "place/place.h"
#include "place/registry.h"
#include "place/segment.h"
#include "result/result.h"
#include "segreg.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROUNDS 3u
#define BYTES 4096 /* of a file */

/* Every segment of the registry is a file of BYTES bytes. */
static struct segreg *grow(uint64_t n)
{
	struct segreg *reg = registry_create("backup", 0, 0);
	int base = open(segreg_base_path(reg), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[SEGMENT_PATH_LENGTH + 1], bytes[BYTES] = "bytes";

	MUST(base);
	segment_fill(reg, n, 0);
	for (uint64_t id = 1; id <= n; id++) {
		int fd;

		segment_path(id, path);
		fd = openat(base, path, O_WRONLY | O_CLOEXEC);
		if (fd == -1 || write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
			fail(path);
		close(fd);
	}
	close(base);
	sync();
	return reg;
}

/* Seconds of a shell command. */
static double run(const char *command)
{
	double begin = measure_now();

	if (system(command))
		fail(command);
	return measure_now() - begin;
}

/* Nothing is removed between rounds: a file system may be slow to make files after that. */
static double copy(struct segreg *reg, unsigned number)
{
	char command[2048];

	snprintf(command, sizeof(command), "cp -a '%s' '%s/copy-%u' && sync", segreg_base_path(reg), place_disk(),
		 number);
	return run(command);
}

static double back_up(unsigned number)
{
	char command[2 * PROGRAM_PATH_SIZE], segctl[PROGRAM_PATH_SIZE], registry[REGISTRY_PATH_SIZE];

	program_path("segctl", segctl);
	registry_path("backup", registry);
	snprintf(command, sizeof(command), "'%s' backup -r '%s' '%s/backup-%u' >/dev/null", segctl, registry,
		 place_disk(), number);
	return run(command);
}

static double restore(unsigned number)
{
	char command[2 * PROGRAM_PATH_SIZE], segctl[PROGRAM_PATH_SIZE], registry[REGISTRY_PATH_SIZE], name[32];

	snprintf(name, sizeof(name), "restored-%u", number);
	MUST(segreg_close(registry_create(name, 0, 0), NULL));
	program_path("segctl", segctl);
	registry_path(name, registry);
	snprintf(command, sizeof(command), "'%s' restore -r '%s' '%s/backup-%u' >/dev/null", segctl, registry,
		 place_disk(), number);
	return run(command);
}

void question_backup(void)
{
	unsigned rounds = measure_is_quick() ? 1 : ROUNDS;
	uint64_t n = measure_is_quick() ? 10000 : 100000;
	double backups[ROUNDS], restores[ROUNDS], copies[ROUNDS];
	struct segreg *reg = grow(n);
	struct spread ratio;
	char what[80];

	for (unsigned i = 0; i < rounds; i++) {
		if (i % 2 == 0)
			copies[i] = copy(reg, i);
		backups[i] = back_up(i);
		if (i % 2)
			copies[i] = copy(reg, i);
		restores[i] = restore(i);
		backups[i] /= copies[i];
		restores[i] /= copies[i];
	}
	ratio = spread_of(backups, rounds);
	snprintf(what, sizeof(what), "backup of %s files of 4 KiB", n == 100000 ? "100,000" : "10,000");
	result_goal(what, ratio.median, 1.5, false, "x cp -a and sync");
	result_note("  in seconds", "cp -a and sync %.1f; ratio %.2f to %.2f", spread_of(copies, rounds).median,
		    ratio.low, ratio.high);
	result_goal("  their restoration", spread_of(restores, rounds).median, 1.5, false, "x cp -a and sync");
	MUST(segreg_close(reg, NULL));
}
