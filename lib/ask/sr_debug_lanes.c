/*
 * sr_debug_lanes.c - showing the lanes of a region with their letters, the queue, and the notes.
 */
#include "ask/sr_debug.h"
#include "shm/sr_cells.h"
#include "sys/sr_filelock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define AGAIN 3u /* times that an entry of the queue is read, until it is called damaged */
#define FEW 64u  /* entries of the queue, without SEGREG_DEBUG_ALL */

/* ---------------------------------------------------------------- lanes and letters */

/* "0-3,7": the pages of counts that have memory. How many. */
static uint32_t list_pages(const struct sr_row *row, uint32_t pages, char text[SR_DEBUG_TEXT])
{
	uint32_t n = 0;
	size_t length = 0;

	text[0] = '\0';
	for (uint32_t page = 0, end; page < pages; page = end + 1) {
		for (end = page; end < pages && row->pages[end / 64] >> end % 64 & 1; end++)
			;
		n += end - page;
		if (end == page)
			continue;
		if (length + 32 < SR_DEBUG_TEXT)
			length +=
				(size_t)snprintf(text + length, SR_DEBUG_TEXT - length,
						 end - page > 1 ? "%s%u-%u" : "%s%u", length ? "," : "", page, end - 1);
		else
			snprintf(text + length, SR_DEBUG_TEXT - length, ", ...");
	}
	return n;
}

/* The pins of a lane. */
static uint64_t sum_counts(const struct sr_debug *d, uint32_t n, const struct sr_row *row, uint32_t pages)
{
	uint32_t counts[SR_COUNTS_PER_PAGE];
	uint64_t sum = 0;

	for (uint32_t page = 0; page < pages; page++) {
		if (!(row->pages[page / 64] >> page % 64 & 1) ||
		    !sr_image_read(&d->image, sr_debug_counts(d, n) + page * SR_PAGE, counts, sizeof(counts)))
			continue;
		for (uint32_t i = 0; i < SR_COUNTS_PER_PAGE; i++)
			sum += (int32_t)counts[i] > 0 ? counts[i] : 0;
	}
	return sum;
}

static void say_counts(struct sr_debug *d, uint32_t n, const struct sr_lane *lane, const struct sr_row *row)
{
	uint32_t pages = (d->geometry.max_segments - 1) / SR_COUNTS_PER_PAGE + 1;
	char text[SR_DEBUG_TEXT];
	struct sr_lane again;
	uint32_t has = list_pages(row, pages, text);

	if (has && !lane->has_counts && sr_debug_lane(d, n, &again) && !again.has_counts)
		sr_debug_damage(d, "has_counts is 0, so no sweep reads them");
	else
		sr_debug_remark(d, "%u of %u pages of counts", has, pages);
	sr_debug_say(d, "pages with memory", "%s", has ? text : "none");
	if (lane->has_counts > 1)
		sr_debug_damage(d, "out of range: 0 or 1");
	sr_debug_say(d, "has_counts", "%u", lane->has_counts);
	sr_debug_say(d, "pins", "%" PRIu64, sum_counts(d, n, row, pages));
}

void sr_debug_say_cell(struct sr_debug *d, uint32_t at, uint64_t cell)
{
	enum segreg_snapshot_kind kind = sr_cell_kind(cell);
	char name[32];

	snprintf(name, sizeof(name), "cell %u", at);
	if (kind != SEGREG_SNAPSHOT && kind != SEGREG_HORIZON)
		sr_debug_damage(d, "neither a snapshot nor a horizon");
	else if (sr_cell_version(cell) > d->header.version && sr_cell_version(cell) > SR_DEBUG_AGAIN(d, version))
		sr_debug_damage(d, "a version that is not yet");
	sr_debug_say(d, name, "%s of version %" PRIu64, kind == SEGREG_HORIZON ? "horizon" : "snapshot",
		     sr_cell_version(cell));
}

static void say_cells(struct sr_debug *d, uint32_t n, const struct sr_lane *lane)
{
	uint32_t cells = lane->cells < SR_CELLS_MAX ? lane->cells : SR_CELLS_MAX;
	uint64_t cell[SR_CELLS_PER_PAGE];

	if (lane->cells > SR_CELLS_MAX || lane->cells % SR_CELLS_PER_PAGE)
		sr_debug_damage(d, "out of range: 0 to %u, whole pages of %u", (unsigned)SR_CELLS_MAX,
				(unsigned)SR_CELLS_PER_PAGE);
	sr_debug_say(d, "cells", "%u", lane->cells);
	for (uint32_t from = 0; from < cells; from += SR_CELLS_PER_PAGE) {
		if (!sr_image_read(&d->image, sr_debug_row(d, n) + SR_PAGE + from * sizeof(*cell), cell, sizeof(cell)))
			break;
		for (uint32_t i = 0; i < SR_CELLS_PER_PAGE; i++)
			if (cell[i])
				sr_debug_say_cell(d, from + i, cell[i]);
	}
}

static void say_letter(struct sr_debug *d, uint32_t n, const struct sr_letter *letter)
{
	static const char *const states[] = { "FREE", "POSTED", "TAKEN", "DONE", "FORSAKEN" };

	sr_debug_begin(d, "letter", n);
	if (letter->state == SR_LETTER_TAKEN)
		sr_debug_remark(d, "the holder of the commit lock has it");
	else if (letter->state == SR_LETTER_POSTED)
		sr_debug_remark(d, "waits for a holder of the commit lock");
	sr_debug_say_named(d, "state", letter->state, states, 5, "sr_letter_state");
	sr_debug_say(d, "seq", "%" PRIu64, letter->seq);
	if (letter->length > SR_LETTER_EDIT)
		sr_debug_damage(d, "out of range: 0 to %u", SR_LETTER_EDIT);
	sr_debug_say(d, "length", "%u", letter->length);
	if (letter->state != SR_LETTER_DONE)
		return;
	sr_debug_say(d, "version", "%" PRIu64, letter->version);
	if (letter->code)
		sr_debug_remark(d, "%s", segreg_strerror(letter->code));
	sr_debug_say(d, "code", "%d", letter->code);
	sr_debug_say_text(d, "text", letter->text, sizeof(letter->text));
}

static void say_lane(struct sr_debug *d, uint32_t n, const struct sr_lane *lane)
{
	static const char *const states[] = { "FREE", "USED", "EVICTING", "EVICTED" };
	struct sr_row row = { .letter.state = SR_LETTER_FREE };

	sr_debug_begin(d, "lane", n);
	if (lane->state != SR_LANE_FREE && n >= d->header.lane_top && n >= SR_DEBUG_AGAIN(d, lane_top))
		sr_debug_damage(d, "not below lane_top, so no sweep sees it");
	sr_debug_say_named(d, "state", lane->state, states, 4, "sr_lane_state");
	sr_debug_say(d, "epoch", "%u", lane->epoch);
	if (lane->state == SR_LANE_FREE && !(d->options->flags & SEGREG_DEBUG_ALL && lane->epoch))
		return;
	sr_debug_say_byte(d, "byte", SR_BYTE_LANES + (off_t)n, "its process lives",
			  "its process is gone: the next sweep empties the lane");
	sr_debug_say_pid(d, "pid", lane->pid, lane->pidns_dev, lane->pidns_ino);
	sr_debug_say(d, "uid", "%u", lane->uid);
	sr_debug_say_text(d, "label", lane->label, sizeof(lane->label));
	sr_debug_say_time(d, "attached_at", lane->attached_at);
	if (!sr_image_read(&d->image, sr_debug_row(d, n), &row, sizeof(row))) {
		sr_debug_damage(d, "the file ends before it");
		sr_debug_say(d, "row", "not there");
		return;
	}
	say_counts(d, n, lane, &row);
	say_cells(d, n, lane);
	say_letter(d, n, &row.letter);
}

/* All heads, since lane_top may be what is damaged. */
void sr_debug_lanes(struct sr_debug *d)
{
	struct sr_lane lane;

	for (uint32_t n = 0; n < d->geometry.max_lanes && !d->rc; n++) {
		if (!sr_debug_lane(d, n, &lane))
			return; /* the file's size is shown as damaged */
		if (lane.state != SR_LANE_FREE || (d->options->flags & SEGREG_DEBUG_ALL && lane.epoch))
			say_lane(d, n, &lane);
	}
}

/* ---------------------------------------------------------------- queue and notes */

static uint32_t slot_top(const struct sr_debug *d)
{
	return d->header.slot_top < d->geometry.max_segments ? d->header.slot_top : d->geometry.max_segments;
}

/* An entry of the queue, and what is wrong with it: NULL for nothing. */
static const char *read_entry(const struct sr_debug *d, uint32_t at, uint32_t *number, struct sr_slot *slot)
{
	struct sr_detail detail;

	*slot = (struct sr_slot){ .id = 0 };
	if (!sr_debug_read_queue(d, at, number))
		return "the file ends before it";
	if (*number >= slot_top(d))
		return "not below slot_top";
	if (!sr_debug_read_slot(d, *number, slot) || !sr_debug_read_detail(d, *number, &detail))
		return "the file ends before its slot";
	if (!sr_state_is_queued(sr_word_state(slot->word)))
		return "the state of its slot has no place in the queue";
	return detail.queue_pos == at ? NULL : "its slot names another place in the queue";
}

/* True if it was shown. */
static bool say_entry(struct sr_debug *d, uint32_t at, bool only_damage)
{
	const char *damage = NULL, *state;
	struct sr_slot slot;
	uint32_t number;

	for (unsigned i = 0; i < AGAIN; i++) {
		damage = read_entry(d, at, &number, &slot);
		if (!damage)
			break;
	}
	if (damage && SR_DEBUG_AGAIN(d, queue_length) != d->header.queue_length)
		damage = NULL; /* the queue moves */
	if (only_damage && !damage)
		return false;
	state = sr_debug_state(sr_word_state(slot.word));
	sr_debug_begin(d, "queue", at);
	if (damage)
		sr_debug_damage(d, "%s", damage);
	else
		sr_debug_remark(d, "segment %" PRIu64 ", %s", slot.id, state ? state : "?");
	sr_debug_say(d, "slot", "%u", number);
	return true;
}

void sr_debug_queue(struct sr_debug *d)
{
	uint32_t length = d->header.queue_length, shown = 0;
	bool all = d->options->flags & SEGREG_DEBUG_ALL;

	if (length > d->geometry.max_segments)
		return; /* shown with the header */
	for (uint32_t at = 0; at < length && !d->rc && (all || shown < 2 * FEW); at++)
		shown += say_entry(d, at, !all && at >= FEW);
	sr_debug_begin(d, "queue", -1);
	sr_debug_remark(d, "of which %u are shown", shown);
	sr_debug_say(d, "length", "%u", length);
}

static void say_note(struct sr_debug *d, uint64_t n)
{
	struct sr_note note;
	bool is_known;

	if (!sr_image_read(&d->image, d->geometry.notes + n % SR_NOTES * sizeof(note), &note, sizeof(note)))
		return;
	is_known = note.kind == SEGREG_LOG_RECLAIMED || note.kind == SEGREG_LOG_EVICTED;
	sr_debug_begin(d, "note", (int64_t)(n & INT64_MAX));
	if (!is_known)
		sr_debug_damage(d, "neither reclaimed nor evicted");
	if (is_known)
		sr_debug_say(d, "kind", "%s", note.kind == SEGREG_LOG_RECLAIMED ? "reclaimed" : "evicted");
	else
		sr_debug_say(d, "kind", "%u", note.kind);
	sr_debug_say_time(d, "at", note.at);
	sr_debug_say(d, "lane", "%u", note.lane);
	sr_debug_say(d, "pid", "%" PRId64, note.pid);
	sr_debug_say_text(d, "label", note.label, sizeof(note.label));
	sr_debug_say(d, "pins", "%" PRIu64, note.pins);
	sr_debug_say(d, "snapshots", "%" PRIu64, note.snapshots);
	sr_debug_say(d, "by_pid", "%" PRId64, note.by_pid);
	sr_debug_say_text(d, "by_label", note.by_label, sizeof(note.by_label));
}

void sr_debug_notes(struct sr_debug *d)
{
	uint64_t kept = d->header.notes_kept, n = d->header.notes_made - kept;

	for (uint64_t i = 0; n <= SR_NOTES && i < n && !d->rc; i++)
		say_note(d, kept + i);
}

static void say_discard(struct sr_debug *d, uint32_t place)
{
	uint64_t at = d->geometry.part[SR_PART_DISCARDS] + place * sizeof(struct sr_discard);
	struct sr_discard discard;

	if (!sr_image_read(&d->image, at, &discard, sizeof(discard)))
		return;
	sr_debug_begin(d, "discard", place);
	if (discard.path_length > SR_DISCARD_PATH)
		sr_debug_damage(d, "its path has %u bytes, and %u fit", discard.path_length, SR_DISCARD_PATH);
	sr_debug_say_text(d, "path", discard.path,
			  discard.path_length < SR_DISCARD_PATH ? discard.path_length + 1u : SR_DISCARD_PATH);
	sr_debug_say(d, "ino", "%" PRIu64, discard.ino);
	sr_debug_say(d, "version", "%" PRIu64, discard.version);
}

void sr_debug_discards(struct sr_debug *d)
{
	uint32_t first = (uint32_t)(d->header.discards >> 32), n = (uint32_t)d->header.discards;

	for (uint32_t i = 0; first < SR_DISCARDS && n <= SR_DISCARDS && i < n && !d->rc; i++)
		say_discard(d, (first + i) % SR_DISCARDS);
}
