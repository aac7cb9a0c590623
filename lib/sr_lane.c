/*
 * sr_lane.c - a handle's row of counts: getting one, giving memory to it, giving it back, and taking it from the dead.
 *
 * Reclaiming must not free a lane that lives. The reclaimer holds the lane's byte itself (two threads of one
 * process exclude each other too, since each hold is an open file of its own) while it looks, under the table lock,
 * whether the lane is still used in the same epoch, and empties it; then it lets go. A new owner cannot come in
 * between, since it would need the byte.
 *
 * Emptying clears a page's bit before its memory, and a page's first use zeroes it before its bit: a crash in
 * between leaves either a lane that is still marked used and dead (emptied again by the next), or memory that
 * nobody believes.
 *
 * None of this touches the tables of segments, so it does not matter here whether those await a repair.
 */
#include "sr_lane.h"
#include "sr_error.h"
#include "sr_letter.h"
#include "sr_notes.h"
#include "sr_table.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* An evicted one is below 0, and so is for a moment one that a mistaken unpin goes below. */
static uint32_t pins_of(uint32_t count)
{
	return (int32_t)count > 0 ? count : 0;
}

static uint64_t count_page(const struct sr_region *region, struct sr_lane *lane, uint32_t page)
{
	const uint32_t *counts = sr_lane_counts(lane) + page * SR_COUNTS_PER_PAGE;
	uint64_t left = region->geometry.max_segments - page * SR_COUNTS_PER_PAGE, sum = 0;

	for (uint64_t i = 0; i < SR_COUNTS_PER_PAGE && i < left; i++)
		sum += pins_of(sr_load_acquire_u32(&counts[i]));
	return sum;
}

/* The next page at or after page that has memory; SR_NONE. */
static uint32_t next_page(const struct sr_region *region, const struct sr_lane *lane, uint32_t page)
{
	uint32_t pages = (region->geometry.max_segments - 1) / SR_COUNTS_PER_PAGE + 1;

	for (; page < pages; page++) {
		uint64_t bits = sr_load_acquire_u64(&lane->pages[page / 64]) >> page % 64;

		if (bits & 1)
			return page;
		if (!bits)
			page |= 63; /* none left in this word */
	}
	return SR_NONE;
}

uint64_t sr_lane_pins(const struct sr_region *region, uint32_t n)
{
	struct sr_lane *lane = sr_region_lane(region, n);
	uint64_t sum = 0;

	for (uint32_t page = 0; (page = next_page(region, lane, page)) != SR_NONE; page++)
		sum += count_page(region, lane, page);
	return sum;
}

/* Take all pins and memory away and mark it free. [table] */
static uint64_t empty_lane(const struct sr_region *region, uint32_t n)
{
	struct sr_lane *lane = sr_region_lane(region, n);
	uint64_t pins = 0;

	for (uint32_t page = 0; (page = next_page(region, lane, page)) != SR_NONE; page++) {
		uint32_t *counts = sr_lane_counts(lane) + page * SR_COUNTS_PER_PAGE;

		pins += count_page(region, lane, page);
		sr_store_seqcst_u64(&lane->pages[page / 64],
				    sr_load_acquire_u64(&lane->pages[page / 64]) & ~(1ull << page % 64));
		sr_sys_madvise(counts, SR_PAGE, MADV_REMOVE); /* if it fails, the memory stays until the lane's next use */
		SR_STOP("lane.emptying");
	}
	if (sr_lane_n_cells(lane)) {
		sr_store_release_u32(&lane->cells, 0);
		sr_sys_madvise(sr_lane_cells(lane), SR_CELL_PAGES * SR_PAGE, MADV_REMOVE);
	}
	sr_letter_clear(lane);
	sr_store_release_u32(&lane->epoch, lane->epoch + 1);
	sr_store_release_u32(&lane->state, SR_LANE_FREE);
	return pins;
}

/* A pin looks at n_ready instead of the bits. */
static void count_ready(struct segreg *reg)
{
	uint32_t n = reg->n_ready, max = reg->region.geometry.max_segments;

	while (n < max && sr_lane_has_page(reg->lane_page, n))
		n += SR_COUNTS_PER_PAGE;
	sr_store_release_u32(&reg->n_ready, n < max ? n : max);
}

int sr_lane_fail_evicted(const struct segreg *reg)
{
	return sr_fail(SEGREG_E_EVICTED, "an operator has taken away what this handle held (lane %u of %s); close it and open the registry "
		       "again", reg->lane, reg->registry->dir);
}

static void spoil(uint32_t *counts)
{
	for (uint32_t i = 0; i < SR_COUNTS_PER_PAGE; i++)
		sr_store_release_u32(&counts[i], SR_COUNT_EVICTED);
}

/* A page that came when the evictor may have gone through those that there were. */
static int spoil_page(struct segreg *reg, uint32_t page)
{
	spoil(reg->counts + page * SR_COUNTS_PER_PAGE);
	return sr_lane_fail_evicted(reg);
}

int sr_lane_add_page(struct segreg *reg, uint32_t slot)
{
	uint32_t page = slot / SR_COUNTS_PER_PAGE;
	uint32_t *counts = reg->counts + page * SR_COUNTS_PER_PAGE;
	int rc = 0;

	pthread_mutex_lock(&reg->registry->mutex);
	if (!sr_lane_has_page(reg->lane_page, slot)) {
		rc = sr_region_populate(counts, SR_PAGE, "the counts of this handle");
		if (!rc) {
			memset(counts, 0, SR_PAGE);
			sr_or_seqcst_u64(&reg->lane_page->pages[page / 64], 1ull << page % 64);
			SR_STOP("lane.page_added");
			if (sr_lane_is_evicted(reg->lane_page))
				rc = spoil_page(reg, page);
			else
				count_ready(reg);
		}
	}
	pthread_mutex_unlock(&reg->registry->mutex);
	return rc;
}

int sr_lane_add_cells(struct segreg *reg, uint32_t had)
{
	struct sr_lane *lane = reg->lane_page;
	uint64_t *fresh = sr_lane_cells(lane) + had;
	int rc = 0;

	if (had == SR_CELLS_MAX)
		return sr_fail(SEGREG_E_FULL, "this handle holds %u snapshots; are they ever released?", SR_CELLS_MAX);
	pthread_mutex_lock(&reg->registry->mutex);
	if (sr_lane_n_cells(lane) == had) {
		rc = sr_region_populate(fresh, SR_PAGE, "the snapshots of this handle");
		if (!rc) {
			memset(fresh, 0, SR_PAGE);
			sr_store_release_u32(&lane->cells, had + SR_CELLS_PER_PAGE);
		}
	}
	pthread_mutex_unlock(&reg->registry->mutex);
	return rc;
}

/* ---------------------------------------------------------------- attach, detach */

static void occupy(struct segreg *reg, uint32_t n)
{
	const struct sr_registry *registry = reg->registry;
	struct sr_lane *lane = sr_region_lane(&reg->region, n);

	lane->pid = getpid();
	lane->uid = geteuid();
	lane->pidns_dev = registry->pidns_dev;
	lane->pidns_ino = registry->pidns_ino;
	lane->attached_at = sr_sys_realtime();
	memcpy(lane->label, reg->handle->label, sizeof(lane->label));
	reg->lane = n;
	reg->lane_page = lane;
	reg->counts = sr_lane_counts(lane);
	reg->slots = reg->region.slots;
	reg->level = sr_table_level(&reg->region);
	reg->n_ready = 0;
	reg->owner = (uint64_t)lane->epoch << 32 | n;
	reg->letter_in_use = 0;
	SR_STOP("lane.publishing");
	sr_store_release_u32(&lane->state, SR_LANE_USED);
}

/* Try one lane. 0: it is ours; 1: it is not to be had. [table] */
static int try_lane(struct segreg *reg, uint32_t n)
{
	struct sr_header *header = reg->region.header;
	struct sr_lane *lane = sr_region_lane(&reg->region, n);

	if (n >= header->lane_top) {
		int rc = sr_region_populate(lane, SR_PAGE, "another handle");

		if (rc)
			return rc;
		memset(lane, 0, SR_PAGE);
		lane->epoch = 1; /* so that no pin's owner is 0 */
	} else if (sr_load_acquire_u32(&lane->state) != SR_LANE_FREE) {
		return 1;
	}
	if (sr_hold_take(&reg->registry->lockfile, SR_BYTE_LANES + n, F_WRLCK, &reg->handle->hold) == -1)
		return errno == EAGAIN ? 1 : sr_fail_errno(errno, "cannot lock lane %u in %s", n, reg->registry->lock_path);
	occupy(reg, n);
	if (n >= header->lane_top)
		sr_store_release_u32(&header->lane_top, n + 1);
	return 0;
}

/* 0, 1 if all are taken, or an error. */
static int try_lanes(struct segreg *reg)
{
	int rc = sr_lock_take(&reg->registry->locks, SR_LOCK_TABLE, reg->timeout_ms);

	if (rc)
		return rc;
	rc = 1;
	for (uint32_t n = 0; n < reg->region.geometry.max_lanes && rc == 1; n++)
		rc = try_lane(reg, n);
	sr_lock_give(&reg->registry->locks, SR_LOCK_TABLE);
	return rc;
}

int sr_lane_attach(struct segreg *reg)
{
	uint64_t lanes = 0, pins = 0;
	int rc = try_lanes(reg);

	if (rc != 1)
		goto out;
	rc = sr_reclaim(reg, NULL, NULL, &lanes, &pins);
	if (rc)
		return rc;
	rc = try_lanes(reg);
	if (rc == 1)
		return sr_fail(SEGREG_E_FULL, "all %u lanes are taken by living handles (max_lanes, fixed when the registry was made)",
			       reg->region.geometry.max_lanes);
out:
	if (!rc)
		sr_region_wake(&reg->region); /* a sweeper watches the processes that are attached */
	return rc;
}

int sr_lane_detach(struct segreg *reg, uint64_t *pins)
{
	uint64_t left = 0;
	int rc = sr_lock_take(&reg->registry->locks, SR_LOCK_TABLE, reg->timeout_ms);

	if (!rc) {
		left = empty_lane(&reg->region, reg->lane);
		sr_lock_give(&reg->registry->locks, SR_LOCK_TABLE);
	}
	sr_hold_drop(&reg->handle->hold);
	sr_region_wake(&reg->region);
	if (pins)
		*pins = left;
	return rc;
}

/* ---------------------------------------------------------------- reclaim */

static uint64_t count_cells(struct sr_lane *lane)
{
	uint32_t n = sr_lane_n_cells(lane);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += sr_load_acquire_u64(&sr_lane_cells(lane)[i]) != 0;
	return sum;
}

/* What its lane says of a handle that is taken away. */
static struct sr_note note_of(struct sr_lane *lane, uint32_t n, enum segreg_log_kind kind)
{
	struct sr_note note = { .kind = kind, .lane = n, .pid = lane->pid, .uid = lane->uid, .attached_at = lane->attached_at,
				.snapshots = count_cells(lane) };

	memcpy(note.label, lane->label, sizeof(note.label) - 1);
	return note;
}

/* With the lane's byte in hand. */
static int reclaim_lane(struct segreg *reg, uint32_t n, uint32_t epoch, struct sr_reclaimed *dead, bool *done)
{
	struct sr_registry *registry = reg->registry;
	struct sr_header *header = registry->region.header;
	struct sr_lane *lane = sr_region_lane(&registry->region, n);
	int rc = sr_lock_take(&registry->locks, SR_LOCK_TABLE, reg->timeout_ms);

	if (rc)
		return rc;
	*done = sr_lane_is_taken(lane) && lane->epoch == epoch;
	if (*done) {
		struct sr_note note = note_of(lane, n, SEGREG_LOG_RECLAIMED);

		dead->lane = n;
		dead->pid = lane->pid;
		memcpy(dead->label, lane->label, sizeof(dead->label));
		dead->label[sizeof(dead->label) - 1] = '\0';
		dead->pins = empty_lane(&registry->region, n);
		header->reclaimed++;
		header->reclaimed_pins += dead->pins;
		note.pins = dead->pins;
		memcpy(note.by_label, reg->handle->label, sizeof(note.by_label));
		sr_notes_add(&registry->region, note);
	}
	sr_lock_give(&registry->locks, SR_LOCK_TABLE);
	return 0;
}

int sr_reclaim(struct segreg *reg, void (*fn)(void *arg, const struct sr_reclaimed *dead), void *arg, uint64_t *lanes, uint64_t *pins)
{
	struct sr_registry *registry = reg->registry;
	uint32_t top = sr_region_lane_top(&registry->region);
	int rc = 0, fd = sr_lockfile_reopen(&registry->lockfile);

	if (fd == -1)
		return sr_fail_kept(errno, registry->lock_path);
	for (uint32_t n = 0; n < top && !rc; n++) {
		struct sr_lane *lane = sr_region_lane(&registry->region, n);
		uint32_t epoch = sr_load_acquire_u32(&lane->epoch);
		struct sr_reclaimed dead;
		struct sr_hold hold;
		bool done = false;

		/* A quick look first. Any answer but "granted" means that it lives. */
		if (!sr_lane_is_taken(lane) || sr_sys_locked(fd, SR_BYTE_LANES + n) != 0 ||
		    sr_registry_hold(registry, SR_BYTE_LANES + n, &hold) == -1)
			continue;
		rc = reclaim_lane(reg, n, epoch, &dead, &done);
		sr_hold_drop(&hold);
		if (!done)
			continue;
		*lanes += 1;
		*pins += dead.pins;
		sr_region_wake(&registry->region);
		if (fn)
			fn(arg, &dead);
	}
	sr_sys_close(fd);
	return rc;
}

/* ---------------------------------------------------------------- evict */

/*
 * The owner may be in the middle of anything, or stopped. First the state says EVICTING: no page of counts that comes from now on can
 * be pinned with. (The owner sets the page's bit, then reads the state; we change the state, then read the bits, so that at least
 * one of us sees the other.) Then each count is spoiled: a pin came before, and is taken away, or after, and is refused. Only then
 * is the lane EVICTED, and sweeps stop looking at it. If we die before, all that still counts is seen by sweeps, and a second
 * eviction ends what was begun.
 */
static uint64_t take_holds(const struct sr_region *region, uint32_t n, const char *label)
{
	struct sr_lane *lane = sr_region_lane(region, n);
	struct sr_note note = note_of(lane, n, SEGREG_LOG_EVICTED);

	sr_cas_seqcst_u32(&lane->state, SR_LANE_USED, SR_LANE_EVICTING);
	for (uint32_t page = 0; (page = next_page(region, lane, page)) != SR_NONE; page++) {
		note.pins += count_page(region, lane, page);
		spoil(sr_lane_counts(lane) + page * SR_COUNTS_PER_PAGE);
		SR_STOP("lane.evicting");
	}
	sr_store_release_u32(&lane->state, SR_LANE_EVICTED);
	memcpy(note.by_label, label, sizeof(note.by_label));
	sr_notes_add(region, note);
	return note.pins + note.snapshots;
}

int sr_lane_evict(struct segreg *reg, uint32_t n, uint32_t epoch, uint64_t *holds)
{
	struct sr_lane *lane = n < sr_region_lane_top(&reg->region) ? sr_region_lane(&reg->region, n) : NULL;
	bool is_there;
	int rc = sr_lock_take(&reg->registry->locks, SR_LOCK_TABLE, reg->timeout_ms);

	if (rc)
		return rc;
	is_there = lane && sr_lane_is_taken(lane) && sr_load_acquire_u32(&lane->epoch) == epoch;
	*holds = is_there && sr_lane_counts_are_held(lane) ? take_holds(&reg->region, n, reg->handle->label) : 0;
	sr_lock_give(&reg->registry->locks, SR_LOCK_TABLE);
	if (!is_there)
		return sr_fail(SEGREG_E_NOENT, "the handle %u (%u) is not attached (any more)", n, epoch);
	sr_region_wake(&reg->region);
	return 0;
}
