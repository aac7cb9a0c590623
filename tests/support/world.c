/*
 * world.c - a base directory with a registry in it, fresh for each test, and what tests do with both all the time.
 */
#include "world.h"
#include "harness.h"
#include "base/sr_lockinfo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFERS 8u

static char *next_buffer(void)
{
	static __thread char buffers[BUFFERS][SEGREG_PATH_SIZE];
	static __thread unsigned next;

	return buffers[next++ % BUFFERS];
}

/* ---------------------------------------------------------------- worlds */

struct t_world t_world_at(const char *path)
{
	struct t_world world;

	snprintf(world.base, sizeof(world.base), "%s", path);
	snprintf(world.dir, sizeof(world.dir), "%s/registry", world.base);
	return world;
}

struct t_world t_world(enum t_place place)
{
	const char *tmpdir = getenv("TMPDIR");
	char *path;
	uint32_t n = t_outcome->worlds;

	if (n == T_WORLDS)
		T_FAIL("too many worlds in one test");
	if (place == T_MEMORY)
		tmpdir = "/dev/shm";
	path = t_outcome->world[n];
	snprintf(path, T_PATH_SIZE, "%s/segreg-test-XXXXXX", tmpdir && *tmpdir ? tmpdir : "/tmp");
	if (!mkdtemp(path))
		T_FAIL("cannot make %s: %s", path, strerror(errno));
	t_outcome->worlds = n + 1;
	return t_world_at(path);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

static int open_up(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_D || type == FTW_DNR)
		chmod(path, 0700);
	return 0;
}

void t_remove_tree(const char *path)
{
	/* More than once: peers of a test that failed may still be dying. */
	for (int i = 0; i < 10 && access(path, F_OK) == 0; i++) {
		nftw(path, open_up, 32, FTW_PHYS | FTW_MOUNT);
		nftw(path, remove_entry, 32, FTW_PHYS | FTW_MOUNT | FTW_DEPTH);
	}
}

/* The shared memory that a test left behind because all its users were killed. */
static void remove_region(const struct t_world *world)
{
	struct sr_lockinfo info;
	const char *path = t_path(world, "registry/registry.lock");
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return;
	if (sr_lockinfo_read(fd, path, &info) == 0 && info.region[0])
		shm_unlink(info.region);
	close(fd);
}

void t_remove_world(const char *base)
{
	struct t_world world = t_world_at(base);

	remove_region(&world);
	t_remove_tree(base);
}

/* ---------------------------------------------------------------- files below base */

const char *t_path(const struct t_world *world, const char *format, ...)
{
	char *path = next_buffer();
	int length = snprintf(path, SEGREG_PATH_SIZE, "%s/", world->base);
	va_list args;

	va_start(args, format);
	vsnprintf(path + length, SEGREG_PATH_SIZE - (size_t)length, format, args);
	va_end(args);
	return path;
}

bool t_exists(const struct t_world *world, const char *path)
{
	struct stat st;

	return lstat(t_path(world, "%s", path), &st) == 0;
}

size_t t_count_entries(const struct t_world *world, const char *path)
{
	DIR *dir = opendir(t_path(world, "%s", path));
	size_t n = 0;

	if (!dir)
		return 0;
	for (struct dirent *entry; (entry = readdir(dir));)
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(dir);
	return n;
}

static uint64_t usage;

static int add_usage(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path;
	(void)type;
	(void)ftw;
	usage += (uint64_t)st->st_blocks * 512;
	return 0;
}

uint64_t t_disk_usage(const struct t_world *world, const char *path)
{
	usage = 0;
	T_SYS(nftw(t_path(world, "%s", path), add_usage, 32, FTW_PHYS));
	return usage;
}

static unsigned char pattern(size_t i)
{
	return (unsigned char)((i * 7 + 13) % 251);
}

bool t_is_pattern(const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < size; i++)
		if (at[i] != pattern(i))
			return false;
	return true;
}

bool t_fd_has_pattern(int fd, size_t size)
{
	unsigned char *bytes = malloc(size + 1);
	bool has = bytes && pread(fd, bytes, size + 1, 0) == (ssize_t)size && t_is_pattern(bytes, size);

	free(bytes);
	return has;
}

void t_make_file(const struct t_world *world, const char *path, size_t size)
{
	unsigned char bytes[4096];
	int fd = T_SYS(open(t_path(world, "%s", path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));

	for (size_t done = 0; done < size;) {
		size_t n = 0;

		for (; n < sizeof(bytes) && done + n < size; n++)
			bytes[n] = pattern(done + n);
		if (write(fd, bytes, n) != (ssize_t)n)
			T_FAIL("cannot write %s: %s", path, strerror(errno));
		done += n;
	}
	T_SYS(close(fd));
}

void t_make_dir(const struct t_world *world, const char *path, size_t size)
{
	char *data = next_buffer();

	T_SYS(mkdir(t_path(world, "%s", path), 0755));
	snprintf(data, SEGREG_PATH_SIZE, "%s/data", path);
	t_make_file(world, data, size);
}

/* ---------------------------------------------------------------- the registry */

struct segreg *t_open_with(const struct t_world *world, struct segreg_open_options options)
{
	struct segreg *reg = NULL;

	options.size = sizeof(options);
	options.flags |= SEGREG_CREATE;
	T_OK(segreg_open(world->dir, &options, &reg));
	return reg;
}

struct segreg *t_open(const struct t_world *world)
{
	return t_open_with(world, (struct segreg_open_options){ .base = NULL });
}

void t_close(struct segreg *reg)
{
	T_OK(segreg_close(reg, NULL));
}

const char *t_segment(uint64_t id)
{
	char *name = next_buffer();

	snprintf(name, SEGREG_PATH_SIZE, "seg-%" PRIu64, id);
	return name;
}

void t_make_segment(const struct t_world *world, uint64_t id)
{
	t_make_dir(world, t_segment(id), 4096);
}

void t_add(const struct t_world *world, struct segreg *reg, uint64_t id)
{
	t_make_segment(world, id);
	T_OK(segreg_register(reg, id, t_segment(id)));
}

int t_state(struct segreg *reg, uint64_t id)
{
	enum segreg_state state;
	int rc = segreg_state(reg, id, &state);

	return rc ? rc : (int)state;
}

uint64_t t_refcount(struct segreg *reg, uint64_t id)
{
	uint64_t count = UINT64_MAX;

	T_OK(segreg_refcount(reg, id, &count));
	return count;
}

struct segreg_stats t_stats(struct segreg *reg)
{
	struct segreg_stats stats = { .size = sizeof(stats) };

	T_OK(segreg_stats(reg, &stats));
	return stats;
}

uint64_t t_version(struct segreg *reg)
{
	uint64_t version = UINT64_MAX;

	T_OK(segreg_version(reg, &version));
	return version;
}

struct segreg_edit *t_edit(struct segreg *reg)
{
	struct segreg_edit *edit = NULL;

	T_OK(segreg_edit_begin(reg, &edit));
	return edit;
}

struct segreg_sweep_result t_sweep(struct segreg *reg)
{
	struct segreg_sweep_result result = { .size = sizeof(result) };

	T_OK(segreg_sweep(reg, NULL, &result));
	return result;
}

static int keep_info(void *arg, const struct segreg_info *info)
{
	struct segreg_info *kept = arg;
	char *path = next_buffer();

	snprintf(path, SEGREG_PATH_SIZE, "%s", info->path);
	*kept = *info;
	kept->path = path;
	return 0;
}

struct segreg_info t_info(struct segreg *reg, uint64_t id)
{
	struct segreg_info info = { 0 };

	T_OK(segreg_list_one(reg, id, keep_info, &info));
	return info;
}
