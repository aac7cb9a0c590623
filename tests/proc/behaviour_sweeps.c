/*
 * behaviour_sweeps.c - what sweeps of a registry inside one process are held to holds here as well, and between
 * processes too.
 */
#include "behaviour.h"
#include "harness.h"
#include "peer.h"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void cleanup_with_no_external_refs(enum peer_kind kind)
{
	struct scene s = set(kind);

	t_add(&s.world, s.reg, 1);
	T_OK(peer_pin(s.holder, 1));
	T_OK(peer_unpin(s.holder, 1));
	T_OK(segreg_retire(s.reg, 1));
	struct segreg_sweep_result swept = t_sweep(s.reg);
	T_EQ(swept.deleted, 1);
	T_EQ(swept.held, 0);
	T_EQ(t_state(s.reg, 1), SEGREG_E_NOENT);
	T_EQ(count(&s, "pending"), 0);
	T_ERR(SEGREG_E_NOENT, peer_pin(s.holder, 1));
	strike(&s);
}

static void cleanup_with_external_refs(enum peer_kind kind)
{
	struct scene s = set(kind);

	t_add(&s.world, s.reg, 1);
	T_OK(peer_pin(s.holder, 1));
	T_OK(peer_pin(s.holder, 1));
	T_OK(segreg_retire(s.reg, 1));
	for (unsigned pins = 2; pins > 0; pins--) {
		struct segreg_sweep_result swept = t_sweep(s.reg);

		T_EQ(swept.deleted, 0);
		T_EQ(swept.held, 1);
		T_EQ(t_state(s.reg, 1), SEGREG_PENDING);
		T_EQ(t_refcount(s.reg, 1), pins);
		T_CHECK(t_exists(&s.world, "seg-1/data"));
		T_OK(peer_unpin(s.holder, 1));
	}
	T_EQ(t_sweep(s.reg).deleted, 1);
	T_CHECK(!t_exists(&s.world, "seg-1"));
	strike(&s);
}

#define READERS 10
#define SWEEPS 1000

/* In memory that threads and processes share. */
struct reading {
	unsigned stop;
	unsigned reads[READERS];
};

struct reader_arg {
	struct reading *reading;
	unsigned number;
};

static void read_segment(struct segreg *reg, const struct segreg_pin *pin)
{
	int fd = -1;

	T_OK(segreg_pin_open(reg, pin, "data", &fd));
	T_CHECK(t_fd_has_pattern(fd, 4096));
	close(fd);
}

static int pin_in_a_hurry(struct segreg *reg)
{
	struct segreg_pin pin;
	int rc = 0;

	for (int i = 0; i < 1000 && rc == 0; i++) {
		rc = segreg_pin(reg, 0, 0, &pin);
		if (rc == 0)
			rc = segreg_unpin(reg, &pin);
	}
	return rc;
}

/* Keeps a pin on its own segment, and pins, reads and unpins the others in turn. */
static int do_read(struct peer_self *self, void *arg)
{
	struct reader_arg *me = arg;
	unsigned *reads = &me->reading->reads[me->number];
	struct segreg_pin own, pin;

	T_OK(segreg_pin(self->reg, me->number, 0, &own));
	for (uint64_t id = 0; !__atomic_load_n(&me->reading->stop, __ATOMIC_ACQUIRE); id = (id + 1) % READERS) {
		T_OK(segreg_pin(self->reg, id, 0, &pin));
		read_segment(self->reg, &pin);
		T_OK(segreg_unpin(self->reg, &pin));
		T_OK(pin_in_a_hurry(self->reg));
		read_segment(self->reg, &own);
		__atomic_add_fetch(reads, 1, __ATOMIC_RELEASE);
	}
	return segreg_unpin(self->reg, &own);
}

static void wait_for_all_to_read(struct reading *reading)
{
	for (unsigned i = 0; i < READERS; i++)
		while (__atomic_load_n(&reading->reads[i], __ATOMIC_ACQUIRE) == 0)
			sched_yield();
}

static void cleanup_concurrent_readers(enum peer_kind kind)
{
	struct scene s = set(kind);
	struct peer *reader[READERS];
	struct reading *reading;

	reading = mmap(NULL, sizeof(*reading), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	T_CHECK(reading != MAP_FAILED);
	for (unsigned i = 0; i < READERS; i++)
		t_add(&s.world, s.reg, i);
	for (unsigned i = 0; i < READERS; i++) {
		reader[i] = peer_start(&s.world, kind);
		T_OK(join(reader[i], kind, s.reg));
		peer_begin(reader[i], do_read, &(struct reader_arg){ reading, i }, sizeof(struct reader_arg));
	}
	wait_for_all_to_read(reading);
	for (unsigned i = 0; i < SWEEPS; i++) {
		struct segreg_sweep_result swept;

		if (i % (SWEEPS / READERS) == 0)
			T_OK(segreg_retire(s.reg, i / (SWEEPS / READERS)));
		swept = t_sweep(s.reg);
		T_EQ(swept.deleted, 0);
		T_EQ(swept.held, i / (SWEEPS / READERS) + 1);
	}
	__atomic_store_n(&reading->stop, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < READERS; i++) {
		T_OK(peer_end(reader[i], NULL));
		peer_exit(reader[i]);
	}
	T_EQ(t_sweep(s.reg).deleted, READERS);
	munmap(reading, sizeof(*reading));
	strike(&s);
}

static void cleanup_idempotent(enum peer_kind kind)
{
	struct scene s = set(kind);
	struct segreg_sweep_result again;

	t_add(&s.world, s.reg, 1);
	t_add(&s.world, s.reg, 2);
	T_OK(peer_pin(s.holder, 2));
	T_OK(segreg_retire(s.reg, 1));
	T_EQ(t_sweep(s.reg).deleted, 1);
	uint64_t version = t_stats(s.reg).version;
	T_OK(peer_sweep(s.holder, &again));
	T_EQ(again.deleted, 0);
	T_EQ(again.bytes_freed, 0);
	T_EQ(again.failed, 0);
	T_EQ(t_sweep(s.reg).deleted, 0);
	T_EQ(t_stats(s.reg).version, version);
	T_EQ(t_stats(s.reg).deleted, 1);
	T_EQ(t_state(s.reg, 2), SEGREG_LIVE);
	strike(&s);
}

static int do_map(struct peer_self *self, void *arg)
{
	return segreg_map(self->reg, 1, "data", 0, arg);
}

static int do_check_and_unmap(struct peer_self *self, void *arg)
{
	struct segreg_map *map = arg;

	T_EQ(map->length, 100000);
	T_CHECK(t_is_pattern(map->data, map->length));
	return segreg_unmap(self->reg, map);
}

static void cleanup_with_active_reader(enum peer_kind kind)
{
	struct scene s = set(kind);
	struct segreg_map map = { 0 };

	t_make_dir(&s.world, "seg-1", 100000);
	T_OK(segreg_register(s.reg, 1, "seg-1"));
	T_OK(peer_call(s.holder, do_map, &map, sizeof(map)));
	T_OK(segreg_retire(s.reg, 1));
	T_EQ(t_sweep(s.reg).held, 1);
	T_CHECK(t_exists(&s.world, "seg-1/data"));
	T_OK(peer_call(s.holder, do_check_and_unmap, &map, sizeof(map)));
	T_EQ(t_sweep(s.reg).deleted, 1);
	T_CHECK(!t_exists(&s.world, "seg-1"));
	strike(&s);
}

static void cleanup_deletes_files(enum peer_kind kind)
{
	struct scene s = set(kind);

	t_make_dir(&s.world, "dir", 5000);
	t_make_dir(&s.world, "dir/below", 5000);
	t_make_dir(&s.world, "dir/below/empty", 0);
	t_make_file(&s.world, "file", 5000);
	T_OK(segreg_register(s.reg, 1, "dir"));
	T_OK(peer_register(s.holder, 2, "file"));
	T_OK(segreg_retire(s.reg, 1));
	T_OK(peer_retire(s.holder, 2));
	T_EQ(t_sweep(s.reg).deleted, 2);
	T_CHECK(!t_exists(&s.world, "dir"));
	T_CHECK(!t_exists(&s.world, "file"));
	T_EQ(t_count_entries(&s.world, T_TRASH), 0);
	strike(&s);
}

static void cleanup_does_not_delete_live_files(enum peer_kind kind)
{
	struct scene s = set(kind);

	t_add(&s.world, s.reg, 1);
	t_add(&s.world, s.reg, 2);
	t_make_segment(&s.world, 3);
	T_OK(peer_register(s.holder, 3, t_segment(3)));
	t_make_segment(&s.world, 4); /* which the registry never heard of */
	T_OK(segreg_retire(s.reg, 2));
	T_EQ(t_sweep(s.reg).deleted, 1);
	T_CHECK(t_exists(&s.world, "seg-1/data"));
	T_CHECK(!t_exists(&s.world, "seg-2"));
	T_CHECK(t_exists(&s.world, "seg-3/data"));
	T_CHECK(t_exists(&s.world, "seg-4/data"));
	strike(&s);
}

static void cleanup_returns_bytes_freed(enum peer_kind kind)
{
	struct scene s = set(kind);
	struct segreg_sweep_result swept;

	t_make_dir(&s.world, "seg-1", 1000000);
	t_make_dir(&s.world, "seg-2", 70000);
	t_make_dir(&s.world, "seg-3", 30000);
	for (uint64_t id = 1; id <= 3; id++) {
		T_OK(segreg_register(s.reg, id, t_segment(id)));
		T_OK(segreg_retire(s.reg, id));
	}
	T_OK(peer_pin(s.holder, 2));
	uint64_t first = t_disk_usage(&s.world, "seg-1") + t_disk_usage(&s.world, "seg-3");
	uint64_t second = t_disk_usage(&s.world, "seg-2");
	swept = t_sweep(s.reg);
	T_EQ(swept.bytes_freed, first);
	T_EQ(swept.bytes_linked, 0);
	T_OK(peer_unpin(s.holder, 2));
	T_OK(peer_sweep(s.holder, &swept));
	T_EQ(swept.bytes_freed, second);
	T_EQ(t_stats(s.reg).bytes_freed, first + second);
	strike(&s);
}

/* ---------------------------------------------------------------- twice each */

#define BEHAVIOURS(X)                                                                                                  \
	X(cleanup_with_no_external_refs, "a sweep deletes what nobody holds")                                          \
	X(cleanup_with_external_refs, "a sweep keeps what is held, until the last pin goes")                           \
	X(cleanup_concurrent_readers, "1,000 sweeps take nothing from 10 readers")                                     \
	X(cleanup_idempotent, "a sweep with nothing to do does nothing")                                               \
	X(cleanup_with_active_reader, "a reader's map stays whole while a sweep runs")                                 \
	X(cleanup_deletes_files, "files and directories go, with all below")                                           \
	X(cleanup_does_not_delete_live_files, "live and unknown files stay")                                           \
	X(cleanup_returns_bytes_freed, "the bytes freed are the disk space given back")

BEHAVIOURS(TWICE)

T_SUITE(behaviour_sweeps, BEHAVIOURS(LIST));
