/*
 * journal.c - what is over stays known: what became of segments and handles, and by what evidence.
 */
#include "harness.h"
#include "peer.h"
#include "reboot.h"
#include "db/sr_records.h"
#include "registry/sr_change.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define ENTRIES 8u

struct log {
	unsigned n;
	struct segreg_log_entry entry[ENTRIES];
	char path[ENTRIES][64], label[ENTRIES][SEGREG_LABEL_SIZE], reason[ENTRIES][160];
};

static int copy_entry(void *arg, const struct segreg_log_entry *entry)
{
	struct log *log = arg;
	unsigned i = log->n++;

	T_CHECK(i < ENTRIES);
	log->entry[i] = *entry;
	snprintf(log->path[i], sizeof(log->path[i]), "%s", entry->path);
	snprintf(log->label[i], sizeof(log->label[i]), "%s", entry->label);
	snprintf(log->reason[i], sizeof(log->reason[i]), "%s", entry->reason);
	T_CHECK(i == 0 || entry->number == log->entry[i - 1].number + 1);
	return 0;
}

static struct log read_log(struct segreg *reg)
{
	struct log log = { .n = 0 };

	T_OK(segreg_log(reg, 0, copy_entry, &log));
	return log;
}

static int do_reserve(struct peer_self *self, void *arg)
{
	(void)arg;
	return segreg_reserve(self->reg, 1, t_segment(1));
}

static int do_register_second(struct peer_self *self, void *arg)
{
	(void)arg;
	return segreg_register(self->reg, 2, t_segment(2));
}

static int do_open_named(struct peer_self *self, void *arg)
{
	struct segreg_open_options options = { .size = sizeof(options), .label = "the other" };

	(void)arg;
	return segreg_open(self->world.dir, &options, &self->reg);
}

static struct log read_log_after_reboot(const struct t_world *w, struct segreg *reg)
{
	struct log log;

	t_close(reg);
	t_reboot(w);
	reg = t_open(w);
	log = read_log(reg);
	t_close(reg);
	return log;
}

static void deleted(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct segreg_info info;
	struct log log;
	uint64_t bytes;

	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	T_OK(segreg_retire(reg, 1));
	info = t_info(reg, 1);
	bytes = t_disk_usage(&w, "seg-1");
	T_EQ(read_log(reg).n, 0);
	T_EQ(t_sweep(reg).deleted, 1);
	log = read_log_after_reboot(&w, reg);
	T_EQ(log.n, 1);
	T_EQ(log.entry[0].kind, SEGREG_LOG_DELETED);
	T_EQ(log.entry[0].id, 1);
	T_EQ(log.entry[0].born, 1);
	T_EQ(log.entry[0].retired, 3);
	T_EQ(log.entry[0].registered_at, info.registered_at);
	T_EQ(log.entry[0].retired_at, info.retired_at);
	T_EQ(log.entry[0].bytes, bytes);
	T_EQ(log.entry[0].by_pid, getpid());
	T_CHECK(log.entry[0].at >= info.retired_at);
	T_STR(log.path[0], "seg-1");
	T_STR(log.reason[0], "retired by version 3; none of 1 handles held it at version 3");
}

static void given_up(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *builder = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);
	struct log log;

	T_OK(peer_open(builder));
	T_OK(peer_call(builder, do_reserve, NULL, 0));
	t_make_segment(&w, 1);
	peer_kill(builder);
	T_EQ(t_sweep(reg).deleted, 1);
	log = read_log(reg);
	T_EQ(log.n, 2);
	T_EQ(log.entry[0].kind, SEGREG_LOG_RECLAIMED);
	T_EQ(log.entry[1].kind, SEGREG_LOG_DELETED);
	T_STR(log.reason[1], "reserved, and given up by its builder");
	t_close(reg);
}

static void forgotten(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct log log;

	t_add(&w, reg, 1);
	T_OK(segreg_force_remove(reg, 1, 0));
	log = read_log_after_reboot(&w, reg);
	T_EQ(log.n, 1);
	T_EQ(log.entry[0].kind, SEGREG_LOG_FORGOTTEN);
	T_EQ(log.entry[0].id, 1);
	T_EQ(log.entry[0].bytes, 0);
	T_STR(log.path[0], "seg-1");
}

/* A sweep writes entries for the dead though it deletes nothing. */
static void reclaimed(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *other = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);
	struct log log;
	int64_t pid;

	t_add(&w, reg, 1);
	T_OK(peer_call(other, do_open_named, NULL, 0));
	pid = peer_pid(other);
	T_OK(peer_pin(other, 1));
	T_OK(peer_pin(other, 1));
	peer_kill(other);
	T_EQ(t_sweep(reg).reclaimed, 1);
	log = read_log_after_reboot(&w, reg);
	T_EQ(log.n, 1);
	T_EQ(log.entry[0].kind, SEGREG_LOG_RECLAIMED);
	T_EQ(log.entry[0].pid, pid);
	T_EQ(log.entry[0].pins, 2);
	T_EQ(log.entry[0].uid, geteuid());
	T_EQ(log.entry[0].by_pid, getpid());
	T_STR(log.label[0], "the other");
}

static int find_lane(void *arg, const struct segreg_holder *holder)
{
	struct segreg_holder *found = arg;

	if (holder->pins)
		*found = *holder;
	return 0;
}

/* While a process commits, an eviction does not wait for its journal entry. */
static void evicted(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *other = peer_start(&w, PEER_PROCESS), *writer = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open_with(&w, (struct segreg_open_options){ .timeout_ms = 3600000 });
	struct peer_registration two = { .id = 2, .path = "seg-2" };
	struct segreg_holder holder = { .pins = 0 };
	struct log log;
	int64_t pid;

	t_add(&w, reg, 1);
	t_make_segment(&w, 2);
	T_OK(peer_open(other));
	T_OK(peer_open(writer));
	pid = peer_pid(other);
	T_OK(peer_pin(other, 1));
	T_OK(segreg_lanes(reg, find_lane, &holder));
	peer_run_to(writer, "change.committing", peer_do_register, &two, sizeof(two));
	T_OK(segreg_evict(reg, holder.lane, holder.epoch, NULL));
	peer_go_on(writer);
	T_OK(peer_end(writer, NULL));
	T_OK(segreg_evict(reg, holder.lane, holder.epoch, NULL)); /* changes nothing, but for the journal */
	peer_kill(other);
	peer_kill(writer);
	log = read_log_after_reboot(&w, reg);
	T_EQ(log.n, 1);
	T_EQ(log.entry[0].kind, SEGREG_LOG_EVICTED);
	T_EQ(log.entry[0].pid, pid);
	T_EQ(log.entry[0].pins, 1);
	T_EQ(log.entry[0].by_pid, getpid());
}

/* A deletion does not wait for space. */
static void no_space(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *builder =
		peer_start(&w, PEER_PROCESS); /* which has allocated space, but who comes later does not know of it */
	struct segreg *reg;
	struct log log;

	T_OK(peer_open(builder));
	for (uint64_t id = 1; id <= 3; id++) {
		t_make_segment(&w, id);
		T_OK(peer_register(builder, id, t_segment(id)));
		T_OK(peer_retire(builder, id));
	}
	reg = t_open(&w);
	t_fail_call("fallocate", 0, ENOSPC);
	T_EQ(t_sweep(reg).deleted, 3);
	T_CHECK(t_failed_calls() > 0);
	T_EQ(read_log(reg).n, 0);
	t_fail_call(NULL, 0, 0);
	t_sweep(reg);
	log = read_log(reg);
	T_EQ(log.n, 1);
	T_EQ(log.entry[0].kind, SEGREG_LOG_LOST);
	T_EQ(log.entry[0].pins, 3);
	t_sweep(reg);
	T_EQ(read_log(reg).n, 1);
	t_close(reg);
}

static int stop(void *arg, const struct segreg_log_entry *entry)
{
	*(uint64_t *)arg = entry->number;
	return 42;
}

static void from_number(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct log log = { .n = 0 };
	uint64_t number = 0;

	for (uint64_t id = 1; id <= 3; id++)
		t_add(&w, reg, id);
	for (uint64_t id = 1; id <= 3; id++) {
		T_OK(segreg_retire(reg, id));
		T_EQ(t_sweep(reg).deleted, 1);
	}
	T_EQ(segreg_log(reg, 0, stop, &number), 42);
	T_EQ(number, 1);
	T_OK(segreg_log(reg, 2, copy_entry, &log));
	T_EQ(log.n, 1);
	T_EQ(log.entry[0].id, 3);
	T_OK(segreg_log(reg, UINT64_MAX, copy_entry, &log));
	T_EQ(log.n, 1);
	T_ERR(SEGREG_E_INVAL, segreg_log(reg, 0, NULL, NULL));
	t_close(reg);
}

/* The journal keeps a bounded number of entries. */
static void bounded(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct sr_entry entry = { .kind = SEGREG_LOG_DELETED, .id = 7 };
	struct log log = { .n = 0 };
	struct sr_change change;

	T_OK(sr_change_begin(&change, reg));
	for (uint64_t i = 0; i < 3; i++) {
		entry.number = i ? SEGREG_LOG_MAX + i : 1;
		T_OK(sr_records_put_entry(&reg->registry->store, &entry));
	}
	T_OK(sr_change_commit_open(&change));
	sr_change_finish(&change);
	T_OK(segreg_log(reg, 0, copy_entry, &log));
	T_EQ(log.n, 2);
	T_EQ(log.entry[0].number, SEGREG_LOG_MAX + 1);
	t_close(reg);
}

static int note_bytes(void *arg, const struct segreg_sweep_event *event)
{
	if (event->action == SEGREG_SWEEP_DELETED)
		*(uint64_t *)arg = event->bytes;
	return 0;
}

static int stop_now(void *arg)
{
	(void)arg;
	return 1;
}

/* Three tries: one is stopped, one fails, one succeeds. Shared memory is repaired between the last two. */
static void several_tries(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct peer *peer = peer_start(&w, PEER_PROCESS);
	struct segreg *reg = t_open(&w);
	uint64_t bytes, told = 0;
	struct log log;
	struct segreg_sweep_options stopped = { .size = sizeof(stopped), .pace = 1, .stop = stop_now };
	struct segreg_sweep_options last = {
		.size = sizeof(last),
		.flags = SEGREG_SWEEP_RETRY_NOW,
		.fn = note_bytes,
		.arg = &told,
	};
	struct segreg_sweep_result result = { .size = sizeof(result) };

	t_add(&w, reg, 1);
	t_make_file(&w, "seg-1/more", 5000);
	t_make_file(&w, "seg-1/and-more", 9000);
	bytes = t_disk_usage(&w, "seg-1");
	T_OK(segreg_retire(reg, 1));
	T_OK(segreg_sweep(reg, &stopped, &result));
	T_CHECK(result.bytes_freed > 0 && result.bytes_freed < bytes);
	t_fail_call("fsync", 0, EIO);
	result = t_sweep(reg);
	T_EQ(result.failed, 1);
	T_CHECK(result.bytes_freed > 0 && result.bytes_freed < bytes);
	t_fail_call(NULL, 0, 0);
	T_OK(peer_open(peer));
	t_make_segment(&w, 2);
	peer_stop_at(peer, "change.durable", 1);
	peer_begin(peer, do_register_second, NULL, 0);
	T_CHECK(peer_stands(peer));
	peer_kill(peer);
	T_OK(segreg_sweep(reg, &last, &result));
	T_EQ(t_stats(reg).repairs, 1);
	T_EQ(result.deleted, 1);
	T_EQ(told, bytes);
	log = read_log(reg);
	T_EQ(log.n, 2); /* the first is the peer's handle */
	T_EQ(log.entry[1].kind, SEGREG_LOG_DELETED);
	T_EQ(log.entry[1].bytes, bytes);
	T_EQ(t_stats(reg).bytes_freed, bytes);
	/* The next segment in that slot begins with nothing. */
	T_OK(segreg_retire(reg, 2));
	bytes = t_disk_usage(&w, "seg-2");
	T_OK(segreg_sweep(reg, &last, NULL));
	T_EQ(told, bytes);
	t_close(reg);
}

T_SUITE(journal, { "the journal has a deletion, with what its record said, across a reboot", deleted },
	{ "so is what its builder gave up", given_up }, { "a deletion has the bytes of all its tries", several_tries },
	{ "so is a segment that was unregistered", forgotten },
	{ "so is a dead process's handle, with its pins", reclaimed },
	{ "so is an eviction, which waits for nobody's commit", evicted },
	{ "on a full disk deletions go on, and what the journal missed is counted", no_space },
	{ "the oldest entries make room for new ones", bounded },
	{ "a walk goes on after a number, and ends when its caller has had enough", from_number });
