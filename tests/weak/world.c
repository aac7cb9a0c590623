/*
 * world.c - see world.h. What the library asks of others stands below: one lock for both, memory that is there, nobody
 * to wake.
 */
#include "world.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

struct world world;
static struct process {
	struct sr_registry registry;
	struct sr_attachment attachment;
} processes[3];
static unsigned char *memory;

char world_path(uint64_t id)
{
	return (char)('a' + id);
}

static struct sr_record record_of(uint64_t id, enum sr_state state, uint64_t born, uint64_t retired)
{
	struct sr_record record = { .id = id, .state = state, .born = born, .retired = retired, .path_length = 1 };

	record.path[0] = world_path(id);
	return record;
}

static void find_parts(struct sr_region *region)
{
	struct sr_geometry *g = &region->geometry;

	region->header = (struct sr_header *)(void *)memory;
	region->index = memory + g->index;
	region->levels = 1;
	region->level[0] = (struct sr_level){
		.entries = (const uint32_t *)(const void *)region->index,
		.shift = 64 - SR_INDEX_MIN_BITS,
		.mask = (1u << SR_INDEX_MIN_BITS) - 1,
	};
	region->slots = (struct sr_slot *)(void *)(memory + g->part[SR_PART_SLOTS]);
	region->details = (struct sr_detail *)(void *)(memory + g->part[SR_PART_DETAILS]);
	region->queue = (uint32_t *)(void *)(memory + g->part[SR_PART_QUEUE]);
	region->path_map = (uint64_t *)(void *)(memory + g->part[SR_PART_PATH_MAP]);
	region->paths = (char *)(memory + g->part[SR_PART_PATHS]);
}

static bool lane_is_watched, top_is_watched;

void world_watch_lane(void)
{
	lane_is_watched = true;
}

void world_watch_top(void)
{
	top_is_watched = true;
}

static void name_words(void)
{
	struct sr_lane *lane = sr_region_lane(&world.region, 0);
	struct sr_row *row = sr_region_row(&world.region, 0);

	m_name(&world.region.slots[0].word, 8, "word");
	m_name(&world.region.slots[0].id, 8, "id");
	m_name(&world.region.details[0].born, 8, "born");
	m_name(&world.region.details[0].retired, 8, "retired");
	m_name(&world.region.details[0].flags, 1, "flags");
	m_name(world.region.paths, 1, "path");
	m_name(&world.region.header->version, 8, "version");
	m_name(&lane->state, 4, "state");
	m_name(&lane->has_counts, 4, "has_counts");
	m_name(&row->pages[0], 8, "pages");
	m_name(sr_row_counts(row), 4, "count");
	m_name(sr_row_cells(row), 8, "cell");
	m_name(sr_row_cells(row) + 1, 8, "other cell");
	m_private(&world.owner, sizeof(world.owner));
	m_private(&world.newcomer, sizeof(world.newcomer));
	m_private(&world.sweeper, sizeof(world.sweeper));
	m_private(processes, sizeof(processes));
	/* Nothing follows from their order: what is found by them is looked at again. Their readers are the table's. */
	m_private(world.region.index, sizeof(uint32_t) << SR_INDEX_MIN_BITS);
	m_private(&world.region.header->index_bits, sizeof(uint32_t));
	m_private(&world.region.header->slot_top, sizeof(uint32_t));
	m_name(&world.region.header->lane_top, 4, "lane_top");
	if (!top_is_watched)
		m_private(&world.region.header->lane_top, sizeof(uint32_t));
	m_private(sr_row_counts(row) + 1, SR_PAGE - sizeof(uint32_t)); /* of other slots */
	m_private(sr_row_cells(row) + 2, SR_CELL_PAGES * SR_PAGE - 2 * sizeof(uint64_t));
	m_private(&row->letter.state, sizeof(row->letter.state));
	m_name(&lane->epoch, 4, "epoch");
	m_name(&lane->cells, 4, "cells");
	if (!lane_is_watched) {
		m_private(&lane->epoch, sizeof(lane->epoch));
		m_private(&lane->cells, sizeof(lane->cells));
	}
	m_private(&world.region.header->version_wake, 2 * sizeof(uint32_t));
}

static void make(void)
{
	struct sr_region *region = &world.region;

	sr_geometry_init(&region->geometry, 2, 1);
	memory = mmap(NULL, region->geometry.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	find_parts(region);
	sr_table_init(region);
	region->header->lane_top = 1;
	region->header->version = VERSION;
	name_words();
}

/* All but the notes, which nobody writes here and which are most of it. */
static void clear(void)
{
	const struct sr_geometry *g = &world.region.geometry;

	memset(memory, 0, g->notes);
	memset(memory + g->heads, 0, g->size - g->heads);
}

/* A run may have ended inside its mutex. */
static void open_process(struct process *process, struct segreg *reg)
{
	process->registry.mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	process->registry.region = world.region;
	process->attachment.hold.page = NULL;
	*reg = (struct segreg){
		.level = &world.region.level[0],
		.slots = world.region.slots,
		.registry = &process->registry,
		.attachment = &process->attachment,
		.region = world.region,
	};
}

void world_reset(enum sr_state state)
{
	struct sr_record record = record_of(ID, state, BORN, state == SR_PENDING ? VERSION : 0);
	struct sr_lane *lane;

	if (!memory)
		make();
	clear();
	sr_table_init(&world.region);
	world.region.header->lane_top = 1;
	world.region.header->version = VERSION;
	sr_table_take(&world.region, &record, &world.slot);
	sr_table_publish(&world.region, world.slot, state);
	lane = sr_region_lane(&world.region, 0);
	lane->state = SR_LANE_USED;
	lane->epoch = 1;
	lane->has_counts = 1;
	sr_region_row(&world.region, 0)->pages[0] = 1;
	lane->cells = 1;
	open_process(&processes[0], &world.owner);
	open_process(&processes[1], &world.newcomer);
	open_process(&processes[2], &world.sweeper);
	world.owner.lane_head = lane;
	world.owner.row = sr_region_row(&world.region, 0);
	world.owner.counts = sr_row_counts(world.owner.row);
	world.owner.lane_id = 1ull << 32;
	world.owner.n_counts_mapped = 2;
	world.file = 1;
	world.next_file = world.use = 0;
	m_name(&world.file, 8, "file");
	m_name(&world.next_file, 8, "next file");
	m_name(&world.use, 8, "use");
}

bool world_decide(void)
{
	static struct sr_cells cells;
	static uint64_t room[8];
	struct sr_region *region = &world.region;
	uint64_t version;
	bool held, decided = false;

	cells.snapshots = room;
	cells.room = 8;
	m_lock(M_TABLE);
	version = sr_load_seqcst_u64(&region->header->version);
	sr_cells_read(&cells, region);
	m_unlock(M_TABLE);
	sr_cells_sort(&cells);
	m_lock(M_TABLE);
	if (region->details[world.slot].retired > version ||
	    sr_word_state(sr_load_acquire_u64(&region->slots[world.slot].word)) != SR_PENDING) {
		m_unlock(M_TABLE);
		return false;
	}
	sr_table_move(region, world.slot, SR_DECIDING);
	held = sr_table_count(region, world.slot) || sr_cells_hold(&cells, &region->details[world.slot]);
	if (!held)
		sr_table_decide(region, world.slot, SR_DELETING, &decided);
	if (!decided)
		sr_table_keep(region, world.slot);
	m_unlock(M_TABLE);
	if (!decided)
		return false;
	m_check(m_knows(&world.use, 8), "a file is removed, and its user's last reads may come later");
	m_store(&world.file, 8, 0, M_RELAXED);
	return true;
}

bool world_sweep(void)
{
	if (!world_decide())
		return false;
	m_lock(M_TABLE);
	sr_table_drop(&world.region, world.slot);
	m_unlock(M_TABLE);
	return true;
}

void world_settle(enum sr_state to)
{
	m_lock(M_TABLE);
	sr_state_force(&world.region.slots[world.slot].word, to);
	if (to == SR_GONE)
		sr_table_free_gone(&world.region, world.slot);
	m_unlock(M_TABLE);
}

void world_publish(void)
{
	struct sr_region *region = &world.region;

	m_lock(M_TABLE);
	sr_store_release_u64(&region->details[world.slot].born, VERSION + 1);
	sr_table_move(region, world.slot, SR_LIVE);
	sr_region_set_version(region, VERSION + 1);
	m_unlock(M_TABLE);
}

void world_retire(void)
{
	struct sr_region *region = &world.region;
	uint64_t version;

	m_lock(M_TABLE);
	version = region->header->version + 1; /* the holder of the lock has the newest version */
	sr_store_release_u64(&region->details[world.slot].retired, version);
	sr_table_move(region, world.slot, SR_PENDING);
	sr_region_set_version(region, version);
	m_unlock(M_TABLE);
}

void world_reuse(void)
{
	struct sr_record record = record_of(NEXT_ID, SR_LIVE, NEXT_BORN, 0);
	uint32_t slot;

	record.is_directory = true;
	m_store(&world.next_file, 8, 1, M_RELAXED);
	m_lock(M_TABLE);
	if (sr_word_state(sr_load_acquire_u64(&world.region.slots[world.slot].word)) == SR_FREE &&
	    !sr_table_take(&world.region, &record, &slot))
		sr_table_publish(&world.region, slot, SR_LIVE);
	m_unlock(M_TABLE);
}

void world_compare(const struct segreg_entry *entry)
{
	bool next = entry->id == NEXT_ID;

	m_check((next || entry->id == ID) && entry->born == (next ? NEXT_BORN : BORN) &&
			!!entry->is_directory == next && entry->path[0] == world_path(entry->id),
		"a walk mixes two segments");
}

void world_use(const uint64_t *file)
{
	m_check(m_knows(file, 8), "what is held is removed, or not known to be there");
	m_store(&world.use, 8, m_latest(&world.use, 8) + 1, M_RELAXED);
	m_check(m_latest(file, 8) == 1, "what is held is removed");
}

void world_pin(void)
{
	struct segreg_pin pin;

	if (sr_pin(&world.owner, ID, 0, &pin))
		return;
	world_use(&world.file);
	sr_unpin(&world.owner, &pin);
}

/* ---------------------------------------------------------------- what the library asks of others */

int sr_table_lock_take(struct segreg *reg)
{
	(void)reg;
	m_lock(M_TABLE);
	return 0;
}

void sr_table_lock_give(struct segreg *reg)
{
	(void)reg;
	m_unlock(M_TABLE);
}

void sr_region_set_version(struct sr_region *region, uint64_t version)
{
	sr_store_seqcst_u64(&region->header->version, version);
}

int sr_region_damaged(const char *what)
{
	return sr_fail(SEGREG_E_CORRUPT, "%s", what);
}

void sr_region_wake(struct sr_region *region)
{
	(void)region;
}

int sr_region_grow(struct sr_region *region, enum sr_part part, uint64_t bytes)
{
	(void)region, (void)part, (void)bytes;
	return 0;
}

int sr_region_populate(void *address, uint64_t size, const char *what)
{
	(void)address, (void)size, (void)what;
	return 0;
}

int sr_fail(enum segreg_error code, const char *format, ...)
{
	(void)format;
	return code;
}

int sr_lock_take(struct sr_locks *locks, enum sr_lock_id id, uint32_t timeout_ms)
{
	(void)locks, (void)id, (void)timeout_ms;
	m_lock(M_TABLE);
	return 0;
}

void sr_lock_give(struct sr_locks *locks, enum sr_lock_id id)
{
	(void)locks, (void)id;
	m_unlock(M_TABLE);
}

int sr_lockfile_reopen(const struct sr_lockfile *file)
{
	(void)file;
	return 0;
}

void sr_sys_close(int fd)
{
	(void)fd;
}

/* Never reached: there are few lanes. */
void sr_living_read(struct sr_living *living, int fd)
{
	(void)living;
	(void)fd;
}

int sr_sys_locked_among(int fd, off_t first, off_t n, off_t *byte)
{
	(void)fd, (void)n;
	*byte = first;
	return m_is_locked(LANE_LOCK);
}

int64_t sr_sys_monotonic(void)
{
	return 0;
}

void sr_lock_yield(struct sr_locks *locks, enum sr_lock_id id)
{
	(void)locks, (void)id;
}

int sr_hold_take_many(const struct sr_lockfile *file, off_t first, off_t n, struct sr_hold *hold)
{
	(void)n;
	return sr_hold_take(file, first, F_WRLCK, hold);
}

int sr_hold_take(const struct sr_lockfile *file, off_t byte, short type, struct sr_hold *hold)
{
	(void)file, (void)byte, (void)type;
	errno = EAGAIN;
	if (!m_try(LANE_LOCK))
		return -1;
	hold->page = hold;
	return 0;
}

void sr_hold_drop(struct sr_hold *hold)
{
	if (hold->page)
		m_unlock(LANE_LOCK);
	hold->page = NULL;
}

int sr_fail_errno(int errnum, const char *format, ...)
{
	(void)format;
	return errnum ? SEGREG_E_IO : 0;
}

int sr_fail_kept(int errnum, const char *path)
{
	return sr_fail_errno(errnum, path);
}

int64_t sr_sys_realtime(void)
{
	return 0;
}

/* It fails, so that what was counted stays in memory until the lane's next owner. */
int sr_sys_madvise(void *address, size_t size, int advice)
{
	(void)address, (void)size, (void)advice;
	return -1;
}

void sr_notes_add(const struct sr_region *region, struct sr_note note)
{
	(void)region, (void)note;
}
