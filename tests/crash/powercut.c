/*
 * powercut.c - the power fails at every system call of what changes the registry.
 *
 * The disk is a file in memory behind a loop device, so that thousands of cuts take minutes. After a shutdown
 * (EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN) nothing reaches the disk any more. Every other shutdown writes the journal
 * first, because both can have happened by the time that the power goes.
 */
#include "powercut.h"
#include "harness.h"
#include "tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHUTDOWN _IOR('X', 125, uint32_t)
enum { AFTER_JOURNAL = 1, AT_ONCE = 2 };

#define SIZE_EXT4 ((off_t)24 << 20)
#define SIZE_XFS ((off_t)300 << 20) /* the least that mkfs.xfs makes */
#define ATTEMPTS 1000

struct powercut_tally *powercut_tally;

static void __attribute__((constructor)) make_tally(void)
{
	void *shared = mmap(NULL, sizeof(*powercut_tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	powercut_tally = shared == MAP_FAILED ? NULL : shared;
}

const struct cutting cuttings[] = {
	{ "creating a registry", &act_create },
	{ "building the shared memory", &act_open },
	{ "registering", &act_enlist },
	{ "committing an edit", &act_edit },
	{ "retiring", &act_retire },
	{ "leasing", &act_lease },
	{ "reserving and publishing", &act_build },
	{ "unregistering", &act_remove },
	{ "sweeping", &act_sweep },
	{ "closing", &act_leave },
};
const unsigned cuttings_count = sizeof(cuttings) / sizeof(cuttings[0]);

/* ---------------------------------------------------------------- the disk */

struct disk {
	const char *type;
	char device[32], mount[T_PATH_SIZE + 32];
};

/* Of base, and of the registry's directory, if that is another. */
static struct disk disks[2];
static unsigned n_disks;
static uint32_t how;

static void need_mounts(void)
{
	if (geteuid() != 0)
		T_SKIP("needs root, to mount file systems");
	if (unshare(CLONE_NEWNS) == -1 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		T_SKIP("cannot have a mount namespace: %s", strerror(errno));
}

/* A loop device of its own, which goes when it is unmounted and closed. */
static int set_up_loop(struct disk *disk, int image)
{
	struct loop_config config = { .fd = (uint32_t)image, .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), loop = -1;

	for (int i = 0; control != -1 && i < ATTEMPTS; i++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE);

		snprintf(disk->device, sizeof(disk->device), "/dev/loop%d", n);
		loop = n < 0 ? -1 : open(disk->device, O_RDWR | O_CLOEXEC);
		if (loop == -1 || ioctl(loop, LOOP_CONFIGURE, &config) == 0)
			break;
		close(loop); /* another process was faster */
		loop = -1;
	}
	if (control != -1)
		close(control);
	return loop;
}

static void attach(struct disk *disk)
{
	T_SYS(mount(disk->device, disk->mount, disk->type, 0, NULL));
}

/* The loop device lives as long as this process has it open. */
static void add_disk(const struct t_world *around, const char *type, const char *where)
{
	struct disk *disk = &disks[n_disks];
	const char *image = t_path(around, "image%u", n_disks);
	int fd = T_SYS(open(image, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	bool is_xfs = !strcmp(type, "xfs");
	char command[1024];

	disk->type = type;
	T_SYS(ftruncate(fd, is_xfs ? SIZE_XFS : SIZE_EXT4));
	snprintf(command, sizeof(command), "PATH=$PATH:/sbin:/usr/sbin; mkfs.%s >/dev/null 2>&1 %s %s", type,
		 is_xfs ? "-q -f" : "-q -F -m 0", image);
	if (system(command) != 0)
		T_SKIP("cannot make an %s in a file", type);
	if (set_up_loop(disk, fd) == -1)
		T_SKIP("cannot have a loop device: %s", strerror(errno));
	close(fd);
	snprintf(disk->mount, sizeof(disk->mount), "%s", where);
	T_SYS(mkdir(disk->mount, 0700));
	if (mount(disk->device, disk->mount, disk->type, 0, NULL) == -1)
		T_SKIP("cannot mount an %s: %s", disk->type, strerror(errno));
	n_disks++;
}

static void switch_on(void)
{
	for (unsigned i = 0; i < n_disks; i++)
		attach(&disks[i]);
}

/* Not for long: peers would inherit it, and it could not be unmounted. */
static int open_disk(const struct disk *disk)
{
	return T_SYS(open(disk->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void write_all(void)
{
	for (unsigned i = 0; i < n_disks; i++) {
		int fd = open_disk(&disks[i]);

		T_SYS(syncfs(fd));
		close(fd);
	}
}

static void cut(void)
{
	for (unsigned i = 0; i < n_disks; i++) {
		int fd = open_disk(&disks[i]);

		T_SYS(ioctl(fd, SHUTDOWN, &how));
		close(fd);
	}
}

static void switch_off(void)
{
	for (unsigned n = n_disks; n-- > 0;)
		for (int i = 0; umount(disks[n].mount) == -1; i++) {
			if (errno != EBUSY || i == ATTEMPTS)
				T_FAIL("cannot unmount %s: %s", disks[n].mount, strerror(errno));
			usleep(1000); /* a process is still dying */
		}
}

/* ---------------------------------------------------------------- playing */

static void furnish(struct scene *scene, const struct act *act)
{
	if (act->creates)
		scene_empty(scene);
	else
		scene_furnish(scene);
	write_all();
}

/* The shared memory is lost as well. */
static void lose_memory(const struct scene *scene)
{
	const char *name = strrchr(scene->ledger->region, '/');

	if (name)
		shm_unlink(name);
}

/* False: the act came to its end; then the power fails after it. */
static bool play_once(struct scene *scene, const struct act *act, unsigned nth)
{
	bool harmed;

	furnish(scene, act);
	tracer_before_death = cut;
	how = scene->ledger->turn % 4 == 3 ? AFTER_JOURNAL : AT_ONCE;
	harmed = victim_play(scene, act, (struct harm){ .kind = KILL_AT_CALL_STOP, .nth = nth });
	tracer_before_death = NULL;
	if (!harmed)
		cut();
	switch_off();
	lose_memory(scene);
	switch_on();
	powercut_tally->cuts++;
	scene_audit(scene);
	return harmed;
}

struct play {
	const struct cutting *cutting;
	const char *type;
	bool is_split;
	unsigned most;
};

static unsigned count_places(struct scene *scene, const struct act *act)
{
	struct trail trail = { .call_stops = 0 };

	furnish(scene, act);
	victim_play(scene, act, (struct harm){ .kind = COUNT_CALLS, .trail = &trail });
	scene_audit(scene);
	return trail.call_stops;
}

static void play_all(const void *arg)
{
	const struct play *play = arg;
	const struct act *act = play->cutting->act;
	struct t_world around = t_world(T_MEMORY);
	struct scene scene;
	unsigned places, stride;

	need_mounts();
	n_disks = 0;
	add_disk(&around, play->type, t_path(&around, "mount"));
	T_SYS(mkdir(t_path(&around, "mount/world"), 0700));
	if (play->is_split && !act->creates)
		/* ext4 has a directory of its own in it */
		add_disk(&around, "xfs", t_path(&around, "mount/world/registry"));
	scene = scene_set_at(t_world_at(t_path(&around, "mount/world")), ALONE);
	scene.is_durable = true;
	places = count_places(&scene, act);
	stride = play->most && play->most < places ? (places + play->most - 1) / play->most : 1;
	powercut_tally->places += places;
	for (unsigned nth = 1; play_once(&scene, act, nth); nth += stride)
		;
	T_CHECK(places > 1);
	switch_off();
}

void powercut_play(const struct cutting *cutting, const char *type, unsigned most)
{
	size_t length = strcspn(type, "+");
	char name[16];
	const struct play play = { .cutting = cutting, .type = name, .is_split = type[length], .most = most };

	snprintf(name, sizeof(name), "%.*s", (int)length, type);
	scene_play(play_all, &play);
}

/* ---------------------------------------------------------------- the tests */

#define A_SAMPLE 4u

static void play_sample(const char *type)
{
	for (unsigned i = 0; i < cuttings_count; i++)
		powercut_play(&cuttings[i], type, A_SAMPLE);
}

static void on_ext4(void)
{
	play_sample("ext4");
}

static void on_xfs(void)
{
	play_sample("xfs");
}

T_SUITE(powercut, { "the power fails at system calls of every act, on ext4", on_ext4 }, { "the same on xfs", on_xfs });
