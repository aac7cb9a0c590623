/*
 * sr_debug_slot.c - showing all that a region has about one slot: its word, its detail, the index, and who holds it.
 */
#include "ask/sr_debug.h"
#include "shm/sr_cells.h"
#include "shm/sr_table.h"
#include "sys/sr_error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SLOTS_AT_ONCE 1024u

/* ---------------------------------------------------------------- the slot */

static void say_word(struct sr_debug *d, uint32_t n, uint64_t word)
{
	enum sr_state state = sr_word_state(word);
	const char *name = sr_debug_state(state);

	sr_debug_say(d, "word", "%016" PRIx64, word);
	sr_debug_say(d, "generation", "%u", sr_word_generation(word));
	if (!name)
		sr_debug_damage(d, "not a state");
	else if (state != SR_FREE && n >= d->header.slot_top)
		sr_debug_damage(d, "not below slot_top, which is %u", d->header.slot_top);
	else if (n >= d->header.slot_top)
		sr_debug_remark(d, "not below slot_top: never used");
	if (name)
		sr_debug_say(d, "state", "%s", name);
	else
		sr_debug_say(d, "state", "%u", (unsigned)state);
}

/* Where the index has the slot: a place of the current level, or none. */
static void say_index(struct sr_debug *d, uint32_t n, const struct sr_slot *slot)
{
	uint32_t bits = d->header.index_bits, mask, at, entry;
	uint64_t level = d->geometry.index;
	uint64_t hash = sr_index_hash(slot->id);
	enum sr_state state = sr_word_state(slot->word);

	if (bits < SR_INDEX_MIN_BITS || bits > d->geometry.index_max_bits) {
		sr_debug_damage(d, "index_bits %u is out of range", bits);
		sr_debug_say(d, "index", "not known");
		return;
	}
	level += sr_index_level(bits);
	mask = (1u << bits) - 1;
	at = (uint32_t)(hash >> (64 - bits));
	for (uint32_t probes = 0; probes <= mask; probes++, at = (at + 1) & mask) {
		if (!sr_image_read(&d->image, level + at * sizeof(entry), &entry, sizeof(entry)) || !entry)
			break;
		if (sr_index_slot(entry, hash) != n)
			continue;
		sr_debug_remark(d, "%u after its first place", probes);
		sr_debug_say(d, "index", "entry %u of level %u", at, bits);
		return;
	}
	if (state != SR_FREE && state != SR_GONE && state < SR_STATES)
		sr_debug_damage(d, "the index does not lead to this slot");
	sr_debug_say(d, "index", "none");
}

static void say_user(struct sr_debug *d, uint64_t at, size_t size)
{
	unsigned char user[SEGREG_USER_SIZE];
	char hex[2 * SEGREG_USER_SIZE + 1] = "";

	if (!size)
		return;
	if (!sr_image_read(&d->image, at, user, size))
		sr_debug_damage(d, "the file ends before it");
	else
		for (size_t i = 0; i < size; i++)
			snprintf(hex + 2 * i, 3, "%02x", user[i]);
	sr_debug_say(d, "user", "%s", hex);
}

static void say_path(struct sr_debug *d, const struct sr_detail *detail)
{
	uint32_t units = (detail->path_length + detail->user_size + SR_PATH_UNIT - 1) / SR_PATH_UNIT;
	uint64_t at = d->geometry.part[SR_PART_PATHS] + detail->path * (uint64_t)SR_PATH_UNIT;
	char path[SEGREG_PATH_MAX + 1] = "";

	if (!detail->path_length || detail->path_length > SEGREG_PATH_MAX || detail->user_size > SEGREG_USER_SIZE ||
	    detail->path >= d->geometry.path_units || detail->path % SR_PATH_UNITS_MAX + units > SR_PATH_UNITS_MAX) {
		sr_debug_damage(d, "no such place: %u units of %u bytes, at most %u of them in a row",
				d->geometry.path_units, SR_PATH_UNIT, SR_PATH_UNITS_MAX);
		sr_debug_say(d, "path", "%u and %u bytes at unit %u", detail->path_length, detail->user_size,
			     detail->path);
		return;
	}
	if (!sr_image_read(&d->image, at, path, detail->path_length))
		sr_debug_damage(d, "the file ends before it");
	else if (strlen(path) != detail->path_length)
		sr_debug_damage(d, "has a NUL, and %u bytes", detail->path_length);
	else
		sr_debug_remark(d, "%u bytes at unit %u", detail->path_length, detail->path);
	sr_debug_say(d, "path", "%s", path);
	say_user(d, at + detail->path_length, detail->user_size);
}

/* Its place in the queue, or in the list of free slots. */
static void say_place(struct sr_debug *d, uint32_t n, enum sr_state state, uint32_t pos)
{
	uint32_t there = SR_NONE;

	if (state == SR_FREE && pos == SR_NONE)
		sr_debug_remark(d, "the last of the free slots");
	else if (state == SR_FREE && n < d->header.slot_top)
		sr_debug_remark(d, "the next free slot");
	else if (sr_state_is_queued(state) && (pos >= d->header.queue_length || pos >= d->geometry.max_segments ||
					       !sr_debug_read_queue(d, pos, &there) || there != n))
		sr_debug_damage(d, "the queue does not have it there");
	else if (!sr_state_is_queued(state))
		sr_debug_remark(d, "not in use in this state");
	sr_debug_say(d, "queue_pos", "%u", pos);
}

static void say_builder(struct sr_debug *d, uint64_t builder)
{
	uint32_t n = (uint32_t)builder, epoch = (uint32_t)(builder >> 32);
	struct sr_lane lane;

	if (builder && n < d->geometry.max_lanes && sr_debug_lane(d, n, &lane) && lane.state != SR_LANE_FREE &&
	    lane.epoch == epoch)
		sr_debug_remark(d, "pid %" PRId64, lane.pid);
	else
		sr_debug_remark(d, "not attached any more: the reservation has ended");
	sr_debug_say(d, "builder", "lane %u, epoch %u", n, epoch);
}

static void say_detail(struct sr_debug *d, uint32_t n, enum sr_state state, const struct sr_detail *detail)
{
	char reason[128] = "";

	say_path(d, detail);
	sr_debug_say(d, "born", "%" PRIu64, detail->born);
	sr_debug_say(d, "retired", "%" PRIu64, detail->retired);
	sr_debug_say_time(d, "registered_at", detail->registered_at);
	sr_debug_say_time(d, "retired_at", detail->retired_at);
	if (state == SR_BUILDING)
		say_builder(d, detail->builder);
	else if (state == SR_PENDING || state == SR_DECIDING)
		sr_debug_say_time(d, "held_since", detail->held_since);
	else if (state == SR_DELETING && detail->flags & SR_DETAIL_TRIED)
		sr_debug_say(d, "freed", "%" PRIu64, detail->freed);
	if (detail->flags & ~(SR_DETAIL_DIRECTORY | SR_DETAIL_MISSING | SR_DETAIL_WEAK | SR_DETAIL_TRIED))
		sr_debug_damage(d, "unknown flags");
	else
		sr_debug_remark(d, "%s%s%s%s", detail->flags & SR_DETAIL_DIRECTORY ? "directory" : "file",
				detail->flags & SR_DETAIL_MISSING ? ", missing" : "",
				detail->flags & SR_DETAIL_WEAK ? ", weak" : "",
				detail->flags & SR_DETAIL_TRIED ? ", tried" : "");
	sr_debug_say(d, "flags", "%u", detail->flags);
	sr_debug_say(d, "attempts", "%u", detail->attempts);
	if (detail->error)
		sr_debug_remark(d, "%s", strerror_r(detail->error, reason, sizeof(reason)));
	sr_debug_say(d, "error", "%u", detail->error);
	sr_debug_say_time(d, "retry_at", detail->retry_at);
	say_place(d, n, state, detail->queue_pos);
}

/* ---------------------------------------------------------------- who holds it */

static void say_count(struct sr_debug *d, uint32_t n, const struct sr_lane *lane, const struct sr_row *row,
		      uint32_t slot)
{
	uint32_t page = slot / SR_COUNTS_PER_PAGE, count;
	uint64_t at = sr_debug_counts(d, n) + slot * (uint64_t)sizeof(count);
	char name[32];

	if (!(row->pages[page / 64] >> page % 64 & 1) || !sr_image_read(&d->image, at, &count, sizeof(count)) || !count)
		return;
	snprintf(name, sizeof(name), "count of lane %u", n);
	if (count == SR_COUNT_EVICTED && lane->state != SR_LANE_USED) {
		sr_debug_remark(d, "evicted");
		sr_debug_say(d, name, "none");
		return;
	}
	if ((int32_t)count < 0)
		sr_debug_damage(d, "below 0");
	else if (lane->state == SR_LANE_FREE)
		sr_debug_damage(d, "the lane is FREE");
	else
		sr_debug_remark(d, "pid %" PRId64 " (%.*s)", lane->pid, (int)strnlen(lane->label, sizeof(lane->label)),
				lane->label);
	sr_debug_say(d, name, "%d", (int32_t)count);
}

/* The cells of lane n that hold a segment of those versions. */
static void say_holding_cells(struct sr_debug *d, uint32_t n, const struct sr_lane *lane,
			      const struct sr_detail *detail)
{
	uint32_t cells = lane->cells < SR_CELLS_MAX ? lane->cells : SR_CELLS_MAX;
	uint64_t cell;

	for (uint32_t i = 0; i < cells; i++) {
		uint64_t at = sr_debug_row(d, n) + SR_PAGE + i * sizeof(cell);

		if (!sr_image_read(&d->image, at, &cell, sizeof(cell)))
			return;
		if (!sr_cell_holds(cell, detail->born, detail->retired ? detail->retired : UINT64_MAX))
			continue;
		d->part = "lane";
		d->number = n;
		sr_debug_say_cell(d, i, cell);
	}
}

static void say_holders(struct sr_debug *d, uint32_t slot, const struct sr_detail *detail)
{
	for (uint32_t n = 0; n < d->geometry.max_lanes && !d->rc; n++) {
		struct sr_lane lane;
		struct sr_row row;

		if (!sr_debug_lane(d, n, &lane))
			return;
		if (!lane.epoch && lane.state == SR_LANE_FREE) /* never used: its row has no memory */
			continue;
		if (!sr_image_read(&d->image, sr_debug_row(d, n), &row, sizeof(row)))
			return;
		d->part = "slot";
		d->number = slot;
		say_count(d, n, &lane, &row, slot);
		if (lane.state != SR_LANE_FREE)
			say_holding_cells(d, n, &lane, detail);
	}
}

/* ---------------------------------------------------------------- which slots */

static void say_slot(struct sr_debug *d, uint32_t n)
{
	struct sr_detail detail;
	struct sr_slot slot;

	d->part = "slot";
	d->number = n;
	if (!sr_debug_read_slot(d, n, &slot) || !sr_debug_read_detail(d, n, &detail)) {
		sr_debug_damage(d, "the file ends before it");
		sr_debug_say(d, "word", "not there");
		return;
	}
	sr_debug_say(d, "id", "%" PRIu64, slot.id);
	say_word(d, n, slot.word);
	say_index(d, n, &slot);
	if (sr_word_state(slot.word) == SR_FREE)
		say_place(d, n, SR_FREE, detail.queue_pos);
	else
		say_detail(d, n, sr_word_state(slot.word), &detail);
	say_holders(d, n, &detail);
}

/* All slots that have this id and are not free, since the index may be what is damaged. */
static int say_id(struct sr_debug *d, uint64_t id)
{
	struct sr_slot slots[SLOTS_AT_ONCE];
	bool any = false;

	for (uint32_t from = 0; from < d->geometry.max_segments && !d->rc; from += SLOTS_AT_ONCE) {
		uint32_t left = d->geometry.max_segments - from, n = left < SLOTS_AT_ONCE ? left : SLOTS_AT_ONCE;
		uint64_t at = d->geometry.part[SR_PART_SLOTS] + from * (uint64_t)sizeof(*slots);

		if (!sr_image_read(&d->image, at, slots, n * sizeof(*slots)))
			break;
		for (uint32_t i = 0; i < n && !d->rc; i++) {
			if (slots[i].id != id || sr_word_state(slots[i].word) == SR_FREE)
				continue;
			any = true;
			say_slot(d, from + i);
		}
	}
	return any || d->rc ? d->rc : sr_fail(SEGREG_E_NOENT, "no slot in %s has segment %" PRIu64, d->image.name, id);
}

void sr_debug_slots(struct sr_debug *d)
{
	if (!d->has_geometry)
		d->rc = sr_fail(SEGREG_E_CORRUPT,
				"no slot of %s can be found: its limits (max_segments %u, max_lanes %u) "
				"are out of range",
				d->image.name, d->header.max_segments, d->header.max_lanes);
	else if (d->options->flags & SEGREG_DEBUG_ID)
		d->rc = say_id(d, d->options->id);
	else if (d->options->slot >= d->geometry.max_segments)
		d->rc = sr_fail(SEGREG_E_INVAL, "slot %u is out of range: %s has %u", d->options->slot, d->image.name,
				d->geometry.max_segments);
	else
		say_slot(d, d->options->slot);
}
