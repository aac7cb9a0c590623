/*
 * sr_lane.c - a handle's row of counts: getting one, giving memory to it, giving it back, and taking away what it
 * holds.
 *
 * A handle takes a lane without the table lock. It finds a FREE head, takes the lane's byte, and checks that the head
 * is still FREE. Then it fills the head, raises lane_top over it, and swaps FREE for USED. While the head is FREE only
 * the byte's holder writes it, and nobody believes what it says. A process that dies before the swap has changed
 * nothing that counts: the byte is free again, and the head is still FREE. A process that dies after the swap is
 * reclaimed (sr_reclaim.c).
 *
 * From USED on a head changes under the table lock alone. So a process that has the table lock and sees a taken head
 * may rely on it. Head and row stay as they are, and their memory is there.
 *
 * A sweep may read lane_top, a head's state or its has_counts just before a newcomer sets them, and miss the newcomer's
 * pin. All three are set before the newcomer's first count. They are sequentially consistent, as the count and the
 * slot's word are. So the sweep had marked the slot before that count. The pin's second look at the word finds the mark
 * (sr_pin.c: DECIDING in conclusion 2, DELETING in conclusion 3).
 *
 * Emptying clears a page's bit before its memory, and a page's first use zeroes its memory before it sets the bit. A
 * crash while a lane is emptied leaves it marked as used and dead, and the next reclaim empties it again. A crash at a
 * page's first use leaves memory that nobody believes. A row that was never used is zero, since its memory is new.
 *
 * None of this touches the tables of segments, so it does not matter here whether those await a repair.
 */
#include "registry/sr_lane.h"
#include "sys/sr_call.h"
#include "sys/sr_error.h"
#include "registry/sr_letter.h"
#include "registry/sr_notes.h"
#include "registry/sr_reclaim.h"
#include "shm/sr_table.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A count is below 0 in an evicted lane, and for a moment after an unpin of what was not pinned. */
static uint32_t pins_of(uint32_t count)
{
	return (int32_t)count > 0 ? count : 0;
}

static uint64_t count_page(const struct sr_region *region, struct sr_row *row, uint32_t page)
{
	const uint32_t *counts = sr_row_counts(row) + page * SR_COUNTS_PER_PAGE;
	uint64_t left = region->geometry.max_segments - page * SR_COUNTS_PER_PAGE, sum = 0;

	for (uint64_t i = 0; i < SR_COUNTS_PER_PAGE && i < left; i++)
		sum += pins_of(sr_load_acquire_u32(&counts[i]));
	return sum;
}

static uint32_t next_page(const struct sr_region *region, const struct sr_row *row, uint32_t page)
{
	uint32_t pages = (region->geometry.max_segments - 1) / SR_COUNTS_PER_PAGE + 1;

	for (; page < pages; page++) {
		uint64_t bits = sr_load_acquire_u64(&row->pages[page / 64]) >> page % 64;

		if (bits & 1)
			return page;
		if (!bits)
			page |= 63; /* none left in this word */
	}
	return SR_NONE;
}

uint32_t sr_lane_next_page(const struct sr_region *region, uint32_t n, uint32_t page)
{
	if (!sr_lane_has_counts(sr_region_lane(region, n)))
		return SR_NONE;
	return next_page(region, sr_region_row(region, n), page);
}

uint64_t sr_lane_pins(const struct sr_region *region, uint32_t n)
{
	struct sr_row *row = sr_region_row(region, n);
	uint64_t sum = 0;

	if (!sr_lane_has_counts(sr_region_lane(region, n)))
		return 0;
	for (uint32_t page = 0; (page = next_page(region, row, page)) != SR_NONE; page++)
		sum += count_page(region, row, page);
	return sum;
}

uint64_t sr_lane_empty(const struct sr_region *region, uint32_t n)
{
	struct sr_lane *lane = sr_region_lane(region, n);
	struct sr_row *row = sr_region_row(region, n);
	uint64_t pins = 0;

	/* A run of pages at a time: each removal costs the kernel a walk over all processes that map the region. */
	for (uint32_t page = 0, end; (page = next_page(region, row, page)) != SR_NONE; page = end) {
		end = page;
		do {
			pins += count_page(region, row, end);
			sr_store_seqcst_u64(&row->pages[end / 64],
					    sr_load_acquire_u64(&row->pages[end / 64]) & ~(1ull << end % 64));
			SR_STOP("lane.emptying");
			end++;
		} while (next_page(region, row, end) == end);
		/* If this fails, the memory stays until the lane's next use. */
		sr_sys_madvise(sr_row_counts(row) + page * SR_COUNTS_PER_PAGE, (end - page) * SR_PAGE, MADV_REMOVE);
	}
	if (sr_lane_n_cells(lane)) {
		sr_store_release_u32(&lane->cells, 0);
		sr_sys_madvise(sr_row_cells(row), SR_CELL_PAGES * SR_PAGE, MADV_REMOVE);
	}
	sr_letter_clear(row);
	sr_store_release_u32(&lane->has_counts, 0);
	sr_store_release_u32(&lane->epoch, lane->epoch + 1);
	sr_store_release_u32(&lane->state, SR_LANE_FREE);
	return pins;
}

static uint64_t count_cells(const struct sr_region *region, uint32_t n)
{
	uint32_t cells = sr_lane_n_cells(sr_region_lane(region, n));
	uint64_t sum = 0;

	for (uint32_t i = 0; i < cells; i++)
		sum += sr_load_acquire_u64(&sr_row_cells(sr_region_row(region, n))[i]) != 0;
	return sum;
}

struct sr_note sr_lane_note(const struct sr_region *region, uint32_t n, enum segreg_log_kind kind)
{
	const struct sr_lane *lane = sr_region_lane(region, n);
	struct sr_note note = { .kind = kind,
				.lane = n,
				.pid = lane->pid,
				.uid = lane->uid,
				.attached_at = lane->attached_at,
				.snapshots = count_cells(region, n) };

	memcpy(note.label, lane->label, sizeof(note.label) - 1);
	return note;
}

/* A pin looks at n_counts_mapped instead of the bits. */
static void count_ready(struct segreg *reg)
{
	uint32_t n = reg->n_counts_mapped, max = reg->region.geometry.max_segments;

	while (n < max && sr_row_has_page(reg->row, n))
		n += SR_COUNTS_PER_PAGE;
	sr_store_release_u32(&reg->n_counts_mapped, n < max ? n : max);
}

int sr_lane_fail_evicted(const struct segreg *reg)
{
	return sr_fail(
		SEGREG_E_EVICTED,
		"an operator has taken away what this handle held (lane %u of %s); close it and open the registry "
		"again",
		reg->lane, reg->registry->dir);
}

static void spoil(uint32_t *counts)
{
	for (uint32_t i = 0; i < SR_COUNTS_PER_PAGE; i++)
		sr_store_release_u32(&counts[i], SR_COUNT_EVICTED);
}

/* The evictor may have gone through the pages before this one had memory: spoil it too. */
static int spoil_page(struct segreg *reg, uint32_t page)
{
	spoil(reg->counts + page * SR_COUNTS_PER_PAGE);
	return sr_lane_fail_evicted(reg);
}

int sr_lane_add_page(struct segreg *reg, uint32_t slot)
{
	SR_UNCANCELLED();
	uint32_t page = slot / SR_COUNTS_PER_PAGE;
	uint32_t *counts = reg->counts + page * SR_COUNTS_PER_PAGE;
	int rc = 0;

	pthread_mutex_lock(&reg->registry->mutex);
	if (!sr_row_has_page(reg->row, slot)) {
		rc = sr_region_populate(counts, SR_PAGE, "the counts of this handle");
		if (!rc) {
			memset(counts, 0, SR_PAGE);
			sr_cas_seqcst_u32(&reg->lane_head->has_counts, 0, 1);
			sr_or_seqcst_u64(&reg->row->pages[page / 64], 1ull << page % 64);
			SR_STOP("lane.page_added");
			if (!sr_lane_may_hold(reg->lane_head))
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
	SR_UNCANCELLED();
	struct sr_lane *lane = reg->lane_head;
	uint64_t *fresh = sr_row_cells(reg->row) + had;
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

/* Raise lane_top so that it covers n. */
static void raise_top(struct sr_header *header, uint32_t n)
{
	uint32_t top;

	while ((top = sr_load_seqcst_u32(&header->lane_top)) <= n && !sr_cas_seqcst_u32(&header->lane_top, top, n + 1))
		;
}

/* Fill the lane's head and publish it. The caller has the lane's byte. lane_top comes first: a reclaim would not
 * find a lane that is published above it. Returns false if the head is no longer FREE. */
static bool occupy(struct segreg *reg, uint32_t n)
{
	const struct sr_registry *registry = reg->registry;
	struct sr_lane *lane = sr_region_lane(&reg->region, n);

	lane->pid = getpid();
	lane->uid = geteuid();
	lane->pidns_dev = registry->pidns_dev;
	lane->pidns_ino = registry->pidns_ino;
	lane->attached_at = sr_sys_realtime();
	memcpy(lane->label, reg->attachment->label, sizeof(lane->label));
	if (!lane->epoch)
		sr_store_release_u32(&lane->epoch, 1); /* so that no lane_id is 0 */
	reg->lane = n;
	reg->lane_head = lane;
	reg->row = sr_region_row(&reg->region, n);
	reg->counts = sr_row_counts(reg->row);
	reg->slots = reg->region.slots;
	reg->level = sr_table_level(&reg->region);
	reg->n_counts_mapped = 0;
	reg->lane_id = (uint64_t)lane->epoch << 32 | n;
	reg->letter_in_use = 0;
	raise_top(reg->region.header, n);
	SR_STOP("lane.publishing");
	return sr_cas_seqcst_u32(&lane->state, SR_LANE_FREE, SR_LANE_USED);
}

/* Returns 0 if the lane is ours, SR_LANE_TAKEN, or an error. */
static int try_lane(struct segreg *reg, uint32_t n)
{
	struct sr_lane *lane = sr_region_lane(&reg->region, n);
	int rc = 0;

	/* Give memory to the page of heads that has this one. Earlier pages have theirs: try_lanes tried their lanes
	 * first. */
	if (n >= sr_region_lane_top(&reg->region))
		rc = sr_region_populate((void *)((uintptr_t)lane & ~(uintptr_t)(SR_PAGE - 1)), SR_PAGE,
					"another handle");
	if (rc || sr_lane_is_taken(lane))
		return rc ? rc : SR_LANE_TAKEN;
	SR_STOP("lane.found");
	if (sr_hold_take(&reg->registry->lockfile, SR_BYTE_LANES + n, F_WRLCK, &reg->attachment->hold) == -1)
		return errno == EAGAIN ? SR_LANE_TAKEN
				       : sr_fail_errno(errno, "cannot lock lane %u in %s", n, reg->registry->lock_path);
	if (sr_lane_is_taken(lane)) /* by a process that has died since: a reclaim will see to that */
		rc = SR_LANE_TAKEN;
	else
		rc = sr_region_populate(sr_region_row(&reg->region, n), SR_PAGE, "another handle");
	if (!rc && !occupy(reg, n))
		rc = SR_LANE_TAKEN;
	if (rc)
		sr_hold_drop(&reg->attachment->hold);
	return rc;
}

/* Returns 0, SR_LANE_TAKEN if all lanes are taken, or an error. */
static int try_lanes(struct segreg *reg)
{
	int rc = SR_LANE_TAKEN;

	for (uint32_t n = 0; n < reg->region.geometry.max_lanes && rc == SR_LANE_TAKEN; n++)
		rc = try_lane(reg, n);
	return rc;
}

int sr_lane_attach(struct segreg *reg)
{
	uint64_t lanes = 0, pins = 0;
	int rc = try_lanes(reg);

	if (rc != SR_LANE_TAKEN)
		goto out;
	rc = sr_reclaim(reg, NULL, NULL, &lanes, &pins);
	if (rc)
		return rc;
	rc = try_lanes(reg);
	if (rc == SR_LANE_TAKEN)
		return sr_fail(
			SEGREG_E_FULL,
			"all %u lanes are taken by living handles (max_lanes, fixed when the registry was made); "
			"segctl holders shows whose: end one of those",
			reg->region.geometry.max_lanes);
out:
	if (!rc)
		sr_region_wake(&reg->region); /* a sweeper watches the processes that are attached */
	return rc;
}

int sr_lane_detach(struct segreg *reg, uint64_t *pins, bool *held)
{
	int rc = sr_lock_take(&reg->registry->locks, SR_LOCK_TABLE, reg->timeout_ms);

	if (!rc) {
		*held = !sr_lane_may_hold(reg->lane_head) || count_cells(&reg->region, reg->lane);
		*pins = sr_lane_empty(&reg->region, reg->lane);
		*held |= *pins != 0;
		sr_lock_give(&reg->registry->locks, SR_LOCK_TABLE);
	}
	sr_hold_drop(&reg->attachment->hold);
	sr_region_wake(&reg->region);
	return rc;
}

/* ---------------------------------------------------------------- evict */

/* The owner may be in the middle of anything, or stopped. First the state becomes EVICTING: from now on the owner
 * cannot pin with a new page of counts. (The owner sets the page's bit, then reads the state. The evictor changes
 * the state, then reads the bits. So at least one sees the other.) Then each count is spoiled. A pin that came
 * before is taken away, and one that comes after is refused. Only then is the lane EVICTED, and sweeps stop looking
 * at it. If the evictor dies before, sweeps see all that still counts, and a second eviction ends what the first
 * began. */
static uint64_t take_holds(const struct sr_region *region, uint32_t n, const char *label)
{
	struct sr_lane *lane = sr_region_lane(region, n);
	struct sr_note note = sr_lane_note(region, n, SEGREG_LOG_EVICTED);
	struct sr_row *row = sr_region_row(region, n);

	sr_cas_seqcst_u32(&lane->state, SR_LANE_USED, SR_LANE_EVICTING);
	for (uint32_t page = 0; (page = next_page(region, row, page)) != SR_NONE; page++) {
		note.pins += count_page(region, row, page);
		spoil(sr_row_counts(row) + page * SR_COUNTS_PER_PAGE);
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
	*holds = is_there && sr_lane_counts_are_held(lane) ? take_holds(&reg->region, n, reg->attachment->label) : 0;
	sr_lock_give(&reg->registry->locks, SR_LOCK_TABLE);
	if (!is_there)
		return sr_fail(SEGREG_E_NOENT, "the handle %u (%u) is not attached (any more)", n, epoch);
	sr_region_wake(&reg->region);
	return 0;
}
