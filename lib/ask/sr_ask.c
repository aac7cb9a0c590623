/*
 * sr_ask.c - questions about segments and handles. An answer was true at some moment during the call.
 */
#include "ask/sr_ask.h"
#include "ask/sr_tally.h"
#include "sys/sr_call.h"
#include "sys/sr_error.h"
#include "registry/sr_lane.h"
#include "registry/sr_discards.h"
#include "registry/sr_enter.h"
#include "shm/sr_retry.h"
#include "hold/sr_snapshot.h"
#include "shm/sr_paths.h"
#include "shm/sr_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_known(enum sr_state state)
{
	return state != SR_FREE && state != SR_GONE;
}

static int fail_unknown(uint64_t id)
{
	return sr_fail(SEGREG_E_NOENT, "segment %" PRIu64 " is not registered (segctl log %" PRIu64 ")", id, id);
}

/* Look under the table lock, where a miss is final. */
static SR_COLD int ask_slowly(struct segreg *reg, uint64_t id, uint64_t *word)
{
	SR_UNCANCELLED();
	uint32_t slot;
	int rc = sr_table_lock_take(reg);

	if (rc)
		return rc;
	slot = sr_table_find(&reg->region, id);
	*word = slot == SR_NONE ? 0 : sr_load_acquire_u64(&reg->region.slots[slot].word);
	sr_table_lock_give(reg);
	return is_known(sr_word_state(*word)) ? 0 : fail_unknown(id);
}

int sr_ask_word(struct segreg *reg, uint64_t id, uint64_t *word)
{
	uint32_t slot = sr_table_find(&reg->region, id);

	if (slot != SR_NONE) {
		uint64_t read = sr_load_acquire_u64(&reg->region.slots[slot].word);
		enum sr_state state = sr_word_state(read);

		/* A decision that is under way has changed nothing yet. */
		*word = sr_word_make(sr_word_generation(read), sr_state_undecided(state));
		if (is_known(state) && sr_load_acquire_u64(&reg->region.slots[slot].id) == id)
			return 0;
	}
	return ask_slowly(reg, id, word);
}

int sr_ask_count(struct segreg *reg, uint64_t id, uint64_t *count)
{
	uint32_t slot;
	int rc = sr_table_lock_take(reg);

	if (rc)
		return rc;
	slot = sr_table_find(&reg->region, id);
	if (slot != SR_NONE)
		*count = sr_table_count(&reg->region, slot);
	sr_table_lock_give(reg);
	return slot == SR_NONE ? fail_unknown(id) : 0;
}

static uint64_t region_bytes(const struct sr_region *region, uint64_t lanes)
{
	uint64_t bytes = SR_PAGE + region->header->index_bytes + lanes * (SR_PAGE + sizeof(struct sr_lane));
	uint32_t top = sr_region_lane_top(region);

	for (int part = 0; part < SR_PARTS; part++)
		bytes += region->header->populated[part];
	for (uint32_t n = 0; n < top; n++)
		for (uint32_t i = 0; sr_lane_has_counts(sr_region_lane(region, n)) && i < SR_LANE_PAGE_WORDS; i++)
			bytes += SR_PAGE * (uint64_t)__builtin_popcountll(
						   sr_load_acquire_u64(&sr_region_row(region, n)->pages[i]));
	return bytes;
}

int sr_ask_stats(struct segreg *reg, struct segreg_stats *stats)
{
	const struct sr_header *header = reg->region.header;
	uint32_t top;
	int rc = sr_table_lock_take(reg);

	if (rc)
		return rc;
	*stats = (struct segreg_stats){
		.size = stats->size,
		.building = header->building,
		.live = header->live,
		.pending = header->pending,
		.deleting = header->deleting,
		.failed = header->failed,
		.missing = header->missing,
		.version = sr_load_acquire_u64(&header->version),
		.starts = header->starts,
		.deleted = header->deleted,
		.bytes_freed = header->bytes_freed,
		.reclaimed = header->reclaimed,
		.reclaimed_pins = header->reclaimed_pins,
		.repairs = sr_load_acquire_u64(&header->repairs),
		.max_segments = reg->region.geometry.max_segments,
		.max_lanes = reg->region.geometry.max_lanes,
		.schema = SR_SCHEMA,
		.layout = SR_LAYOUT_VERSION,
		.discards = sr_discards_count(&reg->region),
		.discards_since = (int64_t)sr_load_acquire_u64((const uint64_t *)&header->discards_since),
		.discards_error = (int32_t)sr_load_acquire_u32((const uint32_t *)&header->discards_error),
	};
	top = sr_region_lane_top(&reg->region);
	for (uint32_t n = 0; n < top; n++)
		stats->lanes += sr_lane_is_taken(sr_region_lane(&reg->region, n));
	stats->commits = sr_load_acquire_u64(&header->syncs);
	stats->commit_ns = sr_load_acquire_u64(&header->sync_total);
	stats->commit_ns_max = sr_load_acquire_u64(&header->sync_most);
	stats->region_bytes = region_bytes(&reg->region, top);
	sr_table_lock_give(reg);
	return 0;
}

/* ---------------------------------------------------------------- segments */

#define LIST_BATCH 64u

struct listed {
	struct segreg_info info;
	char path[SEGREG_PATH_MAX + 1];
	uint32_t slot;
	uint64_t word; /* of the slot */
	/* BUILDING: lane_id of the handle that reserved it; 0 if its lane was emptied since */
	uint64_t builder;
};

static bool is_foreign(const struct segreg *reg, const struct sr_lane *lane)
{
	const struct sr_registry *registry = reg->registry;

	return !registry->pidns_ino || lane->pidns_ino != registry->pidns_ino || lane->pidns_dev != registry->pidns_dev;
}

/* Copy what a reservation's lane says of its builder. [table] */
static void copy_builder(const struct segreg *reg, uint64_t builder, struct listed *out)
{
	const struct sr_lane *lane = sr_region_find_lane(&reg->region, builder);

	out->info.is_abandoned = !lane;
	if (!lane)
		return;
	out->builder = builder;
	out->info.builder_pid = lane->pid;
	out->info.is_builder_foreign = is_foreign(reg, lane);
}

/* Copy the fields of a slot. Returns false if the slot serves no registered segment. [table] */
static bool copy_segment(const struct segreg *reg, uint32_t slot, struct sr_tally *tally, struct listed *out)
{
	const struct sr_region *region = &reg->region;
	uint64_t word = sr_load_acquire_u64(&region->slots[slot].word);
	enum sr_state state = sr_word_state(word);
	const struct sr_detail *detail = &region->details[slot];

	if (!is_known(state))
		return false;
	out->info = (struct segreg_info){
		.id = region->slots[slot].id,
		.state = (enum segreg_state)state,
		.is_directory = !!(detail->flags & SR_DETAIL_DIRECTORY),
		.is_missing = state == SR_LIVE && detail->flags & SR_DETAIL_MISSING,
		.error = detail->error,
		.attempts = detail->attempts,
		.pins = tally ? sr_tally_pins(region, slot, tally) : sr_table_count(region, slot),
		.born = detail->born,
		.retired = detail->retired,
		.registered_at = detail->registered_at,
		.retired_at = detail->retired_at,
		.held_since = state == SR_PENDING ? detail->held_since : 0,
		.retry_at = detail->attempts ? sr_retry_at(detail->attempts, detail->retry_at, sr_sys_realtime()) : 0,
		.path = out->path,
		.is_weakly_identified = !!(detail->flags & SR_DETAIL_WEAK),
	};
	if (!sr_paths_get_text(region, slot, out->path, out->info.user, &out->info.user_size))
		out->path[0] = '\0';
	out->slot = slot;
	out->word = word;
	out->builder = 0;
	if (state == SR_BUILDING)
		copy_builder(reg, detail->builder, out);
	return true;
}

/*
 * Ask the kernel which reservations' builders are dead. The table lock is not held: in a large registry each answer
 * takes the kernel long. If the slot's word is still the same afterwards, the dead builder has not published the
 * segment. If the answer cannot be had, the builder counts as alive.
 */
static void find_abandoned(const struct segreg *reg, struct listed *batch, uint32_t n)
{
	int fd = -1;

	for (uint32_t i = 0; i < n; i++) {
		struct listed *one = &batch[i];

		if (!one->builder)
			continue;
		if (fd == -1)
			fd = sr_lockfile_reopen(&reg->registry->lockfile);
		if (fd == -1)
			return;
		one->info.is_abandoned = sr_sys_locked(fd, SR_BYTE_LANES + (uint32_t)one->builder) == 0 &&
					 sr_load_acquire_u64(&reg->region.slots[one->slot].word) == one->word;
	}
	if (fd != -1)
		sr_sys_close(fd);
}

/* A walk over an array of slots, over those of an array of ids, or over all slots. */
struct walk {
	const uint32_t *slots; /* or NULL */
	const uint64_t *ids;   /* or NULL */
	size_t n, at;
	struct sr_tally tally;
};

/* Slots that are looked at in one hold of the table lock: a large registry may have few segments left. */
#define LIST_LOOKS (16 * LIST_BATCH)

/* Whether a sweep deletes the segment when it can. */
static bool is_retired(const struct segreg_info *info)
{
	return info->state == SEGREG_PENDING || info->state == SEGREG_DELETING || info->is_abandoned;
}

static uint32_t next_slot(const struct sr_region *region, struct walk *walk)
{
	size_t at = walk->at++;

	return walk->slots ? walk->slots[at] : walk->ids ? sr_table_find(region, walk->ids[at]) : (uint32_t)at;
}

/* *more becomes false at the end. */
static int list_batch(struct segreg *reg, struct walk *walk, struct listed batch[LIST_BATCH], uint32_t *n, bool *more)
{
	size_t top, end;
	int rc = sr_table_lock_take(reg);

	*n = 0;
	if (rc)
		return rc;
	top = sr_region_slot_top(&reg->region);
	sr_tally_clear(&walk->tally); /* lanes have come and gone since the last batch */
	end = walk->slots || walk->ids ? walk->n : top;
	for (uint32_t looks = 0; walk->at < end && *n < LIST_BATCH && looks < LIST_LOOKS; looks++) {
		uint32_t slot = next_slot(&reg->region, walk);

		*n += slot < top && copy_segment(reg, slot, &walk->tally, &batch[*n]);
	}
	*more = walk->at < end;
	sr_table_lock_give(reg);
	find_abandoned(reg, batch, *n);
	return 0;
}

static int list(struct segreg *reg, struct walk *walk, segreg_list_fn *fn, void *arg)
{
	struct listed *batch = sr_sys_malloc(LIST_BATCH * sizeof(*batch));
	uint32_t n = 0;
	bool more = true;
	int rc = 0;

	if (!batch || !sr_tally_make_room(&walk->tally, &reg->region))
		rc = sr_fail(SEGREG_E_NOMEM, "no memory to list segments");
	while (!rc && more) {
		rc = list_batch(reg, walk, batch, &n, &more);
		for (uint32_t i = 0; i < n && !rc; i++)
			if (!walk->slots || is_retired(&batch[i].info))
				rc = fn(arg, &batch[i].info);
	}
	sr_tally_free(&walk->tally);
	free(batch);
	return rc;
}

int sr_ask_list(struct segreg *reg, segreg_list_fn *fn, void *arg)
{
	return list(reg, &(struct walk){ .slots = NULL }, fn, arg);
}

int sr_ask_list_many(struct segreg *reg, const uint64_t *ids, size_t n, segreg_list_fn *fn, void *arg)
{
	return n ? list(reg, &(struct walk){ .ids = ids, .n = n }, fn, arg) : 0;
}

/* List from a copy of the queue, because the queue changes during the list. */
int sr_ask_list_retired(struct segreg *reg, segreg_list_fn *fn, void *arg)
{
	uint32_t *slots, n;
	int rc = sr_table_lock_take(reg);

	if (rc)
		return rc;
	rc = sr_table_copy_queue(&reg->region, &slots, &n);
	sr_table_lock_give(reg);
	if (rc)
		return rc;
	rc = sr_tally_order(&reg->region, &slots, n);
	if (!rc)
		rc = list(reg, &(struct walk){ .slots = slots, .n = n }, fn, arg);
	free(slots);
	return rc;
}

int sr_ask_list_one(struct segreg *reg, uint64_t id, segreg_list_fn *fn, void *arg)
{
	struct listed one;
	uint32_t slot;
	bool found;
	int rc = sr_table_lock_take(reg);

	if (rc)
		return rc;
	slot = sr_table_find(&reg->region, id);
	found = slot != SR_NONE && copy_segment(reg, slot, NULL, &one);
	sr_table_lock_give(reg);
	if (!found)
		return fail_unknown(id);
	find_abandoned(reg, &one, 1);
	return fn(arg, &one.info);
}

/* ---------------------------------------------------------------- handles */

/* The version in which a segment was retired. A live segment counts as retired after every version. */
static uint64_t retired_or_never(const struct segreg *reg, uint32_t slot)
{
	uint64_t retired = reg->region.details[slot].retired;

	return retired ? retired : UINT64_MAX;
}

struct lanes {
	struct segreg_holder *holders;
	char (*labels)[SEGREG_LABEL_SIZE];
	uint32_t n;
};

/* Count the cells of lane n, or only those that hold the segment in slot, if slot is not SR_NONE. */
static void count_cells(const struct segreg *reg, uint32_t n, uint32_t slot, struct segreg_holder *holder)
{
	struct sr_lane *lane = sr_region_lane(&reg->region, n);
	uint32_t cells = sr_lane_n_cells(lane);

	for (uint32_t i = 0; i < cells; i++) {
		uint64_t cell = sr_load_acquire_u64(&sr_row_cells(sr_region_row(&reg->region, n))[i]);

		if (!cell)
			continue;
		if (slot != SR_NONE &&
		    !sr_cell_holds(cell, reg->region.details[slot].born, retired_or_never(reg, slot)))
			continue;
		if (sr_cell_kind(cell) == SEGREG_HORIZON)
			holder->horizons++;
		else
			holder->snapshots++;
		if (!holder->oldest || sr_cell_version(cell) < holder->oldest)
			holder->oldest = sr_cell_version(cell);
	}
}

static void copy_lane(const struct segreg *reg, uint32_t n, const struct segreg_holder *holds, struct lanes *lanes)
{
	const struct sr_lane *lane = sr_region_lane(&reg->region, n);
	char *label = lanes->labels[lanes->n];

	memcpy(label, lane->label, SEGREG_LABEL_SIZE - 1);
	label[SEGREG_LABEL_SIZE - 1] = '\0';
	lanes->holders[lanes->n++] = (struct segreg_holder){
		.lane = n,
		.epoch = sr_load_acquire_u32(&lane->epoch),
		.pid = lane->pid,
		.is_foreign = is_foreign(reg, lane),
		.uid = lane->uid,
		.pins = holds->pins,
		.snapshots = holds->snapshots,
		.horizons = holds->horizons,
		.oldest = holds->oldest,
		.attached_at = lane->attached_at,
		.label = label,
		.is_evicted = !sr_lane_may_hold(lane),
	};
}

/* Count what lane n holds, or what it holds on slot, if slot is not SR_NONE. An evicted lane holds nothing. [table] */
static void count_holds(const struct segreg *reg, uint32_t n, uint32_t slot, struct segreg_holder *holds)
{
	struct sr_lane *lane = sr_region_lane(&reg->region, n);

	if (!sr_lane_counts_are_held(lane))
		return;
	if (slot == SR_NONE)
		holds->pins = sr_lane_pins(&reg->region, n);
	else if (sr_lane_has_counts(lane) && sr_row_has_page(sr_region_row(&reg->region, n), slot))
		holds->pins = sr_load_acquire_u32(&sr_row_counts(sr_region_row(&reg->region, n))[slot]);
	count_cells(reg, n, slot, holds);
}

/* Copy all taken lanes, or only those that hold slot, if slot is not SR_NONE. [table] */
static void copy_lanes(const struct segreg *reg, uint32_t slot, struct lanes *lanes)
{
	uint32_t top = sr_region_lane_top(&reg->region);

	for (uint32_t n = 0; n < top; n++) {
		struct segreg_holder holds = { 0 };

		if (!sr_lane_is_taken(sr_region_lane(&reg->region, n)))
			continue;
		count_holds(reg, n, slot, &holds);
		if (slot == SR_NONE || holds.pins || holds.snapshots || holds.horizons)
			copy_lane(reg, n, &holds, lanes);
	}
}

static int ask_lanes(struct segreg *reg, const uint64_t *id, segreg_holder_fn *fn, void *arg)
{
	uint32_t slot = SR_NONE, room = reg->region.geometry.max_lanes;
	struct lanes lanes = {
		.holders = sr_sys_malloc(room * sizeof(*lanes.holders)),
		.labels = sr_sys_malloc(room * sizeof(*lanes.labels)),
	};
	int rc;

	if (!lanes.holders || !lanes.labels) {
		rc = sr_fail(SEGREG_E_NOMEM, "no memory to list %u handles", room);
		goto out;
	}
	rc = sr_table_lock_take(reg);
	if (rc)
		goto out;
	if (id)
		slot = sr_table_find(&reg->region, *id);
	if (!id || slot != SR_NONE)
		copy_lanes(reg, slot, &lanes);
	sr_table_lock_give(reg);
	if (id && slot == SR_NONE)
		rc = fail_unknown(*id);
	for (uint32_t i = 0; i < lanes.n && !rc; i++)
		rc = fn(arg, &lanes.holders[i]);
out:
	free(lanes.holders);
	free(lanes.labels);
	return rc;
}

int sr_ask_holders(struct segreg *reg, uint64_t id, segreg_holder_fn *fn, void *arg)
{
	return ask_lanes(reg, &id, fn, arg);
}

int sr_ask_lanes(struct segreg *reg, segreg_holder_fn *fn, void *arg)
{
	return ask_lanes(reg, NULL, fn, arg);
}
