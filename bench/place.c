/*
 * place.c - directories and registries to measure in.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EDIT_SIZE 10000u  /* segments that one edit adds */
#define GROWN_EDIT 50000u /* of the common registry: with random ids each edit writes nearly every page of the database */
#define PART_SIZE 10000u  /* segments in a directory */
#define REGISTRIES 64u

static char disk_dir[256], memory_dir[256];
static char registries[REGISTRIES][320];
static unsigned n_registries;
static pid_t maker; /* whoever made them removes them, not its children */

/* ---------------------------------------------------------------- directories */

static const char *make_dir(char dir[256], const char *parent)
{
	if (*dir)
		return dir;
	snprintf(dir, 256, "%s/segreg-bench-XXXXXX", parent);
	if (!mkdtemp(dir))
		bench_fail(dir);
	maker = getpid();
	return dir;
}

const char *bench_dir(void)
{
	const char *parent = getenv("BENCH_DIR");

	return make_dir(disk_dir, parent && *parent ? parent : "/var/tmp");
}

const char *bench_memory_dir(void)
{
	return make_dir(memory_dir, "/dev/shm");
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void bench_remove_tree(const char *path)
{
	nftw(path, remove_entry, 32, FTW_PHYS | FTW_MOUNT | FTW_DEPTH);
}

/* The name of a registry's shared memory, as its registry.lock says it. */
static bool find_region(const char *registry, char name[64])
{
	char path[SEGREG_PATH_SIZE], text[257] = "";
	const char *region;
	bool found;
	int fd;

	snprintf(path, sizeof(path), "%s/registry.lock", registry);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	found = pread(fd, text, sizeof(text) - 1, 0) > 0 && (region = strstr(text, "\nregion ")) &&
		sscanf(region, " region %63s", name) == 1 && !strncmp(name, "/segreg-", 8);
	close(fd);
	return found;
}

/* The shared memory of a registry whose last user did not close it. */
static void remove_region(const char *registry)
{
	char name[64];

	if (find_region(registry, name))
		shm_unlink(name);
}

uint64_t bench_shared_memory(const char *name)
{
	char registry[320], region[64];
	struct stat st;
	int fd;

	snprintf(registry, sizeof(registry), "%s/%s/registry", bench_dir(), name);
	if (!find_region(registry, region))
		bench_fail(registry);
	fd = shm_open(region, O_RDONLY, 0);
	if (fd == -1 || fstat(fd, &st) == -1)
		bench_fail(region);
	close(fd);
	return (uint64_t)st.st_blocks * 512;
}

void bench_remove_places(void)
{
	if (maker != getpid())
		return;
	for (unsigned i = 0; i < n_registries; i++)
		remove_region(registries[i]);
	if (*disk_dir)
		bench_remove_tree(disk_dir);
	if (*memory_dir)
		bench_remove_tree(memory_dir);
}

/* ---------------------------------------------------------------- registries */

static struct segreg *open_registry(const char *name, struct segreg_open_options options)
{
	char dir[320];
	struct segreg *reg;

	options.size = sizeof(options);
	options.timeout_ms = 60000;
	snprintf(dir, sizeof(dir), "%s/%s/registry", bench_dir(), name);
	BENCH_OK(segreg_open(dir, &options, &reg));
	return reg;
}

static void make_parent(const char *name)
{
	char dir[320];

	snprintf(dir, sizeof(dir), "%s/%s", bench_dir(), name);
	if (mkdir(dir, 0700) == -1)
		bench_fail(dir);
	if (n_registries == REGISTRIES)
		bench_fail("too many registries in one run");
	snprintf(registries[n_registries++], sizeof(registries[0]), "%.300s/registry", dir);
}

struct segreg *bench_registry(const char *name, uint32_t max_segments, uint32_t max_lanes)
{
	make_parent(name);
	return open_registry(name, (struct segreg_open_options){
		.flags = SEGREG_CREATE, .max_segments = max_segments, .max_lanes = max_lanes,
	});
}

struct segreg *bench_registry_light(const char *name, uint32_t max_segments)
{
	char base[320];

	make_parent(name);
	snprintf(base, sizeof(base), "%s/%s", bench_memory_dir(), name);
	if (mkdir(base, 0700) == -1)
		bench_fail(base);
	return open_registry(name, (struct segreg_open_options){ .flags = SEGREG_CREATE, .base = base, .max_segments = max_segments });
}

struct segreg *bench_reopen(const char *name)
{
	return open_registry(name, (struct segreg_open_options){ .flags = 0 });
}

/* ---------------------------------------------------------------- segments */

static void part_path(uint64_t part, char *path, size_t size)
{
	snprintf(path, size, "part-%06" PRIu64, part % 1000000);
}

static void number_path(uint64_t number, char path[BENCH_PATH_LENGTH + 1])
{
	part_path((number - 1) / PART_SIZE, path, BENCH_PATH_LENGTH + 1);
	snprintf(path + 11, BENCH_PATH_LENGTH - 10, "/segment-%020" PRIu64, number);
}

void bench_path(uint64_t id, char path[BENCH_PATH_LENGTH + 1])
{
	number_path(id, path);
}

static void make_segment(int base, const char *path, unsigned files)
{
	char name[BENCH_PATH_LENGTH + 32];

	if (!files) {
		BENCH_OK(mknodat(base, path, S_IFREG | 0600, 0));
		return;
	}
	BENCH_OK(mkdirat(base, path, 0700));
	for (unsigned i = 0; i < files; i++) {
		snprintf(name, sizeof(name), "%s/file-%u", path, i);
		BENCH_OK(mknodat(base, name, S_IFREG | 0600, 0));
	}
}

/* The files of the segments with numbers first..last. */
static void make_segments(int base, uint64_t first, uint64_t last, unsigned files)
{
	char path[BENCH_PATH_LENGTH + 1], part[32];

	for (uint64_t number = first; number <= last; number++) {
		if (number == first || (number - 1) % PART_SIZE == 0) {
			part_path((number - 1) / PART_SIZE, part, sizeof(part));
			if (mkdirat(base, part, 0700) == -1 && errno != EEXIST)
				bench_fail(part);
		}
		number_path(number, path);
		make_segment(base, path, files);
	}
}

/* The same, registered in one edit. */
static void add_batch(struct segreg *reg, int base, uint64_t first, uint64_t last, unsigned files, uint64_t (*id_of)(uint64_t number))
{
	char path[BENCH_PATH_LENGTH + 1];
	struct segreg_edit *edit;

	make_segments(base, first, last, files);
	BENCH_OK(segreg_edit_begin(reg, &edit));
	for (uint64_t number = first; number <= last; number++) {
		number_path(number, path);
		BENCH_OK(segreg_edit_add(edit, id_of(number), path));
	}
	BENCH_OK(segreg_edit_commit(edit, NULL));
}

static int open_base(struct segreg *reg)
{
	int base = open(segreg_base_path(reg), O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (base == -1)
		bench_fail(segreg_base_path(reg));
	return base;
}

/* The segments with numbers from..n. */
static void fill(struct segreg *reg, uint64_t from, uint64_t n, unsigned files, uint64_t (*id_of)(uint64_t number), uint64_t edit)
{
	int base = open_base(reg);

	for (uint64_t first = from; first <= n; first += edit)
		add_batch(reg, base, first, first + edit - 1 < n ? first + edit - 1 : n, files, id_of);
	close(base);
}

static uint64_t same_id(uint64_t number)
{
	return number;
}

void bench_fill(struct segreg *reg, const char *name, uint64_t n, unsigned files)
{
	(void)name;
	fill(reg, 1, n, files, same_id, EDIT_SIZE);
}

void bench_make_segments(struct segreg *reg, uint64_t first, uint64_t last, unsigned files)
{
	int base = open_base(reg);

	make_segments(base, first, last, files);
	close(base);
}

void bench_retire(struct segreg *reg, uint64_t first, uint64_t last)
{
	struct segreg_edit *edit;

	BENCH_OK(segreg_edit_begin(reg, &edit));
	for (uint64_t id = first; id <= last; id++)
		BENCH_OK(segreg_edit_retire(edit, id));
	BENCH_OK(segreg_edit_commit(edit, NULL));
}

/* ---------------------------------------------------------------- the common registry */

uint64_t bench_grown_id(uint64_t i)
{
	uint64_t state = i;

	return bench_random(&state);
}

static uint64_t grown_id_of(uint64_t number)
{
	return bench_grown_id(number - 1);
}

struct segreg *bench_grown(uint64_t n)
{
	static uint64_t filled;
	struct segreg *reg;
	char base[320];

	snprintf(base, sizeof(base), "%s/" BENCH_GROWN, bench_memory_dir());
	if (!filled) {
		make_parent(BENCH_GROWN);
		if (mkdir(base, 0700) == -1)
			bench_fail(base);
	}
	reg = open_registry(BENCH_GROWN, (struct segreg_open_options){ .flags = SEGREG_CREATE, .base = base });
	if (filled < n) {
		fill(reg, filled + 1, n, 0, grown_id_of, GROWN_EDIT);
		filled = n;
	}
	return reg;
}
