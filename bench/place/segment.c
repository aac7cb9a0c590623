/*
 * segment.c - segments with empty files: made, registered and retired many at a time.
 */
#include "place/segment.h"

#include "common/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define EDIT_SIZE 10000u /* segments that one edit of segment_fill adds */
#define PART_SIZE 10000u /* segments in a directory */

/* ---------------------------------------------------------------- files */

static void part_path(uint64_t part, char *path, size_t size)
{
	snprintf(path, size, "part-%06" PRIu64, part % 1000000);
}

void segment_path(uint64_t id, char path[SEGMENT_PATH_LENGTH + 1])
{
	part_path((id - 1) / PART_SIZE, path, SEGMENT_PATH_LENGTH + 1);
	snprintf(path + 11, SEGMENT_PATH_LENGTH - 10, "/segment-%020" PRIu64, id);
}

static void make_segment(int base, const char *path, unsigned files)
{
	char name[SEGMENT_PATH_LENGTH + 32];

	if (!files) {
		MUST(mknodat(base, path, S_IFREG | 0600, 0));
		return;
	}
	MUST(mkdirat(base, path, 0700));
	for (unsigned i = 0; i < files; i++) {
		snprintf(name, sizeof(name), "%s/file-%u", path, i);
		MUST(mknodat(base, name, S_IFREG | 0600, 0));
	}
}

static void make_segments(int base, uint64_t first, uint64_t last, unsigned files)
{
	char path[SEGMENT_PATH_LENGTH + 1], part[32];

	for (uint64_t number = first; number <= last; number++) {
		if (number == first || (number - 1) % PART_SIZE == 0) {
			part_path((number - 1) / PART_SIZE, part, sizeof(part));
			if (mkdirat(base, part, 0700) == -1 && errno != EEXIST)
				fail(part);
		}
		segment_path(number, path);
		make_segment(base, path, files);
	}
}

static int open_base(struct segreg *reg)
{
	int base = open(segreg_base_path(reg), O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (base == -1)
		fail(segreg_base_path(reg));
	return base;
}

void segment_make_files(struct segreg *reg, uint64_t first, uint64_t last, unsigned files)
{
	int base = open_base(reg);

	make_segments(base, first, last, files);
	close(base);
}

/* ---------------------------------------------------------------- edits */

static void register_batch(struct segreg *reg, uint64_t first, uint64_t last, uint64_t (*id_of)(uint64_t number))
{
	char path[SEGMENT_PATH_LENGTH + 1];
	struct segreg_edit *edit;

	MUST(segreg_edit_begin(reg, &edit));
	for (uint64_t number = first; number <= last; number++) {
		segment_path(number, path);
		MUST(segreg_edit_add(edit, id_of(number), path));
	}
	MUST(segreg_edit_commit(edit, NULL));
}

static void fill(struct segreg *reg, uint64_t first, uint64_t last, unsigned files, uint64_t (*id_of)(uint64_t number),
		 uint64_t batch)
{
	int base = open_base(reg);

	for (; first <= last; first += batch) {
		uint64_t end = first + batch - 1 < last ? first + batch - 1 : last;

		make_segments(base, first, end, files);
		register_batch(reg, first, end, id_of);
	}
	close(base);
}

static uint64_t same_id(uint64_t number)
{
	return number;
}

void segment_fill(struct segreg *reg, uint64_t n, unsigned files)
{
	fill(reg, 1, n, files, same_id, EDIT_SIZE);
}

void segment_fill_as(struct segreg *reg, uint64_t first, uint64_t last, uint64_t (*id_of)(uint64_t number),
		     uint64_t batch)
{
	fill(reg, first, last, 0, id_of, batch);
}

void segment_retire(struct segreg *reg, uint64_t first, uint64_t last)
{
	struct segreg_edit *edit;

	MUST(segreg_edit_begin(reg, &edit));
	for (uint64_t id = first; id <= last; id++)
		MUST(segreg_edit_retire(edit, id));
	MUST(segreg_edit_commit(edit, NULL));
}
