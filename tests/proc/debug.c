/*
 * debug.c - what is in a registry's shared memory is shown, whatever is in it, and nothing is locked or changed.
 */
#include "harness.h"
#include "peer.h"

#include "ask/sr_debug.h"
#include "shm/sr_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEGMENTS 64
#define LANES 4
#define MANY 4096 /* more values than such a small registry has */

/* ---------------------------------------------------------------- what was shown */

struct shown {
	char key[64]; /* "lane 1 state" */
	char value[96], remark[SR_DEBUG_TEXT];
	bool is_damaged;
	int64_t pid;
};

struct report {
	unsigned n, n_damaged;
	struct shown shown[MANY];
};

static int keep(void *arg, const struct segreg_debug_item *item)
{
	struct report *r = arg;
	struct shown *s = &r->shown[r->n];

	T_CHECK(r->n < MANY - 1);
	r->n++;
	r->n_damaged += item->is_damaged != 0;
	if (item->number < 0)
		snprintf(s->key, sizeof(s->key), "%s %s", item->part, item->name);
	else
		snprintf(s->key, sizeof(s->key), "%s %lld %s", item->part, (long long)item->number, item->name);
	snprintf(s->value, sizeof(s->value), "%.95s", item->value);
	snprintf(s->remark, sizeof(s->remark), "%s", item->remark);
	s->is_damaged = item->is_damaged;
	s->pid = item->pid;
	return 0;
}

static const struct shown *find(const struct report *r, const char *key)
{
	for (unsigned i = 0; i < r->n; i++)
		if (!strcmp(r->shown[i].key, key))
			return &r->shown[i];
	return NULL;
}

static const char *value(const struct report *r, const char *key)
{
	const struct shown *s = find(r, key);

	return s ? s->value : "(not shown)";
}

static const char *remark(const struct report *r, const char *key)
{
	const struct shown *s = find(r, key);

	return s ? s->remark : "(not shown)";
}

static struct report *report(const char *dir, struct segreg_debug_options options)
{
	struct report *r = calloc(1, sizeof(*r));

	options.size = sizeof(options);
	T_CHECK(r != NULL);
	T_OK(segreg_debug(dir, &options, keep, r));
	return r;
}

/* ---------------------------------------------------------------- a registry with something of everything */

#define HELD 1
#define RETIRED 2
#define RESERVED 3

struct stage {
	struct t_world world;
	struct segreg *reg;
	struct peer *peer;
	struct segreg_snapshot snapshot;
	struct segreg_pin pin;
};

static struct stage set(void)
{
	struct stage s = { .world = t_world(T_MEMORY) };

	s.reg = t_open_with(&s.world, (struct segreg_open_options){ .max_segments = SEGMENTS, .max_lanes = LANES });
	s.peer = peer_start(&s.world, PEER_PROCESS);
	T_OK(peer_open(s.peer));
	t_add(&s.world, s.reg, HELD);
	t_add(&s.world, s.reg, RETIRED);
	T_OK(segreg_reserve(s.reg, RESERVED, "new"));
	T_OK(segreg_pin(s.reg, HELD, 0, &s.pin));
	T_OK(segreg_snapshot_take(s.reg, SEGREG_SNAPSHOT, &s.snapshot));
	T_OK(segreg_retire(s.reg, RETIRED));
	return s;
}

static void strike(struct stage *s)
{
	T_OK(segreg_snapshot_release(s->reg, &s->snapshot));
	T_OK(segreg_unpin(s->reg, &s->pin));
	t_close(s->reg);
}

static void shows_all(void)
{
	struct stage s = set();
	struct report *r = report(s.world.dir, (struct segreg_debug_options){ .flags = SEGREG_DEBUG_ALL });

	T_EQ(r->n_damaged, 0);
	T_STR(value(r, "header max_segments"), "64");
	T_STR(value(r, "header building"), "1");
	T_STR(value(r, "header base"), s.world.base);
	T_STR(value(r, "lane 0 state"), "USED");
	T_EQ(find(r, "lane 0 pid")->pid, getpid());
	T_STR(value(r, "lane 0 pins"), "1");
	T_STR(value(r, "lane 0 cells"), "512");
	T_STR(value(r, "lane 0 cell 0"), "snapshot of version 2");
	T_EQ(find(r, "lane 1 pid")->pid, peer_pid(s.peer));
	T_STR(value(r, "lane 1 pages with memory"), "none");
	T_STR(value(r, "letter 1 state"), "FREE");
	T_STR(value(r, "queue length"), "2");
	T_HAS(remark(r, "queue 0 slot"), "BUILDING");
	T_HAS(remark(r, "queue 1 slot"), "PENDING");
	free(r);

	r = report(s.world.dir, (struct segreg_debug_options){ .flags = SEGREG_DEBUG_ID, .id = RETIRED });
	T_STR(value(r, "slot 1 state"), "PENDING");
	T_STR(value(r, "slot 1 path"), "seg-2");
	T_STR(value(r, "lane 0 cell 0"), "snapshot of version 2");
	T_CHECK(!find(r, "slot 1 count of lane 0"));
	free(r);
	r = report(s.world.dir, (struct segreg_debug_options){ .flags = SEGREG_DEBUG_ID, .id = HELD });
	T_STR(value(r, "slot 0 count of lane 0"), "1");
	free(r);
	r = report(s.world.dir, (struct segreg_debug_options){ .flags = SEGREG_DEBUG_SLOT, .slot = 2 });
	T_STR(value(r, "slot 2 builder"), "lane 0, epoch 1");
	free(r);
	r = report(s.world.dir, (struct segreg_debug_options){ .flags = SEGREG_DEBUG_SLOT, .slot = SEGMENTS - 1 });
	T_STR(value(r, "slot 63 state"), "FREE");
	T_EQ(r->n_damaged, 0);
	free(r);
	strike(&s);
}

static void shows_the_dead(void)
{
	struct stage s = set();
	struct report *r;

	T_OK(peer_pin(s.peer, HELD));
	peer_kill(s.peer);
	r = report(s.world.dir, (struct segreg_debug_options){ .flags = 0 });
	T_STR(value(r, "lane 1 byte"), "free");
	T_HAS(remark(r, "lane 1 byte"), "gone");
	T_STR(value(r, "lane 0 byte"), "held");
	free(r);
	/* The sweep reclaims the lane. */
	T_OK(segreg_sweep(s.reg, NULL, NULL));
	r = report(s.world.dir, (struct segreg_debug_options){ .flags = 0 });
	T_CHECK(!find(r, "lane 1 state"));
	free(r);
	r = report(s.world.dir, (struct segreg_debug_options){ .flags = SEGREG_DEBUG_ALL });
	T_STR(value(r, "lane 1 state"), "FREE");
	T_STR(value(r, "lane 1 epoch"), "2");
	free(r);
	strike(&s);
}

static void look(void *arg, const char *point)
{
	const struct stage *s = arg;
	struct report *r = report(s->world.dir, (struct segreg_debug_options){ .flags = 0 });

	(void)point;
	T_STR(value(r, "note 0 kind"), "reclaimed");
	T_STR(value(r, "note 0 label"), "peer");
	T_STR(value(r, "note 0 pins"), "1");
	T_STR(value(r, "registry.lock sweep byte"), "held");
	free(r);
}

static void shows_notes(void)
{
	struct stage s = set();

	T_OK(segreg_snapshot_release(s.reg, &s.snapshot));
	T_OK(peer_pin(s.peer, HELD));
	peer_kill(s.peer);
	t_at_point("sweep.decided", 1, look, &s);
	T_EQ(t_sweep(s.reg).reclaimed, 1);
	t_at_point(NULL, 1, NULL, NULL);
	T_OK(segreg_unpin(s.reg, &s.pin));
	t_close(s.reg);
}

static void shows_letters(void)
{
	struct stage s = set();
	struct peer *rider = peer_start(&s.world, PEER_PROCESS);
	const uint64_t id = HELD;
	struct peer_registration r4 = { .id = 4, .path = "seg-4" };
	struct report *r;

	t_make_segment(&s.world, 4);
	T_OK(peer_open(rider));
	peer_run_to(s.peer, "change.committing", peer_do_register, &r4, sizeof(r4));
	peer_run_to(rider, "letter.posted", peer_do_retire, &id, sizeof(id));
	/* The commit lock is held by a process that stands still; this needs none. */
	r = report(s.world.dir, (struct segreg_debug_options){ .flags = 0 });
	T_STR(value(r, "commit lock byte"), "held");
	T_EQ(find(r, "commit lock owner")->pid, peer_pid(s.peer));
	T_STR(value(r, "commit lock dirty"), "SR_DIRTY");
	T_STR(value(r, "letter 2 state"), "POSTED");
	T_STR(value(r, "letter 2 seq"), "1");
	T_EQ(r->n_damaged, 0);
	free(r);
	peer_go_on(s.peer);
	T_OK(peer_end(s.peer, NULL));
	peer_go_on(rider);
	T_OK(peer_end(rider, NULL));
	strike(&s);
}

/* ---------------------------------------------------------------- damage */

/* A region, saved. */
struct copy {
	char path[300];
	int fd;
	struct sr_geometry geometry;
};

static struct copy save(const struct stage *s)
{
	struct copy c = { .fd = -1 };
	char buf[4096];
	struct sr_image image;
	ssize_t n;

	T_OK(sr_image_open(&image, s->world.dir));
	snprintf(c.path, sizeof(c.path), "%s", t_path(&s->world, "saved"));
	c.fd = T_SYS(open(c.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	T_SYS(ftruncate(c.fd, image.st.st_size));
	for (off_t at = 0; (n = pread(image.fd, buf, sizeof(buf), at)) > 0; at += n)
		for (ssize_t i = 0; i < n; i++)
			if (buf[i]) {
				T_EQ(pwrite(c.fd, buf, (size_t)n, at), n);
				break;
			}
	sr_image_close(&image);
	T_CHECK(sr_geometry_init(&c.geometry, SEGMENTS, LANES));
	return c;
}

/* What is shown once a number of that size is overwritten. */
static struct report *damage(const struct copy *c, uint64_t at, const void *bytes, size_t size, unsigned flags,
			     uint32_t slot)
{
	unsigned char before[64];
	struct report *r;

	T_CHECK(size <= sizeof(before));
	T_EQ(pread(c->fd, before, size, (off_t)at), size);
	T_EQ(pwrite(c->fd, bytes, size, (off_t)at), size);
	r = report(NULL, (struct segreg_debug_options){ .region = c->path, .flags = flags, .slot = slot });
	T_EQ(pwrite(c->fd, before, size, (off_t)at), size);
	return r;
}

#define HEADER(member) offsetof(struct sr_header, member)
#define ROW(n, member) (c.geometry.rows + (n)*c.geometry.row_size + offsetof(struct sr_row, member))
#define HEAD(n, member) (c.geometry.heads + (n) * sizeof(struct sr_lane) + offsetof(struct sr_lane, member))
#define PART(which, n, type, member) (c.geometry.part[which] + (n) * sizeof(type) + offsetof(type, member))
/* Both lengths of a text, which are bit-fields. */
#define LENGTHS(n) (PART(SR_PART_DETAILS, n, struct sr_detail, path) + sizeof(uint32_t))

static void finds_each_damage(void)
{
	struct stage s = set();
	struct copy c = save(&s);
	const struct {
		uint64_t at;
		uint32_t value;
		const char *key;
		uint32_t slot; /* SR_NONE: all is shown */
	} cases[] = {
		{ HEADER(magic), 1, "header magic", SR_NONE },
		{ HEADER(fingerprint), 1, "header fingerprint", SR_NONE },
		{ HEADER(max_segments), 0, "header max_segments", SR_NONE },
		{ HEADER(max_segments), UINT32_MAX, "header max_segments", SR_NONE },
		{ HEADER(max_lanes), 0, "header max_lanes", SR_NONE },
		{ HEADER(max_lanes), LANES + 1, "file size", SR_NONE },
		{ HEADER(ready), 2, "header ready", SR_NONE },
		{ HEADER(index_bits), 9, "header index_bits", SR_NONE },
		{ HEADER(index_bits), 77, "header index_bits", SR_NONE },
		{ HEADER(slot_top), SEGMENTS + 1, "header slot_top", SR_NONE },
		{ HEADER(slot_free), SEGMENTS, "header slot_free", SR_NONE },
		{ HEADER(queue_length), SEGMENTS + 1, "header queue_length", SR_NONE },
		{ HEADER(lane_top), LANES + 1, "header lane_top", SR_NONE },
		{ HEADER(lane_top), 1, "lane 1 state", SR_NONE },
		{ HEADER(populated[SR_PART_PATHS]) + 4, 1, "header populated paths", SR_NONE },
		{ HEADER(live), SEGMENTS + 1, "header live", SR_NONE },
		{ HEADER(notes_kept), 1, "header notes_kept", SR_NONE },
		{ HEADER(built_at) + 4, 0x80000000, "header built_at", SR_NONE },
		{ HEADER(lock[SR_LOCK_COMMIT].dirty), 3, "commit lock dirty", SR_NONE },
		{ HEADER(lock[SR_LOCK_TABLE].served), 1, "table lock served", SR_NONE },
		{ HEADER(lock[SR_LOCK_TABLE].pid), UINT32_MAX, "table lock owner", SR_NONE },
		{ HEADER(lock[SR_LOCK_TABLE].mutex.__data.__kind), 0x20, "table lock kind of mutex", SR_NONE },
		{ HEAD(0, state), 4, "lane 0 state", SR_NONE },
		{ HEAD(0, pid) + 4, UINT32_MAX, "lane 0 pid", SR_NONE },
		{ HEAD(0, cells), 1, "lane 0 cells", SR_NONE },
		{ HEAD(0, has_counts), 0, "lane 0 pages with memory", SR_NONE },
		{ HEAD(0, has_counts), 7, "lane 0 has_counts", SR_NONE },
		{ ROW(0, letter.state), 5, "letter 0 state", SR_NONE },
		{ ROW(0, letter.length), SR_LETTER_EDIT + 1, "letter 0 length", SR_NONE },
		{ ROW(0, pages) + SR_PAGE, 3, "lane 0 cell 0", SR_NONE },
		{ ROW(0, pages) + SR_PAGE, 400 | SEGREG_SNAPSHOT, "lane 0 cell 0", SR_NONE },
		{ c.geometry.part[SR_PART_QUEUE], SEGMENTS, "queue 0 slot", SR_NONE },
		{ c.geometry.part[SR_PART_QUEUE], 0, "queue 0 slot", SR_NONE },
		{ PART(SR_PART_DETAILS, 2, struct sr_detail, queue_pos), 1, "queue 0 slot", SR_NONE },
		{ PART(SR_PART_SLOTS, 0, struct sr_slot, word), 99, "slot 0 state", 0 },
		{ PART(SR_PART_SLOTS, 0, struct sr_slot, id), 99, "slot 0 index", 0 },
		{ HEADER(index_bits), 77, "slot 0 index", 0 },
		{ HEADER(slot_top), 0, "slot 0 state", 0 },
		{ PART(SR_PART_DETAILS, 0, struct sr_detail, path), UINT32_MAX, "slot 0 path", 0 },
		{ LENGTHS(0), 0x0bad, "slot 0 path", 0 },
		{ LENGTHS(0), SEGREG_PATH_MAX + 10, "slot 0 path", 0 },
		{ LENGTHS(0), (SEGREG_USER_SIZE + 1) << 9 | 5, "slot 0 path", 0 },
		{ LENGTHS(0), 0x00ff0005, "slot 0 flags", 0 },
		{ c.geometry.part[SR_PART_PATHS], 0, "slot 0 path", 0 },
		{ PART(SR_PART_DETAILS, 1, struct sr_detail, queue_pos), 7, "slot 1 queue_pos", 1 },
		{ ROW(0, pages) + (1 + SR_CELL_PAGES) * SR_PAGE, 0x80000001, "slot 0 count of lane 0", 0 },
		{ HEAD(0, state), 0, "slot 0 count of lane 0", 0 },
	};

	struct report *label;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bool one = cases[i].slot != SR_NONE;
		struct report *r = damage(&c, cases[i].at, &cases[i].value, sizeof(cases[i].value),
					  one ? SEGREG_DEBUG_SLOT : 0, one ? cases[i].slot : 0);
		const struct shown *shown = find(r, cases[i].key);

		if (!shown || !shown->is_damaged)
			T_FAIL("damage %zu: %s %s", i, cases[i].key, shown ? "is not called damaged" : "is not shown");
		T_CHECK(*shown->remark);
		free(r);
	}
	label = damage(&c, HEAD(0, label), "a label of thirty-two characters", SEGREG_LABEL_SIZE, 0, 0);
	T_HAS(remark(label, "lane 0 label"), "no end");
	T_EQ(label->n_damaged, 1);
	free(label);
	close(c.fd);
	strike(&s);
}

/* Of each part the bytes that have something in them, a word at a time. */
static void survives_anything(void)
{
	static const uint64_t values[] = { 0, 1, UINT32_MAX, 1ull << 63, UINT64_MAX, 0x4141414141414141ull };
	struct stage s = set();
	struct copy c = save(&s);
	const struct {
		uint64_t at, size;
	} parts[] = {
		{ 0, sizeof(struct sr_header) },
		{ c.geometry.base + SR_PAGE - 64, 64 },
		{ c.geometry.notes, 2 * sizeof(struct sr_note) },
		{ c.geometry.heads, LANES * sizeof(struct sr_lane) },
		{ c.geometry.part[SR_PART_SLOTS], 4 * sizeof(struct sr_slot) },
		{ c.geometry.part[SR_PART_DETAILS], 4 * sizeof(struct sr_detail) },
		{ c.geometry.part[SR_PART_QUEUE], 16 },
		{ c.geometry.rows, 64 },
		{ ROW(0, letter), 64 },
		{ c.geometry.rows + SR_PAGE, 64 },
		{ c.geometry.rows + (1 + SR_CELL_PAGES) * SR_PAGE, 64 },
	};
	unsigned damaged = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		for (uint64_t at = parts[i].at; at < parts[i].at + parts[i].size; at += 8)
			for (size_t v = 0; v < sizeof(values) / sizeof(*values); v++) {
				struct report *r = damage(&c, at, &values[v], 8, SEGREG_DEBUG_ALL, 0);
				struct segreg_debug_options one = {
					.size = sizeof(one),
					.region = c.path,
					.flags = SEGREG_DEBUG_SLOT,
					.slot = 1,
				};

				damaged += r->n_damaged;
				T_CHECK(r->n > 60);
				r->n = 0;
				T_OK(segreg_debug(NULL, &one, keep, r));
				free(r);
			}
	T_CHECK(damaged > 100);
	close(c.fd);
	strike(&s);
}

static int end_after(void *arg, const struct segreg_debug_item *item)
{
	unsigned *left = arg;

	(void)item;
	return --*left ? 0 : 42;
}

static void ends_when_told(void)
{
	struct stage s = set();
	unsigned left = 5;

	T_EQ(segreg_debug(s.world.dir, NULL, end_after, &left), 42);
	T_EQ(left, 0);
	strike(&s);
}

static void fails_cleanly(void)
{
	static const char *const calls[] = { "openat", "fstat", "shm_open", "malloc", "pread" };
	struct stage s = set();
	unsigned left = UINT32_MAX;

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		int rc;

		t_fail_call(calls[i], 1, calls[i][0] == 'm' ? ENOMEM : EACCES);
		rc = segreg_debug(s.world.dir, NULL, end_after, &left);
		T_EQ(t_failed_calls(), 1);
		T_CHECK(rc == SEGREG_E_PERM || rc == SEGREG_E_NOMEM);
		t_fail_call(NULL, 0, 0);
	}
	T_ERR(SEGREG_E_NOENT, segreg_debug("/nowhere", NULL, end_after, &left));
	strike(&s);
}

T_SUITE(debug, { "all parts of a region in use are shown, and none is called damaged", shows_all },
	{ "a lane whose process died is shown as such, and its lane is FREE after a sweep", shows_the_dead },
	{ "notes are shown while a sweep is at work", shows_notes },
	{ "a stopped holder of the commit lock and a posted letter are shown", shows_letters },
	{ "each damage is called so where it is", finds_each_damage },
	{ "every word of a region may say anything", survives_anything },
	{ "the callback ends the walk", ends_when_told }, { "a failing system call is an error", fails_cleanly });
