/*
 * check.c - segreg_check finds what is wrong, and nothing else, while others go on.
 */
#include "fault.h"
#include "harness.h"
#include "mounts.h"
#include "peer.h"
#include "registry/sr_registry.h"
#include "shm/sr_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct seen {
	unsigned n[SEGREG_FOUND_LEFTOVER + 1];
	uint64_t id;
	int result; /* of each call */
};

static int see(void *arg, const struct segreg_finding *finding)
{
	struct seen *seen = arg;

	seen->n[finding->kind]++;
	seen->id = finding->id;
	return seen->result;
}

static struct seen check(struct segreg *reg, unsigned flags)
{
	struct seen seen = { .id = 0 };

	T_OK(segreg_check(reg, flags, see, &seen));
	return seen;
}

static unsigned all(struct seen seen)
{
	return seen.n[SEGREG_FOUND_MISSING] + seen.n[SEGREG_FOUND_REPLACED] + seen.n[SEGREG_FOUND_STRANGER] +
	       seen.n[SEGREG_FOUND_DIFFERENCE] + seen.n[SEGREG_FOUND_LEFTOVER];
}

static uint32_t slot_of(const struct segreg *reg, uint64_t id)
{
	uint32_t slot = sr_table_find(&reg->region, id);

	T_CHECK(slot != SR_NONE);
	return slot;
}

/* Two segments with a damaged path in shared memory: the repair restores it, in the slot that pins know. */
static void damaged_paths(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	char path[SEGREG_PATH_SIZE];
	struct sr_detail *detail;
	struct segreg_pin pin;

	for (uint64_t id = 1; id <= 3; id++)
		t_add(&w, reg, id);
	T_OK(segreg_pin(reg, 2, 0, &pin));
	detail = &reg->region.details[slot_of(reg, 2)];
	static const uint16_t lengths[] = { 0, 3, SEGREG_PATH_MAX + 1, UINT16_MAX };
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		detail->path_length = lengths[i] & 511u;
		T_EQ(check(reg, SEGREG_CHECK_REPAIR).n[SEGREG_FOUND_DIFFERENCE], 1);
		T_EQ(all(check(reg, 0)), 0);
	}
	detail->path = UINT32_MAX;
	T_EQ(check(reg, SEGREG_CHECK_REPAIR).n[SEGREG_FOUND_DIFFERENCE], 1);
	/* The path of another segment, whose units must not be freed with this segment. */
	detail->path = reg->region.details[slot_of(reg, 3)].path;
	T_EQ(check(reg, SEGREG_CHECK_REPAIR).n[SEGREG_FOUND_DIFFERENCE], 1);
	reg->region.paths[detail->path * SR_PATH_UNIT] = '\0';
	T_EQ(check(reg, SEGREG_CHECK_REPAIR).n[SEGREG_FOUND_DIFFERENCE], 1);
	T_EQ(all(check(reg, 0)), 0);
	T_EQ(t_refcount(reg, 2), 1);
	T_OK(segreg_pin_path(reg, &pin, path, sizeof(path)));
	T_STR(path, t_path(&w, "seg-2"));
	T_OK(segreg_unpin(reg, &pin));
	T_OK(segreg_retire(reg, 2));
	T_EQ(t_sweep(reg).deleted, 1);
	t_add(&w, reg, 4);
	T_EQ(all(check(reg, 0)), 0);
	t_close(reg);
}

static void differs(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct seen seen;

	for (uint64_t id = 1; id <= 3; id++)
		t_add(&w, reg, id);
	T_EQ(all(check(reg, 0)), 0);
	reg->region.details[slot_of(reg, 2)].born = 99;
	seen = check(reg, 0);
	T_EQ(seen.n[SEGREG_FOUND_DIFFERENCE], 1);
	T_EQ(seen.id, 2);
	T_EQ(all(check(reg, 0)), 1); /* it was not asked to repair */
	T_EQ(check(reg, SEGREG_CHECK_REPAIR).n[SEGREG_FOUND_DIFFERENCE], 1);
	T_EQ(all(check(reg, 0)), 0);
	T_EQ(segreg_is_live(reg, 2), 1);
	reg->region.slots[slot_of(reg, 3)].id = 77; /* one is missing, and one too many there */
	T_EQ(check(reg, 0).n[SEGREG_FOUND_DIFFERENCE], 2);
	T_EQ(check(reg, SEGREG_CHECK_REPAIR).n[SEGREG_FOUND_DIFFERENCE], 2);
	T_EQ(all(check(reg, 0)), 0);
	T_EQ(segreg_is_live(reg, 3), 1);
	t_close(reg);
}

static int do_check(struct peer_self *self, void *arg)
{
	return segreg_check(self->reg, 0, see, arg);
}

/* Between the look at the records and that at the disk one segment goes and one comes. */
static void others_go_on(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *checker = peer_start(&w, PEER_PROCESS);
	struct seen seen = { .id = 0 };

	T_OK(peer_open(checker));
	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	peer_run_to(checker, "check.compared", do_check, &seen, sizeof(seen));
	T_OK(segreg_retire(reg, 1));
	T_EQ(t_sweep(reg).deleted, 1);
	t_add(&w, reg, 3);
	peer_go_on(checker);
	T_OK(peer_end(checker, &seen));
	T_EQ(all(seen), 0);
	peer_exit(checker);
	t_close(reg);
}

static void ends_when_told(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct seen seen = { .result = 7 };

	T_SYS(mkdir(t_path(&w, "one"), 0755));
	T_SYS(mkdir(t_path(&w, "two"), 0755));
	T_EQ(segreg_check(reg, 0, see, &seen), 7);
	T_EQ(all(seen), 1);
	T_EQ(segreg_check(reg, 2, see, &seen), SEGREG_E_INVAL);
	T_EQ(segreg_check(reg, 0, NULL, &seen), SEGREG_E_INVAL);
	T_EQ(check(reg, 0).n[SEGREG_FOUND_STRANGER], 2);
	t_close(reg);
}

/* Found by the check before the sweep that fails on it, and after. */
static void found_still(const struct t_world *w, struct segreg *reg, uint64_t id, enum segreg_finding_kind kind,
			int error)
{
	struct seen seen;

	T_OK(segreg_retire(reg, id));
	T_EQ(check(reg, 0).n[kind], 1);
	T_EQ(t_sweep(reg).failed, 1);
	T_EQ(t_info(reg, id).error, error);
	seen = check(reg, 0);
	T_EQ(all(seen), 1);
	T_EQ(seen.n[kind], 1);
	T_EQ(seen.id, id);
	T_OK(segreg_force_remove(reg, id, SEGREG_FORCE));
	t_remove_tree(t_path(w, "%s", t_segment(id)));
	T_EQ(check(reg, 0).n[kind], 0);
}

/* A sweep that could not delete a segment does not make what is wrong with it right. */
static void deletion_failed(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	t_remove_tree(t_path(&w, "seg-1"));
	t_make_segment(&w, 1);
	found_still(&w, reg, 1, SEGREG_FOUND_REPLACED, ESTALE);
	t_add(&w, reg, 2);
	t_remove_tree(t_path(&w, "seg-2"));
	T_SYS(symlink("elsewhere", t_path(&w, "seg-2")));
	found_still(&w, reg, 2, SEGREG_FOUND_REPLACED, ESTALE);
	T_SYS(unlink(t_path(&w, "seg-2")));
	T_SYS(mkdir(t_path(&w, "above"), 0755));
	t_make_dir(&w, "above/3", 100);
	T_OK(segreg_register(reg, 3, "above/3"));
	t_remove_tree(t_path(&w, "above"));
	found_still(&w, reg, 3, SEGREG_FOUND_MISSING, ENOENT);
	t_close(reg);
}

/* What fails while the segment is on the disk is no fault of the disk: segctl why shows it. */
static void deletion_failed_midway(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);

	t_add(&w, reg, 1);
	T_OK(segreg_retire(reg, 1));
	t_fail_call("unlinkat", 0, EIO);
	T_EQ(t_sweep(reg).failed, 1);
	t_fail_call(NULL, 0, 0);
	T_CHECK(!t_exists(&w, "seg-1"));
	T_EQ(all(check(reg, 0)), 0);
	t_make_segment(&w, 1); /* beside what is in the trash */
	T_EQ(check(reg, 0).n[SEGREG_FOUND_REPLACED], 1);
	t_close(reg);
}

static void mounted_over(void)
{
	struct t_world w = t_world(T_MEMORY);

	t_need_mounts();
	struct segreg *reg = t_open(&w);
	t_add(&w, reg, 1);
	t_mount_tmpfs(t_path(&w, "seg-1"), "size=1m");
	T_OK(segreg_retire(reg, 1));
	T_EQ(check(reg, 0).n[SEGREG_FOUND_REPLACED], 1);
	T_EQ(t_sweep(reg).failed, 1);
	T_EQ(check(reg, 0).n[SEGREG_FOUND_REPLACED], 1);
	t_close(reg);
}

/* As it lies there after its name was lost: the registry's header in another object. */
static void leave_region(const struct sr_header *header, const char *name)
{
	int fd = T_SYS(shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600));

	T_EQ(write(fd, header, sizeof(*header)), sizeof(*header));
	T_SYS(close(fd));
}

static int remember_text(void *arg, const struct segreg_finding *finding)
{
	if (finding->kind == SEGREG_FOUND_LEFTOVER)
		snprintf(arg, 512, "%s: %s", finding->path, finding->reason);
	return 0;
}

static void memory_is_left(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct sr_header header = *reg->region.header;
	char name[SR_REGION_NAME_SIZE], text[512] = "";

	T_EQ(check(reg, 0).n[SEGREG_FOUND_LEFTOVER], 0);
	T_OK(sr_region_name(name));
	leave_region(&header, name);
	T_EQ(check(reg, 0).n[SEGREG_FOUND_LEFTOVER], 1);
	T_OK(segreg_check(reg, 0, remember_text, text));
	T_HAS(text, name);
	T_HAS(text, "4096 bytes of shared memory, left by user ");
	T_HAS(text, "no process uses it");
	T_SYS(shm_unlink(name));

	header.lock_ino++;
	leave_region(&header, name);
	T_OK(segreg_check(reg, 0, remember_text, text));
	T_HAS(text, "by a copy of this registry");
	T_SYS(shm_unlink(name));

	header.uuid[0]++;
	leave_region(&header, name);
	T_EQ(check(reg, 0).n[SEGREG_FOUND_LEFTOVER], 0); /* another registry's */
	T_SYS(shm_unlink(name));
	t_close(reg);
}

T_SUITE(check, { "shared memory that lies there unused is found, and its owner is named", memory_is_left },
	{ "a damaged path in shared memory is restored, and its segment keeps its pins", damaged_paths },
	{ "shared memory that differs from the database is found, and repaired if that is asked for", differs },
	{ "what others change meanwhile is no fault", others_go_on },
	{ "what is replaced or missing is found also after a sweep failed on it", deletion_failed },
	{ "a deletion that fails midway is no fault of the disk", deletion_failed_midway },
	{ "what is mounted over a segment is found also after a sweep failed on it", mounted_over },
	{ "a check ends when its callback asks for it, and refuses unknown flags", ends_when_told });
