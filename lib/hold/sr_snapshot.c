/*
 * sr_snapshot.c - holding all segments of a version with one word.
 *
 *      take                                        commit, holding the table lock
 *      T1  V = version                             C1  segments: PENDING, retired = R
 *      T2  cell = V, kind                          C2  version = R
 *      T3  version again; if it is not V,          sweeper, holding the table lock
 *          cell = that, and again                  S0  V0 = version
 *                                                  SC  read all cells
 *                                                  then, for each segment with R <= V0, holding the table lock again
 *                                                  S1  word = DECIDING
 *                                                  S3  held by a cell or a count: PENDING, else DELETING
 *
 * Why no sweep deletes a segment of version V once T3 has found V. T2, T3, C2 and SC are sequentially consistent. Take
 * a segment that was retired in R > V, and a sweep that decides its deletion without seeing the cell. Then SC precedes
 * T2. S0 found R or a later version under the table lock, so C2 precedes SC. Therefore C2 precedes T3, and T3 finds R
 * or later, not V. A snapshot that a handle receives after SC has the version of the giver's snapshot, whose cell was
 * there at SC.
 *
 * A walk takes no lock. It reads each slot once: the word, then all other fields that it needs, then the word again. If
 * both words have one generation and a registered state, all fields belong to one segment. If not, the slot is being
 * freed or reused. Then it serves no segment of version V, because this snapshot holds those. A retirement that is
 * under way has a version greater than V.
 *
 * A walk that meets REMOVING takes the decision back (sr_remove.c), so that a segment which it has shown stays.
 */
#include "hold/sr_snapshot.h"
#include "sys/sr_error.h"
#include "registry/sr_lane.h"
#include "registry/sr_enter.h"
#include "shm/sr_paths.h"
#include "shm/sr_table.h"

#include <inttypes.h>

/*
 * The cell that this thread tries first, so that threads of one handle seldom try the same cell. The model
 * "initial-exec" finds the variable without a call, in a shared library too.
 */
static __thread uint32_t next_cell __attribute__((tls_model("initial-exec")));

static uint64_t make_cell(uint64_t version, enum segreg_snapshot_kind kind)
{
	return version << SR_CELL_KIND_BITS | kind;
}

/*
 * Whether the cell has the snapshot's version and kind. The version of a caller's struct may have more bits than a cell
 * can hold.
 */
static bool is_cell_of(uint64_t cell, const struct segreg_snapshot *snapshot)
{
	return cell && sr_cell_version(cell) == snapshot->version && sr_cell_kind(cell) == snapshot->kind;
}

/* Store value in one of the first n cells that is free. Returns the cell's number, or SR_NONE. */
static uint32_t claim(struct segreg *reg, uint32_t n, uint64_t value)
{
	uint64_t *cells = sr_row_cells(reg->row);

	uint32_t cell = next_cell;

	for (uint32_t i = 0; i < n; i++, cell++) {
		if (cell >= n)
			cell = 0;
		if (!sr_load_acquire_u64(&cells[cell]) && sr_cas_seqcst_u64(&cells[cell], 0, value)) {
			next_cell = cell;
			return cell;
		}
	}
	return SR_NONE;
}

static int fail_not_held(const struct segreg *reg, const struct segreg_snapshot *snapshot)
{
	if (!sr_lane_may_hold(reg->lane_head))
		return sr_lane_fail_evicted(reg);
	return sr_fail(SEGREG_E_NOTPINNED, "the snapshot of version %" PRIu64 " is not held, or no longer held",
		       snapshot->version);
}

/*
 * Store value in a free cell of this lane, then check for eviction. If the lane is not evicted at that point, the cell
 * counts until it is.
 */
static int publish(struct segreg *reg, uint64_t value, uint32_t *cell)
{
	uint32_t n;

	while ((*cell = claim(reg, n = sr_lane_n_cells(reg->lane_head), value)) == SR_NONE) {
		int rc = sr_lane_add_cells(reg, n);

		if (rc)
			return rc;
	}
	if (SR_LIKELY(sr_lane_may_hold(reg->lane_head)))
		return 0;
	sr_store_seqcst_u64(&sr_row_cells(reg->row)[*cell], 0);
	return sr_lane_fail_evicted(reg);
}

SR_HOT int sr_snapshot_take(struct segreg *reg, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot)
{
	const uint64_t *version = &reg->region.header->version;
	uint64_t v = sr_load_acquire_u64(version), now;
	uint32_t cell;
	int rc;

	SR_STOP("snapshot.read");
	rc = publish(reg, make_cell(v, kind), &cell);
	if (rc)
		return rc;
	SR_STOP("snapshot.published");
	while ((now = sr_load_seqcst_u64(version)) != v) {
		v = now;
		sr_store_seqcst_u64(&sr_row_cells(reg->row)[cell], make_cell(v, kind));
		SR_STOP("snapshot.moved");
	}
	*snapshot = (struct segreg_snapshot){ .version = v, .owner = reg->lane_id, .cell = cell, .kind = kind };
	return 0;
}

/* Whether the lane that the snapshot names still holds the snapshot. [table] */
static bool is_held_by_owner(const struct segreg *reg, const struct segreg_snapshot *snapshot)
{
	uint32_t n = (uint32_t)snapshot->owner;
	struct sr_lane *lane = sr_region_lane(&reg->region, n);

	return n < sr_region_lane_top(&reg->region) && sr_lane_counts_are_held(lane) &&
	       snapshot->cell < sr_lane_n_cells(lane) &&
	       is_cell_of(sr_load_seqcst_u64(&sr_row_cells(sr_region_row(&reg->region, n))[snapshot->cell]),
			  snapshot) &&
	       sr_load_acquire_u32(&lane->epoch) == snapshot->owner >> 32;
}

int sr_snapshot_trade(struct segreg *reg, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot)
{
	struct segreg_snapshot fresh;
	int rc = sr_snapshot_take(reg, kind, &fresh);

	if (rc)
		return rc;
	rc = sr_snapshot_release(reg, snapshot);
	if (rc)
		sr_snapshot_release(reg, &fresh);
	else
		*snapshot = fresh;
	return rc;
}

int sr_snapshot_receive(struct segreg *reg, const struct segreg_snapshot *theirs, struct segreg_snapshot *snapshot)
{
	const struct segreg_snapshot given = *theirs;
	struct segreg_snapshot ours;
	uint32_t cell;
	int rc;

	if (!is_cell_of(make_cell(given.version, given.kind), &given))
		return fail_not_held(reg, &given);
	rc = publish(reg, make_cell(given.version, given.kind), &cell);
	if (rc)
		return rc;
	SR_STOP("snapshot.received");
	ours = (struct segreg_snapshot){
		.version = given.version, .owner = reg->lane_id, .cell = cell, .kind = given.kind
	};
	/*
	 * Ours is published. So if theirs is still there, some cell has held the version all the time. Under the table
	 * lock, so that no reclaim takes the memory of its cells away while we look.
	 */
	rc = sr_table_lock_take(reg);
	if (!rc) {
		/*
		 * Our cell may be the very cell of a snapshot of this handle that was released: such a snapshot is not
		 * held.
		 */
		if ((given.owner == reg->lane_id && given.cell == cell) || !is_held_by_owner(reg, &given))
			rc = fail_not_held(reg, &given);
		sr_table_lock_give(reg);
	}
	if (rc)
		sr_snapshot_release(reg, &ours);
	else
		*snapshot = ours;
	return rc;
}

bool sr_snapshot_is_held(const struct segreg *reg, const struct segreg_snapshot *snapshot)
{
	return snapshot->owner == reg->lane_id && sr_lane_may_hold(reg->lane_head) &&
	       snapshot->cell < sr_lane_n_cells(reg->lane_head) &&
	       is_cell_of(sr_load_acquire_u64(&sr_row_cells(reg->row)[snapshot->cell]), snapshot);
}

int sr_snapshot_check(const struct segreg *reg, const struct segreg_snapshot *snapshot)
{
	return SR_LIKELY(sr_snapshot_is_held(reg, snapshot)) ? 0 : fail_not_held(reg, snapshot);
}

SR_HOT int sr_snapshot_release(struct segreg *reg, struct segreg_snapshot *snapshot)
{
	if (!sr_snapshot_is_held(reg, snapshot) || !sr_cas_seqcst_u64(&sr_row_cells(reg->row)[snapshot->cell],
								      make_cell(snapshot->version, snapshot->kind), 0))
		return fail_not_held(reg, snapshot);
	if (sr_load_acquire_u64(&reg->region.header->version) != snapshot->version)
		sr_region_wake(&reg->region); /* an edit was committed since; a retirement may wait for this release */
	*snapshot = (struct segreg_snapshot){ 0 };
	return 0;
}

uint32_t sr_snapshot_count(const struct sr_region *region, uint32_t n, uint32_t slot, uint64_t version, bool horizons)
{
	const struct sr_detail *detail = &region->details[slot];
	uint64_t retired = detail->retired ? detail->retired : version;
	struct sr_row *row = sr_region_row(region, n);
	uint32_t cells = sr_lane_n_cells(sr_region_lane(region, n)), count = 0;

	for (uint32_t i = 0; i < cells; i++) {
		uint64_t cell = sr_load_seqcst_u64(&sr_row_cells(row)[i]);

		count += sr_cell_holds(cell, detail->born, retired) &&
			 (horizons || sr_cell_kind(cell) != SEGREG_HORIZON);
	}
	return count;
}

static bool is_registered(uint64_t word)
{
	enum sr_state state = sr_word_state(word);

	return state == SR_LIVE || state == SR_PENDING || state == SR_DECIDING || state == SR_REMOVING;
}

/* Take back the decision to unregister a segment. Returns false if the segment is unregistered. */
static bool take_removal_back(uint64_t *word, uint64_t read)
{
	return sr_state_take_back(word, read) || is_registered(sr_load_seqcst_u64(word));
}

/* The first builds had entries without the caller's own bytes. */
bool sr_snapshot_knows(size_t entry_size)
{
	return entry_size == offsetof(struct segreg_entry, user_size) || entry_size >= sizeof(struct segreg_entry);
}

static bool copy_text(const struct sr_region *region, uint32_t slot, struct segreg_entry *entry)
{
	if (entry->size < sizeof(*entry))
		return sr_paths_get(region, slot, entry->path);
	return sr_paths_get_text(region, slot, entry->path, entry->user, &entry->user_size);
}

/* Copy the segment in slot to *entry, if version contains it. */
static bool look_at(const struct sr_region *region, uint32_t slot, uint64_t version, struct segreg_entry *entry)
{
	const struct sr_detail *detail = &region->details[slot];
	uint64_t word = sr_load_acquire_u64(&region->slots[slot].word), again, id, born, retired;
	int is_directory;

	if (!is_registered(word))
		return false;
	id = sr_load_acquire_u64(&region->slots[slot].id);
	born = sr_load_acquire_u64(&detail->born);
	retired = sr_load_acquire_u64(&detail->retired);
	if (born > version || (retired && retired <= version))
		return false;
	SR_STOP("walk.reading");
	is_directory = !!(sr_load_relaxed_u8(&detail->flags) & SR_DETAIL_DIRECTORY);
	if (!copy_text(region, slot, entry))
		return false;
	sr_fence_loads();
	again = sr_load_acquire_u64(&region->slots[slot].word);
	if (!is_registered(again) || sr_word_generation(again) != sr_word_generation(word))
		return false;
	if (SR_UNLIKELY(sr_word_state(again) == SR_REMOVING) && !take_removal_back(&region->slots[slot].word, again))
		return false;
	entry->id = id;
	entry->born = born;
	entry->is_directory = is_directory;
	return true;
}

bool sr_snapshot_look(const struct sr_region *region, uint32_t slot, uint64_t version, struct segreg_entry *entry)
{
	return look_at(region, slot, version, entry);
}

int sr_snapshot_next(struct segreg *reg, const struct segreg_snapshot *snapshot, struct segreg_entry *entry)
{
	uint32_t top = sr_region_slot_top(&reg->region);
	int rc = sr_snapshot_check(reg, snapshot);

	if (rc)
		return rc;
	while (entry->cursor < top)
		if (look_at(&reg->region, (uint32_t)entry->cursor++, snapshot->version, entry))
			return 1;
	SR_STOP("snapshot.walked");
	return sr_snapshot_check(reg, snapshot); /* an eviction in between may have let segments go */
}
