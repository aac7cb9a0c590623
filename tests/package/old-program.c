/*
 * old-program.c - a program that was compiled long ago, against the baseline's segreg.h: "old-program DIR" with an
 * empty directory. Each struct that it hands to the library ends where its memory ends, and has the size of then.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segreg.h"

#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "old-program: line %d: not so: %s (%s)\n", __LINE__, #condition,               \
				segreg_last_error());                                                                  \
			exit(EXIT_FAILURE);                                                                            \
		}                                                                                                      \
	} while (0)

/* Zeroed memory of size bytes with nothing behind it. */
static void *at_the_edge(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (size + page - 1) / page * page;
	char *start = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(start != MAP_FAILED);
	CHECK(mprotect(start + room, page, PROT_NONE) == 0);
	return start + room - size;
}

#define EDGE(type) ((type *)at_the_edge(sizeof(type)))

static int see_segment(void *arg, const struct segreg_info *info)
{
	CHECK(info->id == 1 || info->id == 2);
	CHECK(info->is_directory == 1 && info->is_missing == 0 && info->error == 0 && info->attempts == 0);
	CHECK(info->state == (info->id == 1 ? SEGREG_PENDING : SEGREG_LIVE));
	CHECK(info->pins == (info->id == 1));
	CHECK(strcmp(info->path, info->id == 1 ? "one" : "two") == 0);
	CHECK(info->registered_at > 0 && (info->retired_at > 0) == (info->id == 1));
	CHECK(info->born > 0 && (info->retired > info->born) == (info->id == 1));
	++*(int *)arg;
	return 0;
}

static int see_holder(void *arg, const struct segreg_holder *holder)
{
	CHECK(holder->pid == getpid() && !holder->is_foreign && holder->uid == getuid());
	CHECK(holder->pins == 1 && holder->snapshots == 0 && holder->horizons == 0 && holder->oldest == 0);
	CHECK(holder->attached_at > 0 && strcmp(holder->label, "old") == 0);
	++*(int *)arg;
	return 0;
}

static int see_event(void *arg, const struct segreg_sweep_event *event)
{
	if (event->action != SEGREG_SWEEP_HELD)
		return 0;
	CHECK(event->id == 1 && strcmp(event->path, "one") == 0);
	CHECK(event->pins == 1 && event->pid == getpid() && strcmp(event->label, "old") == 0 && event->reason);
	++*(int *)arg;
	return 0;
}

static struct segreg *open_registry(const char *dir)
{
	struct segreg_open_options *options = EDGE(struct segreg_open_options);
	struct segreg *reg;

	options->size = sizeof(*options);
	options->flags = SEGREG_CREATE;
	options->label = "old";
	options->max_segments = 100;
	CHECK(segreg_open(dir, options, &reg) == 0);
	return reg;
}

static void take_a_snapshot(struct segreg *reg)
{
	struct segreg_snapshot *snapshot = EDGE(struct segreg_snapshot);
	struct segreg_entry *entry = EDGE(struct segreg_entry);
	int seen = 0;

	CHECK(segreg_snapshot_take(reg, SEGREG_SNAPSHOT, snapshot) == 0 && snapshot->kind == SEGREG_SNAPSHOT);
	entry->size = sizeof(*entry);
	for (; segreg_snapshot_next(reg, snapshot, entry) == 1; seen++)
		CHECK(entry->is_directory && strcmp(entry->path, entry->id == 1 ? "one" : "two") == 0);
	CHECK(seen == 2);
	CHECK(segreg_snapshot_release(reg, snapshot) == 0 && snapshot->version == 0);
}

static void ask(struct segreg *reg)
{
	struct segreg_stats *stats = EDGE(struct segreg_stats);
	int seen = 0;

	stats->size = sizeof(*stats);
	CHECK(segreg_stats(reg, stats) == 0 && stats->size == sizeof(*stats));
	CHECK(stats->live == 1 && stats->pending == 1 && stats->lanes == 1 && stats->max_segments == 100);
	CHECK(segreg_list(reg, see_segment, &seen) == 0 && seen == 2);
	CHECK(segreg_holders(reg, 1, see_holder, &seen) == 0 && seen == 3);
}

static void sweep(struct segreg *reg, uint64_t held, uint64_t deleted)
{
	struct segreg_sweep_options *options = EDGE(struct segreg_sweep_options);
	struct segreg_sweep_result *result = EDGE(struct segreg_sweep_result);
	int seen = 0;

	options->size = sizeof(*options);
	options->fn = see_event;
	options->arg = &seen;
	result->size = sizeof(*result);
	CHECK(segreg_sweep(reg, options, result) == 0 && result->size == sizeof(*result));
	CHECK(result->held == held && result->deleted == deleted && (uint64_t)seen == held);
}

int main(int argc, char **argv)
{
	struct segreg_pin *pin = EDGE(struct segreg_pin);
	struct segreg_map *map = EDGE(struct segreg_map);
	struct segreg *reg;

	CHECK(argc == 2 && chdir(argv[1]) == 0);
	reg = open_registry("registry");
	CHECK(mkdir("one", 0777) == 0 && mkdir("two", 0777) == 0 && symlink("one", "link") == 0);
	CHECK(segreg_register(reg, 1, "one") == 0 && segreg_register(reg, 2, "two") == 0);
	CHECK(segreg_register(reg, 3, "link") == SEGREG_E_PATH && segreg_register(reg, 3, "two") == SEGREG_E_EXISTS);
	take_a_snapshot(reg);
	CHECK(segreg_pin(reg, 1, SEGREG_PIN_LIVE, pin) == 0);
	CHECK(segreg_map(reg, 2, "absent", 0, map) == -21); /* SEGREG_E_NOFILE, which is younger than this program */
	CHECK(segreg_retire(reg, 1) == 0 && segreg_force_remove(reg, 1, 0) == SEGREG_E_BUSY);
	ask(reg);
	sweep(reg, 1, 0);
	CHECK(segreg_unpin(reg, pin) == 0 && pin->id == 0 && segreg_unpin(reg, pin) == SEGREG_E_NOTPINNED);
	sweep(reg, 0, 1);
	CHECK(access("one", F_OK) == -1 && errno == ENOENT && access("two", F_OK) == 0);
	CHECK(segreg_close(reg, NULL) == 0);
	return EXIT_SUCCESS;
}
