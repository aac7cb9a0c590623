/*
 * ground.c - where targets play: a small registry with something of everything, the same before each input, and
 * canaries.
 */
#include "ground.h"
#include "base/sr_lockinfo.h"
#include "sys/sr_sys.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct ground ground;
static pid_t preparer, keeper;
static char region_name[SR_REGION_NAME_SIZE];
static unsigned char *region_image;
static int root_fd = -1;

static const struct thing {
	const char *name;
	bool is_directory;
} things[] = {
	{ "s1", false }, { "s2", true },  { "s3", false },  { "s4", false },    { "s5", true },       { "s6", true },
	{ "s7", false }, { "s9", false }, { "s10", false }, { "spare", false }, { "stranger", true },
};
#define THINGS (sizeof(things) / sizeof(*things))

static struct sr_identity was[THINGS];

/* Files that are written over. */
static struct image {
	const char *name;
	unsigned char *bytes;
	size_t size;
} images[] = { { .name = "registry/registry.mdb" }, { .name = "registry/registry.lock" }, { .name = "base/.segreg" } };
#define IMAGES (sizeof(images) / sizeof(*images))

static const char *const canaries[] = { "outside/keep", "outside/sub/keep", "outside/s4", "keep",
					"registry/registry.mdb" };

/* ---------------------------------------------------------------- things on the disk */

static void make_file(const char *path)
{
	int fd = openat(root_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	FUZZ_CLAIM(fd >= 0 && write(fd, path, strlen(path)) > 0);
	close(fd);
}

static void make_dir(const char *path)
{
	FUZZ_CLAIM(mkdirat(root_fd, path, 0700) == 0);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

void ground_remove(const char *path)
{
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void make_thing(const struct thing *thing, bool first)
{
	char path[64], inside[80], store[64];

	snprintf(path, sizeof(path), "base/%s", thing->name);
	snprintf(inside, sizeof(inside), "%s/file", path);
	snprintf(store, sizeof(store), "store/%s", thing->name);
	if (thing->is_directory) {
		if (mkdirat(root_fd, path, 0700) == -1)
			FUZZ_CLAIM(!first);
		make_file(inside);
	} else if (first) {
		make_file(path);
		FUZZ_CLAIM(linkat(root_fd, path, root_fd, store, 0) == 0);
	} else {
		FUZZ_CLAIM(linkat(root_fd, store, root_fd, path, 0) == 0);
	}
}

static void make_world(void)
{
	const char *parent = getenv("SEGREG_FUZZ_DIR");

	snprintf(ground.root, sizeof(ground.root), "%.60s/segreg-fuzz.XXXXXX", parent ? parent : "/dev/shm");
	FUZZ_CLAIM(mkdtemp(ground.root));
	snprintf(ground.dir, sizeof(ground.dir), "%s/registry", ground.root);
	snprintf(ground.base, sizeof(ground.base), "%s/base", ground.root);
	snprintf(ground.mdb, sizeof(ground.mdb), "%s/registry/registry.mdb", ground.root);
	root_fd = open(ground.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	FUZZ_CLAIM(root_fd >= 0);
	make_dir("base");
	make_dir("store");
	make_dir("outside");
	make_dir("outside/sub");
	for (size_t i = 0; i + 1 < sizeof(canaries) / sizeof(*canaries); i++)
		make_file(canaries[i]);
	FUZZ_CLAIM(symlinkat("../outside", root_fd, "base/link") == 0 && symlinkat("..", root_fd, "base/up") == 0);
	for (size_t i = 0; i < THINGS; i++)
		make_thing(&things[i], true);
}

/* ---------------------------------------------------------------- the registry */

static struct segreg *open_as(const char *label, unsigned flags)
{
	const struct segreg_open_options options = {
		.size = sizeof(options),
		.flags = flags,
		.label = label,
		.base = ground.base,
		.timeout_ms = 2,
		.max_segments = GROUND_MAX_SEGMENTS,
		.max_lanes = GROUND_MAX_LANES,
	};
	struct segreg *reg = NULL;

	return segreg_open(ground.dir, &options, &reg) == 0 ? reg : NULL;
}

struct segreg *ground_open(void)
{
	return open_as("fuzz", 0);
}

static void add(struct segreg *reg, uint64_t id)
{
	char path[16];

	snprintf(path, sizeof(path), "s%u", (unsigned)id);
	FUZZ_CLAIM(segreg_register(reg, id, path) == 0);
}

/* 7: a sweep that found something else in its place. */
static void fail_deletion(struct segreg *reg)
{
	struct segreg_sweep_result result = { .size = sizeof(result) };

	add(reg, 7);
	FUZZ_CLAIM(unlinkat(root_fd, "base/s7", 0) == 0 && unlinkat(root_fd, "store/s7", 0) == 0);
	make_thing(&(struct thing){ "s7", false }, true);
	FUZZ_CLAIM(segreg_retire(reg, 7) == 0 && segreg_sweep(reg, NULL, &result) == 0 && result.failed == 1);
}

/* One who pins and dies. */
static void die_with_pins(struct segreg *reg)
{
	struct segreg_pin pin;
	pid_t pid = fork();

	FUZZ_CLAIM(pid >= 0);
	if (pid == 0) {
		FUZZ_CLAIM(segreg_pin(reg, 9, 0, &pin) == 0 && segreg_pin(reg, 10, 0, &pin) == 0);
		kill(getpid(), SIGKILL);
	}
	FUZZ_CLAIM(waitpid(pid, NULL, 0) == pid);
}

static void furnish(void)
{
	static const uint64_t ids[] = { 1, 2, 3, 4, 5, 6, 9, 10 }, retired[] = { 3, 4, 5, 9 };
	struct segreg *reg = open_as("keeper", SEGREG_CREATE);
	struct segreg_snapshot snapshot;
	struct segreg_pin pin;

	FUZZ_CLAIM(reg);
	fail_deletion(reg);
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		add(reg, ids[i]);
	die_with_pins(reg);
	FUZZ_CLAIM(segreg_pin(reg, 2, 0, &pin) == 0 && segreg_pin(reg, 3, 0, &pin) == 0);
	for (size_t i = 0; i < sizeof(retired) / sizeof(*retired); i++)
		FUZZ_CLAIM(segreg_retire(reg, retired[i]) == 0);
	FUZZ_CLAIM(segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &snapshot) == 0 && segreg_reserve(reg, 8, "s8") == 0);
}

static void start_keeper(void)
{
	int ready[2];
	char byte;

	FUZZ_CLAIM(pipe2(ready, O_CLOEXEC) == 0);
	keeper = fork();
	FUZZ_CLAIM(keeper >= 0);
	if (keeper == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		furnish();
		FUZZ_CLAIM(write(ready[1], "", 1) == 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	FUZZ_CLAIM(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
}

static void load_image(struct image *image)
{
	int fd = openat(root_fd, image->name, O_RDONLY | O_CLOEXEC);
	struct stat st;

	FUZZ_CLAIM(fd >= 0 && fstat(fd, &st) == 0);
	image->size = (size_t)st.st_size;
	image->bytes = malloc(image->size);
	FUZZ_CLAIM(image->bytes && read(fd, image->bytes, image->size) == st.st_size);
	close(fd);
}

static void find_region(void)
{
	int fd = openat(root_fd, "registry/registry.lock", O_RDONLY | O_CLOEXEC);
	struct sr_lockinfo info;

	FUZZ_CLAIM(fd >= 0 && sr_lockinfo_read(fd, "registry.lock", &info) == 0 && info.region[0]);
	close(fd);
	strcpy(region_name, info.region);
}

static void map_region(void)
{
	int fd = shm_open(region_name, O_RDWR | O_CLOEXEC, 0);
	size_t size = ground.geometry.size;

	FUZZ_CLAIM(fd >= 0);
	ground.region = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	region_image = malloc(size);
	FUZZ_CLAIM(ground.region != MAP_FAILED && region_image);
	memcpy(region_image, ground.region, size);
	close(fd);
}

static void leave(void)
{
	if (getpid() != preparer)
		return;
	if (ground.region) {
		kill(keeper, SIGKILL);
		waitpid(keeper, NULL, 0);
		shm_unlink(region_name);
	}
	ground_remove(ground.root);
}

const struct ground *ground_prepare(enum ground_company company)
{
	char path[64];

	preparer = getpid();
	FUZZ_CLAIM(sr_geometry_init(&ground.geometry, GROUND_MAX_SEGMENTS, GROUND_MAX_LANES));
	make_world();
	start_keeper();
	find_region();
	if (company == GROUND_KEPT) {
		map_region();
	} else {
		kill(keeper, SIGKILL);
		FUZZ_CLAIM(waitpid(keeper, NULL, 0) == keeper && shm_unlink(region_name) == 0);
	}
	for (size_t i = 0; i < IMAGES; i++)
		load_image(&images[i]);
	for (size_t i = 0; i < THINGS; i++) {
		snprintf(path, sizeof(path), "base/%s", things[i].name);
		FUZZ_CLAIM(sr_sys_identify(root_fd, path, &was[i]) == 0);
	}
	atexit(leave);
	return &ground;
}

/* ---------------------------------------------------------------- as it was */

static void write_image(const struct image *image)
{
	int fd = openat(root_fd, image->name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	/* What LMDB had allocated behind its pages may stay: to allocate it again takes longer than all the rest. */
	FUZZ_CLAIM(fd >= 0 && (image == &images[0] || ftruncate(fd, (off_t)image->size) == 0));
	FUZZ_CLAIM(pwrite(fd, image->bytes, image->size, 0) == (ssize_t)image->size);
	close(fd);
}

/* The saved database says that the thing is another inode than it was. */
static void tell_image(struct image *image, const struct sr_identity *from, const struct sr_identity *to)
{
	const uint64_t before[2] = { from->ino, (uint64_t)from->btime };
	const uint64_t after[2] = { to->ino, (uint64_t)to->btime };
	unsigned char *at = image->bytes;

	while ((at = memmem(at, image->size - (size_t)(at - image->bytes), before, sizeof(before))))
		at = (unsigned char *)memcpy(at, after, sizeof(after)) + sizeof(after);
}

static void restore_thing(size_t i)
{
	struct sr_identity now;
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "base/%s%s", things[i].name, things[i].is_directory ? "/file" : "");
	if (fstatat(root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return;
	make_thing(&things[i], false);
	if (!things[i].is_directory)
		return;
	snprintf(path, sizeof(path), "base/%s", things[i].name);
	FUZZ_CLAIM(sr_sys_identify(root_fd, path, &now) == 0);
	tell_image(&images[0], &was[i], &now);
	was[i] = now;
}

/* Remove what is in a directory, but for the names in known, each between spaces. */
static void empty(const char *name, const char *known)
{
	int fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[GROUND_PATH + 300], word[300];

		snprintf(path, sizeof(path), "%s/%s/%s", ground.root, name, entry->d_name);
		snprintf(word, sizeof(word), " %s ", entry->d_name);
		if (!strstr(known, word))
			ground_remove(path);
	}
	if (dir)
		closedir(dir);
}

void ground_tidy(void)
{
	empty(".", " . .. registry base store outside keep ");
	empty("outside", " . .. keep sub s4 ");
	empty("base", " . .. .segreg .segreg-lock .segreg-trash s1 s2 s3 s4 s5 s6 s7 s9 s10 spare stranger link up ");
}

void ground_restore(void)
{
	for (size_t i = 0; i < THINGS; i++)
		restore_thing(i);
	for (size_t i = 0; i < IMAGES; i++)
		write_image(&images[i]);
	empty("base/.segreg-trash", " . .. ");
	if (ground.region)
		memcpy(ground.region, region_image, ground.geometry.size);
}

void ground_check(bool and_stranger)
{
	struct stat st;

	for (size_t i = 0; i < sizeof(canaries) / sizeof(*canaries); i++)
		FUZZ_CLAIM(fstatat(root_fd, canaries[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			   "what is outside base stays");
	if (and_stranger)
		FUZZ_CLAIM(fstatat(root_fd, "base/stranger/file", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			   "what is nobody's stays");
}
