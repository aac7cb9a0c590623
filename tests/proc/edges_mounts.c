/*
 * edges_mounts.c - the edges that need mounts: full disks, a full /dev/shm, another file system below base. Root only.
 *
 * Each test has a mount namespace of its own, so nothing that it mounts outlives it or is seen by others.
 */
#include "fault.h"
#include "harness.h"
#include "mounts.h"
#include "peer.h"
#include "db/sr_resident.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------------------------------------------------------- a full disk */

/* Until not one byte more can be written. */
static void fill(const struct t_world *w)
{
	static const char zeros[65536];
	int fd = T_SYS(open(t_path(w, "filler"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));

	for (size_t size = sizeof(zeros); size > 0; size /= 2)
		while (write(fd, zeros, size) > 0)
			;
	T_EQ(errno, ENOSPC);
	close(fd);
}

#define ONE_BY_ONE 20
#define AT_ONCE 2000 /* more than fit: the commit needs pages that the database never had */

static void add_at_once(const struct t_world *w, struct segreg *reg)
{
	struct segreg_edit *edit;

	T_OK(segreg_edit_begin(reg, &edit));
	for (uint64_t id = ONE_BY_ONE; id < ONE_BY_ONE + AT_ONCE; id++) {
		t_make_file(w, t_segment(id), 0);
		T_OK(segreg_edit_add(edit, id, t_segment(id)));
	}
	T_OK(segreg_edit_commit(edit, NULL));
}

static void retire_at_once(struct segreg *reg)
{
	struct segreg_edit *edit;

	T_OK(segreg_edit_begin(reg, &edit));
	for (uint64_t id = ONE_BY_ONE; id < ONE_BY_ONE + AT_ONCE; id++)
		T_OK(segreg_edit_retire(edit, id));
	T_OK(segreg_edit_commit(edit, NULL));
}

static void work_on_full_disk(const struct t_world *w)
{
	struct segreg *reg = t_open(w);
	int rc;

	for (uint64_t id = 0; id < ONE_BY_ONE; id++)
		t_add(w, reg, id);
	add_at_once(w, reg);
	t_make_dir(w, "last", 100);
	fill(w);
	retire_at_once(reg);
	T_EQ(t_sweep(reg).deleted, AT_ONCE);
	for (uint64_t id = 0; id < ONE_BY_ONE; id++) {
		struct segreg_sweep_result swept;

		fill(w);      /* what was freed does not help */
		if (id % 2) { /* a sweep by the hour: no other process has the registry open */
			t_close(reg);
			fill(w);
			reg = t_open(w);
		}
		T_OK(segreg_retire(reg, id));
		swept = t_sweep(reg);
		T_EQ(swept.deleted, 1);
		T_CHECK(swept.bytes_freed > 0);
		T_CHECK(!t_exists(w, t_segment(id)));
	}
	fill(w);
	rc = segreg_register(reg, 1, "last");
	T_CHECK(rc == 0 || rc == SEGREG_E_NOSPC);
	T_EQ(t_stats(reg).live, rc == 0);
	t_close(reg);
	T_SYS(unlink(t_path(w, "filler")));
	reg = t_open(w);
	T_EQ(t_stats(reg).live, rc == 0);
	T_EQ(t_stats(reg).pending + t_stats(reg).deleting, 0);
	T_OK(segreg_register(reg, 1, "last"));
	t_close(reg);
}

static void fill_image(const char *type, const char *options, unsigned megabytes)
{
	struct t_world around = t_world(T_DISK);

	t_need_mounts();
	T_SYS(mkdir(t_path(&around, "mount"), 0700));
	t_mount_image(&around, t_path(&around, "mount"), type, options, megabytes);
	struct t_world w = t_world_at(t_path(&around, "mount"));
	work_on_full_disk(&w);
}

static void full_ext4(void)
{
	fill_image("ext4", "-F -m 0", 32);
}

static void full_xfs(void)
{
	fill_image("xfs", "-f", 320);
}

/* As large ones have it: data and metadata apart. */
static void full_btrfs(void)
{
	fill_image("btrfs", "-f", 320);
}

static void full_tmpfs(void)
{
	struct t_world w = t_world(T_MEMORY);

	t_need_mounts();
	t_mount_tmpfs(w.base, "size=16m");
	work_on_full_disk(&w);
}

/* ---------------------------------------------------------------- a full /dev/shm */

static bool is_nomem(int rc)
{
	T_CHECK(rc == 0 || rc == SEGREG_E_NOMEM);
	return rc != 0;
}

/* Register from *id on, and pin all, until memory is short or the last one has it. */
static bool use_up(struct segreg *reg, uint64_t *id, uint64_t last)
{
	struct segreg_pin pin;

	for (; *id < last; ++*id)
		if (is_nomem(segreg_register(reg, *id, t_segment(*id))))
			return true;
	for (uint64_t at = 0; at < *id; at++)
		if (is_nomem(segreg_pin(reg, at, 0, &pin)))
			return true;
	return false;
}

#define MANY 300u

/* A disk whose second half is gone, with registry.mdb on it and out of memory. */
static void unreadable(void)
{
	struct t_world around = t_world(T_DISK);
	const size_t mapped =
		((size_t)1 << 30) + 4096 * (size_t)1048576; /* as sr_store.c has it for a registry without options */
	struct segreg *reg;
	struct stat st;
	void *map;
	int fd;

	t_need_mounts();
	T_SYS(mkdir(t_path(&around, "mount"), 0700));
	t_mount_image(&around, t_path(&around, "mount"), "ext4", "-F -m 0", 64);
	struct t_world w = t_world_at(t_path(&around, "mount"));
	reg = t_open(&w);
	add_at_once(&w, reg);
	sync();
	fd = T_SYS(open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC));
	T_SYS(stat(t_path(&w, "registry/registry.mdb"), &st));
	map = sr_resident_find(st.st_ino, mapped);
	T_CHECK(map != NULL);
	T_SYS(madvise(map, mapped, MADV_DONTNEED));
	if (write(fd, "1", 1) != 1)
		T_SKIP("cannot make the kernel forget what it has read: %s", strerror(errno));
	close(fd);
	T_SYS(truncate(t_path(&around, "image"), 4 << 20));
	t_clock_forward(1001); /* a large file is read ahead once a second */
	T_ERR(SEGREG_E_IO, segreg_retire(reg, ONE_BY_ONE));
	T_HAS(segreg_last_error(), "registry.mdb cannot be read");
	T_EQ(t_state(reg, ONE_BY_ONE), SEGREG_LIVE);
	segreg_close(reg, NULL);
	T_ERR(SEGREG_E_IO, segreg_open(w.dir, NULL, &reg));
}

static void full_shm(void)
{
	struct t_world w = t_world(T_DISK);
	struct segreg *reg, *second;
	uint64_t id = 0;
	unsigned short_of = 0;
	bool enough = false;

	t_need_mounts();
	for (uint64_t i = 0; i < MANY; i++)
		t_make_file(&w, t_segment(i), 10);
	t_close(t_open(&w));
	for (unsigned pages = 1; !enough && pages < 1000; pages++) {
		char options[32];

		snprintf(options, sizeof(options), "size=%u", pages * 4096);
		t_mount_tmpfs("/dev/shm", options);
		reg = second = NULL;
		enough = !is_nomem(segreg_open(w.dir, NULL, &reg)) && !use_up(reg, &id, MANY) &&
			 !is_nomem(segreg_open(w.dir, NULL, &second));
		short_of += !enough;
		T_OK(segreg_close(second, NULL));
		T_OK(segreg_close(reg, NULL));
		T_SYS(umount2("/dev/shm", MNT_DETACH));
	}
	T_CHECK(enough);
	T_CHECK(short_of > 3);
	reg = t_open(&w);
	T_EQ(t_stats(reg).live, MANY);
	t_close(reg);
}

/* ---------------------------------------------------------------- other file systems below base */

static void another_mount(void)
{
	struct t_world w = t_world(T_DISK);
	struct segreg *reg;
	struct segreg_edit *edit;

	t_need_mounts();
	reg = t_open(&w);
	T_SYS(mkdir(t_path(&w, "mount"), 0700));
	t_mount_tmpfs(t_path(&w, "mount"), "size=1m");
	t_make_dir(&w, "mount/seg-1", 100);
	T_ERR(SEGREG_E_PATH, segreg_register(reg, 1, "mount/seg-1"));
	T_ERR(SEGREG_E_PATH, segreg_register(reg, 1, "mount/seg-1/data"));
	T_ERR(SEGREG_E_PATH, segreg_register(reg, 1, "mount"));
	/* A bind mount of the same file system is a mount all the same. */
	t_make_dir(&w, "seg-2", 100);
	T_SYS(mkdir(t_path(&w, "bound"), 0700));
	T_SYS(mount(t_path(&w, "seg-2"), t_path(&w, "bound"), NULL, MS_BIND, NULL));
	T_ERR(SEGREG_E_PATH, segreg_register(reg, 2, "bound"));
	/* In an edit, too, after a good one in the same directory. */
	T_OK(segreg_edit_begin(reg, &edit));
	T_OK(segreg_edit_add(edit, 2, "seg-2"));
	T_ERR(SEGREG_E_PATH, segreg_edit_add(edit, 3, "bound"));
	T_ERR(SEGREG_E_PATH, segreg_edit_add(edit, 3, "mount"));
	segreg_edit_abort(edit);
	T_EQ(t_stats(reg).version, 0);
	t_close(reg);
}

static void mount_inside_segment(void)
{
	struct t_world w = t_world(T_DISK);
	struct segreg_sweep_result swept;
	struct segreg *reg;

	t_need_mounts();
	reg = t_open(&w);
	t_make_segment(&w, 1);
	T_SYS(mkdir(t_path(&w, "seg-1/mount"), 0700));
	T_OK(segreg_register(reg, 1, "seg-1"));
	t_make_dir(&w, "precious", 100);
	T_SYS(mount(t_path(&w, "precious"), t_path(&w, "seg-1/mount"), NULL, MS_BIND, NULL));
	T_OK(segreg_retire(reg, 1));
	swept = t_sweep(reg);
	T_EQ(swept.deleted, 0);
	T_EQ(swept.failed, 1);
	T_CHECK(t_exists(&w, "precious/data"));
	T_EQ(t_state(reg, 1), SEGREG_DELETING);
	t_close(reg);
}

static void unmounted_base(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg;

	t_need_mounts();
	T_SYS(mkdir(t_path(&w, "data"), 0700));
	reg = t_open_with(&w, (struct segreg_open_options){ .base = t_path(&w, "data") });
	t_make_dir(&w, "data/seg-1", 100);
	T_OK(segreg_register(reg, 1, "seg-1"));
	T_OK(segreg_retire(reg, 1));
	t_close(reg);
	/* An empty directory where the base should be: its segments are not gone, they are out of sight. */
	t_mount_tmpfs(t_path(&w, "data"), "size=1m");
	reg = NULL;
	int rc = segreg_open(w.dir, NULL, &reg);
	if (rc == 0)
		rc = segreg_sweep(reg, NULL, NULL);
	T_EQ(rc, SEGREG_E_MISMATCH);
	segreg_close(reg, NULL);
	T_SYS(umount2(t_path(&w, "data"), MNT_DETACH));
	reg = t_open(&w);
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	T_EQ(t_sweep(reg).deleted, 1);
	t_close(reg);
}

/* ---------------------------------------------------------------- overlayfs */

/* A world on an overlay: what lies in seg-1 and seg-2 is of the lower layer. */
static struct t_world on_overlay(const struct t_world *around)
{
	t_need_mounts();
	T_SYS(mkdir(t_path(around, "layers"), 0700));
	t_mount_tmpfs(t_path(around, "layers"), "size=16m"); /* an overlay cannot be the upper layer of another */
	T_SYS(mkdir(t_path(around, "layers/lower"), 0700));
	T_SYS(mkdir(t_path(around, "merged"), 0700));
	t_make_dir(around, "layers/lower/seg-1", 100);
	for (int i = 0; i < 40; i++) /* deeper than directories are opened at once */
		T_SYS(mkdir(t_path(around, "layers/lower/seg-1%.*s", 2 * (i + 1),
				   "/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d"),
			    0700));
	t_make_file(around, "layers/lower/seg-2", 100);
	t_mount_overlay(around, "layers", t_path(around, "merged"));
	return t_world_at(t_path(around, "merged"));
}

/* Before Linux 6.5 overlayfs had no file handles: what is copied up seems to be another file, and is left alone. */
static bool has_handles(const char *path)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .handle.handle_bytes = MAX_HANDLE_SZ };
	int mount_id;

	return name_to_handle_at(AT_FDCWD, path, &u.handle, &mount_id, 0x200 /* AT_HANDLE_FID */) == 0;
}

/* Its directories cannot be renamed, and its files change their birth time when they are first written to. */
static void lower_layer(void)
{
	struct t_world around = t_world(T_DISK), w = on_overlay(&around);
	struct segreg *reg = t_open(&w);

	T_OK(segreg_register(reg, 1, "seg-1"));
	T_OK(segreg_register(reg, 2, "seg-2"));
	T_SYS(chmod(t_path(&w, "seg-2"), 0600));
	T_OK(segreg_retire(reg, 1));
	T_OK(segreg_retire(reg, 2));
	t_fail_call("unlinkat", 3, EIO); /* in the midst of it */
	T_EQ(t_sweep(reg).failed, 1);
	T_EQ(t_info(reg, 1).error, EIO);
	T_CHECK(t_exists(&w, "seg-1"));
	t_fail_call(NULL, 0, 0);
	t_close(reg);
	reg = t_open(&w);
	T_OK(segreg_sweep(reg,
			  &(struct segreg_sweep_options){ .size = sizeof(struct segreg_sweep_options),
							  .flags = SEGREG_SWEEP_RETRY_NOW },
			  NULL));
	T_EQ(t_state(reg, 1), SEGREG_E_NOENT);
	T_CHECK(!t_exists(&w, "seg-1"));
	if (has_handles(w.base))
		T_EQ(t_state(reg, 2), SEGREG_E_NOENT);
	else
		T_EQ(t_info(reg, 2).error, ESTALE);
	t_close(reg);
	T_SYS(umount2(t_path(&around, "merged"), MNT_DETACH));
}

T_SUITE(edges_mounts,
	{ "on overlayfs, directories of a lower layer are deleted where they are, and files after they are copied up",
	  lower_layer },
	{ "on a full ext4, retiring and sweeping go on", full_ext4 },
	{ "on a full xfs, retiring and sweeping go on", full_xfs },
	{ "on a full btrfs, retiring and sweeping go on", full_btrfs },
	{ "on a full tmpfs, retiring and sweeping go on", full_tmpfs },
	{ "a disk that cannot be read is an error, not a signal", unreadable },
	{ "with /dev/shm full a call fails with SEGREG_E_NOMEM, and nobody gets a SIGBUS", full_shm },
	{ "a path on another mount is refused", another_mount },
	{ "a mount inside a segment is not entered, and the deletion fails", mount_inside_segment },
	{ "an unmounted base is not an empty one", unmounted_base });
